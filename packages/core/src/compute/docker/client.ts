import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { createSecureContext } from "node:tls";
import Docker from "dockerode";
import type { Owner } from "../../domain/owner.js";
import { askWhetherPodman } from "./engine.js";

const DEFAULT_HOST = "unix:///var/run/docker.sock";

export interface DockerClient extends Owner {
  docker: Docker;
  /** For each request to the daemon, in ms. */
  callTimeoutMs: number;
  /** Whether the engine behind the socket is Podman: asked until it has answered once. */
  isPodman(abortSignal: AbortSignal): Promise<boolean>;
  close(): void;
}

/** As PEM. */
export interface ClientTls {
  /** Whom the daemon's certificate must be from; the system's authorities if unset. */
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
}

/**
 * Connects lazily: nothing is sent until the first call.
 * @param host as in `DOCKER_HOST`: `unix://`, `tcp://`, `http://` or `https://`.
 * @param tls makes a `tcp://` one TLS.
 * @throws TypeError for a host of another form, and what OpenSSL says of a certificate that is none.
 */
export function createDockerClient(
  host: string | undefined,
  owner: Owner,
  callTimeoutMs: number,
  tls?: ClientTls,
): DockerClient {
  const { https, ...target } = parseHost(host ?? DEFAULT_HOST, tls !== undefined);
  // A connection for each call: one kept from before may lead to another daemon than the next one will (I12).
  const agent = https ? new HttpsAgent(tls && { secureContext: createSecureContext(tls) }) : new HttpAgent();
  // All keys that docker-modem would otherwise fill in from the environment, which is `config`'s alone.
  const docker = new Docker({
    socketPath: undefined,
    host: undefined,
    port: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
    timeout: undefined,
    pathPrefix: "/",
    username: undefined,
    ...target,
    protocol: https ? "https" : "http",
    agent,
  } as Docker.DockerOptions);
  const { deploymentId, installationId } = owner;
  let podman: boolean | null = null;
  return {
    docker,
    deploymentId,
    installationId,
    callTimeoutMs,
    isPodman: async (abortSignal) => (podman ??= await askWhetherPodman(docker, abortSignal)),
    close: () => agent.destroy(),
  };
}

export function parseHost(
  host: string,
  tls = false,
): {
  socketPath?: string;
  host?: string;
  port?: number;
  https: boolean;
} {
  if (host.startsWith("unix://")) {
    const socketPath = host.slice("unix://".length);
    if (!socketPath.startsWith("/"))
      throw new TypeError(`docker host ${host}: a socket needs an absolute path`);
    return { socketPath, https: false };
  }
  const url = URL.canParse(host) ? new URL(host) : null;
  if (url === null || !["tcp:", "http:", "https:"].includes(url.protocol) || url.hostname === "")
    throw new TypeError(`docker host ${host}: expected unix://, tcp://, http:// or https://`);
  const https = url.protocol === "https:" || tls;
  // `new URL` drops a port that is its scheme's default, and gives none for tcp.
  const implied = { "tcp:": tls ? 2376 : 2375, "http:": 80, "https:": 443 }[url.protocol];
  return { host: url.hostname, port: url.port === "" ? (implied as number) : Number(url.port), https };
}
