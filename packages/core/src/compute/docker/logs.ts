import type { CallOptions, InstanceRef } from "../backend.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";
import { listContainers, meantBy } from "./find.js";

const MOST_LINES = 10_000;
const MOST_BYTES = 2 ** 20;
/** Stream number, three zeros, length: before each piece of what a container without a terminal writes. */
const HEADER_BYTES = 8;

/** See `Backend.logs`. At most 10,000 lines and the last MiB. @throws BackendError */
export async function readLogs(
  client: DockerClient,
  ref: InstanceRef,
  { tail, ...options }: CallOptions & { tail: number },
): Promise<string> {
  const [container] = meantBy(ref, await listContainers(client, options, ref.workspaceId));
  if (container === undefined || tail < 1) return "";
  const answer = await ask(
    client,
    `logs of ${ref.name}`,
    // 409 for one that is being removed.
    { ...options, expects: [404, 409], reply: "any" },
    (abortSignal) =>
      client.docker.getContainer(container.id).logs({
        stdout: true,
        stderr: true,
        follow: false,
        tail: Math.min(tail, MOST_LINES),
        abortSignal,
      }),
  );
  return answer.ok ? payloadOf(Buffer.from(answer.value)).subarray(-MOST_BYTES).toString() : "";
}

function payloadOf(frames: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at + HEADER_BYTES <= frames.length;) {
    const end = at + HEADER_BYTES + frames.readUInt32BE(at + 4);
    pieces.push(frames.subarray(at + HEADER_BYTES, end));
    at = end;
  }
  return Buffer.concat(pieces);
}
