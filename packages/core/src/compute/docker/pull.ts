import type { Readable } from "node:stream";
import { untilAny } from "../../base/deadline.js";
import type { CallOptions } from "../backend.js";
import { BackendError } from "../backend-error.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";

/** The registry's word that there is no such image, or none for us. Anything else may be better later. */
const NO_SUCH_IMAGE =
  /not found|manifest unknown|does not exist|access denied|unauthorized|no match for platform/i;

/** The registry asks for patience, or for an account. */
const TOO_MANY = /toomanyrequests|too many requests|pull rate limit/i;

export interface PullLimits {
  /** For all of it, in ms. */
  pullTimeoutMs: number;
  /** Without a word of progress, in ms: the daemon waits without end for a registry that says nothing. */
  pullStallMs: number;
}

/**
 * Pulls an image without credentials, within its limits and as long as it is wanted. What is given up here, a daemon
 * may wait for a while longer: 20.10 does, for a registry that doesn't tell of the manifest.
 * @throws BackendError `image_not_found` if the registry says so, otherwise a transient one.
 */
export async function pullImage(
  client: DockerClient,
  image: string,
  { pullTimeoutMs, pullStallMs }: PullLimits,
  options: CallOptions,
): Promise<void> {
  const what = `pull ${image}`;
  const stall = new AbortController();
  const stalled = () =>
    stall.abort(
      new BackendError(
        "backend_timeout",
        "transient",
        `${what}: no progress for ${pullStallMs} ms; its registry may hang`,
      ),
    );
  let timer = setTimeout(stalled, pullStallMs);
  const onProgress = () => {
    clearTimeout(timer);
    timer = setTimeout(stalled, pullStallMs);
  };
  const ends = [options.signal, stall.signal, ...(options.unwanted ? [options.unwanted] : [])];
  try {
    const pulled = await untilAny(ends, (signal) =>
      ask(client, what, { signal, timeoutMs: pullTimeoutMs, expects: [404, 500] }, async (abortSignal) => {
        const stream = (await client.docker.pull(image, { abortSignal })) as Readable;
        const close = () => void stream.destroy();
        abortSignal.addEventListener("abort", close, { once: true });
        return await lastError(stream, onProgress);
      }),
    );
    const problem = pulled.ok ? pulled.value : pulled.message;
    if (problem !== null) throw refusal(what, problem, pulled.ok ? null : pulled.status);
  } catch (error) {
    if (stall.signal.aborted && !options.signal.aborted) throw stall.signal.reason;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Pulls an image that the daemon doesn't have. @throws BackendError as {@link pullImage} */
export async function ensureImage(
  client: DockerClient,
  image: string,
  limits: PullLimits,
  options: CallOptions,
): Promise<void> {
  const found = await ask(client, `look at image ${image}`, { ...options, expects: [404] }, () =>
    client.docker.getImage(image).inspect(),
  );
  if (!found.ok) await pullImage(client, image, limits, options);
}

function refusal(what: string, problem: string, status: number | null): BackendError {
  const options = { providerCode: status === null ? null : String(status) };
  const text = `${what}: ${problem}`;
  if (TOO_MANY.test(problem)) return new BackendError("throttled", "transient", text, options);
  if (status === 404 || NO_SUCH_IMAGE.test(problem))
    return new BackendError("image_not_found", "permanent", text, options);
  return new BackendError("backend_failed", "transient", text, options);
}

/** The daemon has said 200 before it meets most failures: they are lines of its progress. */
async function lastError(stream: AsyncIterable<Buffer>, onProgress: () => void): Promise<string | null> {
  let rest = "";
  let problem: string | null = null;
  for await (const chunk of stream) {
    onProgress();
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) problem = errorIn(line) ?? problem;
  }
  return errorIn(rest) ?? problem;
}

function errorIn(line: string): string | null {
  if (!line.includes('"error"')) return null;
  try {
    const { error } = JSON.parse(line) as { error?: unknown };
    return typeof error === "string" ? error : null;
  } catch {
    return null;
  }
}
