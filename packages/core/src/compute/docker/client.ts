import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { createSecureContext } from "node:tls";
import Docker from "dockerode";
import type { Owner } from "../../domain/owner.js";
import { askWhetherPodman } from "./engine.js";
import { SshAgent, type SshTarget } from "./ssh-agent.js";

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
 * @param host as in `DOCKER_HOST`: `unix://`, `tcp://`, `http://`, `https://` or `ssh://`.
 * @param tls makes a `tcp://` one TLS.
 * @param sshConfig a file in place of ssh's own configuration.
 * @throws TypeError for a host of another form, and what OpenSSL says of a certificate that is none.
 */
export function createDockerClient(
  host: string | undefined,
  owner: Owner,
  callTimeoutMs: number,
  { tls, sshConfig }: { tls?: ClientTls | undefined; sshConfig?: string | undefined } = {},
): DockerClient {
  const { https, ssh, ...target } = parseHost(host ?? DEFAULT_HOST, tls !== undefined);
  // A connection for each call: one kept from before may lead to another daemon than the next one will (I12).
  const secure = () => new HttpsAgent(tls && { secureContext: createSecureContext(tls) });
  const near = () => (ssh === undefined ? new HttpAgent() : new SshAgent({ ...ssh, config: sshConfig }));
  const agent = https ? secure() : near();
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
  ssh?: SshTarget;
} {
  if (host.startsWith("unix://")) {
    const socketPath = host.slice("unix://".length);
    if (!socketPath.startsWith("/"))
      throw new TypeError(`docker host ${host}: a socket needs an absolute path`);
    return { socketPath, https: false };
  }
  const url = URL.canParse(host) ? new URL(host) : null;
  if (url === null || !["tcp:", "http:", "https:", "ssh:"].includes(url.protocol) || url.hostname === "")
    throw new TypeError(`docker host ${host}: expected unix://, tcp://, http://, https:// or ssh://`);
  if (url.protocol === "ssh:") return { ...viaSsh(url), https: false };
  const https = url.protocol === "https:" || tls;
  // `new URL` drops a port that is its scheme's default, and gives none for tcp.
  const implied = { "tcp:": tls ? 2376 : 2375, "http:": 80, "https:": 443 }[url.protocol];
  return { host: url.hostname, port: url.port === "" ? (implied as number) : Number(url.port), https };
}

/** The name is for the header of requests alone. @throws TypeError for a password, which ssh is never given */
function viaSsh(url: URL): { host: string; port: number; ssh: SshTarget } {
  if (url.password !== "")
    throw new TypeError(`docker host ssh://${url.host}: ssh takes no password, only keys`);
  return {
    host: url.hostname,
    port: 80,
    ssh: {
      host: url.hostname.replaceAll(/^\[|\]$/g, ""),
      user: url.username === "" ? undefined : decodeURIComponent(url.username),
      port: url.port === "" ? undefined : Number(url.port),
      socketPath: url.pathname === "" || url.pathname === "/" ? "/var/run/docker.sock" : url.pathname,
    },
  };
}
