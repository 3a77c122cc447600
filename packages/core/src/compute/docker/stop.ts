import type { CallOptions, InstanceRef } from "../backend.js";
import type { Ends } from "../ends.js";
import { poll } from "../poll.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";
import { STOPPABLE } from "./engine.js";
import { type FoundContainer, listContainers, meantBy } from "./find.js";
import { noteEnd } from "./probe.js";
import { removeContainer } from "./remove.js";

const PACE = { firstMs: 100, longestMs: 100 };
/** For a removal that another call has begun. */
const PROOF_TIMEOUT_MS = 5_000;

/** See `Backend.stop`. `graceSeconds` is for the program, between SIGTERM and SIGKILL. @throws BackendError */
export async function stopContainer(
  client: DockerClient,
  ends: Ends,
  ref: InstanceRef,
  graceSeconds: number,
  options: CallOptions,
): Promise<"gone" | "stopping"> {
  const find = async () => meantBy(client, ref, await listContainers(client, options, ref.workspaceId));
  const deadline = performance.now() + PROOF_TIMEOUT_MS + graceSeconds * 1000;
  for (const container of await find()) {
    // While it can still be asked. What ends by this call is no finding.
    await noteEnd(client, ends, ref, container, options);
    await end(client, container, graceSeconds, options);
  }
  // The daemon's yes to a removal is no proof (I4).
  const how = { limitMs: deadline - performance.now(), ...PACE, signal: options.signal };
  const gone = await poll(how, async () => ((await find()).length === 0 ? true : null));
  return gone === null ? "stopping" : "gone";
}

async function end(
  client: DockerClient,
  { id, dockerState }: FoundContainer,
  graceSeconds: number,
  options: CallOptions,
): Promise<void> {
  if (STOPPABLE.has(dockerState))
    await ask(
      client,
      `stop ${id.slice(0, 12)}`,
      {
        ...options,
        timeoutMs: client.callTimeoutMs + graceSeconds * 1000,
        // It has ended, it is gone, or it can't be stopped politely: in any case what follows decides.
        expects: [304, 404, 409, 500],
        reply: "any",
      },
      (abortSignal) => client.docker.getContainer(id).stop({ t: graceSeconds, abortSignal }),
    );
  if (dockerState !== "removing") await removeContainer(client, id, options);
}
