import type { CallOptions } from "../backend.js";
import { demand } from "./ask.js";
import type { DockerClient } from "./client.js";

/** The daemon's own id, which lives with its data. @throws BackendError */
export async function identifyDaemon(client: DockerClient, { signal }: CallOptions): Promise<string | null> {
  // Its types leave the options out.
  const docker = client.docker as unknown as {
    info(options: { abortSignal: AbortSignal }): Promise<{ ID?: string }>;
  };
  const info = await demand(client, "ask who the daemon is", { signal }, (abortSignal) =>
    docker.info({ abortSignal }),
  );
  return info.ID === undefined || info.ID === "" ? null : `docker:${info.ID}`;
}
