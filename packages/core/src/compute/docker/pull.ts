import { BackendError, type CallOptions } from "../backend.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";

/** The registry's word that there is no such image, or none for us. Anything else may be better later. */
const NO_SUCH_IMAGE =
  /not found|manifest unknown|does not exist|access denied|unauthorized|no match for platform/i;

/**
 * Pulls an image without credentials, within `timeoutMs`.
 * @throws BackendError `image_not_found` if the registry says so, otherwise a transient one.
 */
export async function pullImage(
  client: DockerClient,
  image: string,
  timeoutMs: number,
  options: CallOptions,
): Promise<void> {
  const pulled = await ask(
    client,
    `pull ${image}`,
    { ...options, timeoutMs, expects: [404, 500] },
    async (abortSignal) => {
      const stream = (await client.docker.pull(image, { abortSignal })) as AsyncIterable<Buffer>;
      return await lastError(stream);
    },
  );
  const problem = pulled.ok ? pulled.value : pulled.message;
  if (problem === null) return;
  const missing = (!pulled.ok && pulled.status === 404) || NO_SUCH_IMAGE.test(problem);
  throw new BackendError(
    missing ? "image_not_found" : "backend_failed",
    missing ? "permanent" : "transient",
    `pull ${image}: ${problem}`,
    { providerCode: pulled.ok ? null : String(pulled.status) },
  );
}

/** The daemon has said 200 before it meets most failures: they are lines of its progress. */
async function lastError(stream: AsyncIterable<Buffer>): Promise<string | null> {
  let rest = "";
  let problem: string | null = null;
  for await (const chunk of stream) {
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
