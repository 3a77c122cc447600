import { randomUUID } from "node:crypto";
import type { CallOptions } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";
import { isVolumeThere } from "./engine.js";

/** Docker makes it with the data of a daemon, under a random id, and lets nobody remove or prune it. */
const NETWORK = "none";
/** Where there is no such network: on Podman. Its label holds the identity. */
const MARKER = "berth-place";
const PLACE = "berth.place";

/**
 * Which daemon's data this is. Not `/info`'s `ID`: in Docker 20.10 that is a file in /etc, which all daemons of a
 * machine share and which outlives the data, and Podman makes up another one for each call (docs/engines.md).
 * @returns null where it carries no marker. @throws BackendError
 */
export async function identifyDaemon(client: DockerClient, options: CallOptions): Promise<string | null> {
  const what = "ask who the daemon is";
  // Its types leave the options out.
  const none = client.docker.getNetwork(NETWORK) as unknown as {
    inspect(options: { abortSignal: AbortSignal }): Promise<{ Id: string }>;
  };
  const network = await ask(client, what, { ...options, expects: [404] }, (abortSignal) =>
    none.inspect({ abortSignal }),
  );
  if (network.ok) return `docker:${network.value.Id.slice(0, 32)}`;
  const marker = await ask(client, what, { ...options, expects: [404] }, (abortSignal) =>
    client.docker.getVolume(MARKER).inspect({ abortSignal }),
  );
  if (!marker.ok) return null;
  const id = (marker.value.Labels as Record<string, string> | null)?.[PLACE];
  if (id === undefined)
    throw new BackendError(
      "name_taken",
      "permanent",
      `volume ${MARKER} has no label ${PLACE}: remove it, so that Berth can make its own`,
    );
  return `docker:${id}`;
}

/** A volume is made once, whoever asks: engines keep the labels of the one that is there. @throws BackendError */
export async function markDaemon(client: DockerClient, options: CallOptions): Promise<string> {
  const known = await identifyDaemon(client, options);
  if (known !== null) return known;
  const what = `create volume ${MARKER}`;
  const made = await ask(client, what, { ...options, expects: [500] }, (abortSignal) =>
    client.docker.createVolume({ Name: MARKER, Labels: { [PLACE]: randomUUID() }, abortSignal }),
  );
  const identity = made.ok || isVolumeThere(made) ? await identifyDaemon(client, options) : null;
  if (identity !== null) return identity;
  throw new BackendError(
    "backend_failed",
    "transient",
    `${what}: ${made.ok ? "it isn't there" : made.message}`,
  );
}
