import { setTimeout as delay } from "node:timers/promises";
import type { CallOptions, LaunchRequest } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";
import { couldNotRun, hasEnded, hasExecuted, isTopUnknown, type Top, topWords } from "./engine.js";
import { inspectContainer } from "./find.js";
import { piecesOf } from "./logs.js";
import { removeContainer } from "./remove.js";

/** Between two looks. What can't be run mostly ends 30 to 150 ms after its start. */
const PAUSE_MS = 100;
/** So many looks at least: a program that has begun may be a shell that finds nothing to run. */
const LOOKS = 2;

/**
 * With an init process the engine calls any start a success: whether the program could be run is seen from how the
 * container ends, or from its processes. On a busy machine either takes a while.
 * @throws BackendError `start_failed` for a program that can't be run, whose container is then removed
 */
export async function lookAfterStart(
  client: DockerClient,
  id: string,
  { instance, spec }: LaunchRequest,
  options: CallOptions,
): Promise<void> {
  const end = performance.now() + client.callTimeoutMs;
  for (let look = 1; ; look++) {
    const found = await inspectContainer(client, id, options);
    if (found === null)
      throw new BackendError("backend_failed", "transient", `${instance.name} was removed while it started`);
    if (hasEnded(found.State.Status)) {
      // Any other end is the program's own, and for `probe` to tell.
      if (!(await couldNotRun(found.State.ExitCode, () => lastLines(client, id, options)))) return;
      await removeContainer(client, id, options);
      const program = JSON.stringify(spec.command?.[0] ?? "the command of its image");
      throw new BackendError("start_failed", "permanent", `start ${instance.name}: ${program} can't be run`, {
        providerCode: `exit ${found.State.ExitCode}`,
      });
    }
    if (look >= LOOKS && ((await mayRun(client, id, options)) || performance.now() > end)) return;
    await delay(PAUSE_MS, undefined, { signal: options.signal }).catch(() => undefined);
  }
}

/** Whether the init process has executed the program, or nobody can tell. @throws BackendError */
async function mayRun(client: DockerClient, id: string, options: CallOptions): Promise<boolean> {
  const answer = await ask(
    client,
    `processes of ${id.slice(0, 12)}`,
    // One that has ended meanwhile has none.
    { ...options, expects: [404, 409, 500] },
    async (abortSignal) =>
      client.docker
        .getContainer(id)
        .top({ ps_args: topWords(await client.isPodman(abortSignal)), abortSignal }) as Promise<Top>,
  );
  return answer.ok ? hasExecuted(answer.value) : isTopUnknown(answer);
}

/** What it wrote to its standard error last, with the headers of its pieces. @throws BackendError */
async function lastLines(client: DockerClient, id: string, options: CallOptions): Promise<string> {
  const logs = await ask(
    client,
    `logs of ${id.slice(0, 12)}`,
    { ...options, expects: [404, 409], reply: "any" },
    (abortSignal) =>
      client.docker
        .getContainer(id)
        .logs({ stderr: true, follow: false, timestamps: true, tail: 5, abortSignal }),
  );
  return logs.ok
    ? piecesOf(Buffer.from(logs.value))
        .map(({ line }) => line.text)
        .join("\n")
    : "";
}
