import { readFile, realpath, stat } from "node:fs/promises";
import type { InstanceRef } from "../compute/backend.js";
import { BackendError } from "../compute/backend-error.js";
import { redacted, secretsOf } from "../compute/redact.js";
import { isOfAccount, type LaunchSpec, type SecretRef } from "../domain/secrets.js";
import type { Spec } from "../domain/spec.js";
import { accountSecret, askOf, MAX_BYTES, missing, type Ask } from "./account-secrets.js";
import { callOf, type SecretSources, type StepContext } from "./step.js";

/** As the API has it too; here a name becomes a path. */
const FILE_NAME = /^(?!\.)[A-Za-z0-9._-]{1,128}$/;
/**
 * A spec with every secret in its place, and those of them that are in its command.
 * @throws BackendError `secret_not_found`: it may be put there later, so what Berth began goes on; where an account is asked,
 * what its place fails with.
 */
export async function launchSpecOf(
  { command, env, ...rest }: Spec,
  sources: SecretSources,
  ask: Ask,
): Promise<{ spec: LaunchSpec; secretArguments: string[] }> {
  const look = (ref: SecretRef, field: string): Promise<string> => find(ref, sources, ask, field);
  const secretArguments: string[] = [];
  const argv: string[] = [];
  for (const [index, one] of (command ?? []).entries()) {
    const value = typeof one === "object" && "secret" in one ? one.secret : one;
    argv.push(typeof value === "string" ? value : await look(value, `spec.command[${index}]`));
    if (typeof one !== "string") secretArguments.push(argv.at(-1)!);
  }
  const values: [string, string][] = [];
  for (const [name, value] of Object.entries(env ?? {}))
    values.push([name, typeof value === "string" ? value : await look(value, `spec.env.${name}`)]);
  const spec: LaunchSpec = {
    ...rest,
    ...(command && { command: argv }),
    ...(env && { env: Object.fromEntries(values) }),
  };
  return { spec, secretArguments };
}

/** What an instance gets besides its spec's own. */
export function environmentOf(context: StepContext, generation: number): Record<string, string> {
  return {
    BERTH_DEPLOYMENT_ID: context.limits.deploymentId,
    BERTH_WORKSPACE_ID: context.workspace.id,
    BERTH_GENERATION: String(generation),
    BERTH_TOKEN: context.tokenOf(generation),
    BERTH_URL: context.limits.publicUrl,
  };
}

/** What it wrote last, without its secrets: whoever may read an operation may not read logs. */
export async function lastLinesOf(context: StepContext, ref: InstanceRef): Promise<string> {
  const launched = await launchSpecOf(context.workspace.spec, context.secretSources, askOf(context));
  const { BERTH_TOKEN: token = "" } = environmentOf(context, ref.generation);
  const { lines } = await context.backend.logs(ref, { ...callOf(context), tail: 5 });
  const text = lines.map((line) => line.text).join("\n");
  return redacted(text, secretsOf({ ...launched, env: { token } }));
}

async function find(
  { secretRef: ref }: SecretRef,
  sources: SecretSources,
  ask: Ask,
  field: string,
): Promise<string> {
  if (isOfAccount(ref)) return await accountSecret(ref, sources.accountPrefix, ask, field);
  if ("file" in ref) return await readSecret(ref.file, sources.directory, field);
  const value = Object.hasOwn(sources.variables, ref.env) ? sources.variables[ref.env] : undefined;
  if (value !== undefined && value !== "") return value;
  throw missing(
    `${field}: the worker has no variable ${JSON.stringify(ref.env)} that BERTH_SECRETS_ENV_PREFIX lets out`,
  );
}

/** Without the line feed that ends most files. */
async function readSecret(name: string, directory: string | null, field: string): Promise<string> {
  const what = `${field}: the file ${JSON.stringify(name)}`;
  if (directory === null) throw missing(`${what} can't be read: the worker has no BERTH_SECRETS_DIR`);
  if (!FILE_NAME.test(name)) throw missing(`${what} can't be in BERTH_SECRETS_DIR`);
  try {
    const root = await realpath(directory);
    // Kubernetes mounts files as links to files below; a link that leads out is none of the secrets.
    const path = await realpath(`${root}/${name}`);
    if (!path.startsWith(root === "/" ? "/" : `${root}/`))
      throw missing(`${what} leads out of BERTH_SECRETS_DIR`);
    const found = await stat(path);
    if (!found.isFile() || found.size > MAX_BYTES)
      throw missing(`${what} is no file of at most ${MAX_BYTES} bytes`);
    return (await readFile(path, "utf8")).replace(/\r?\n$/, "");
  } catch (error) {
    if (error instanceof BackendError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "unknown";
    throw missing(`${what} can't be read in the worker's BERTH_SECRETS_DIR (${code})`);
  }
}
