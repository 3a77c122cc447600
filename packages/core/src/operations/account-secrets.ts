import { BackendError } from "../compute/backend-error.js";
import type { AccountSecret } from "../domain/secrets.js";
import { callOf, type StepContext } from "./step.js";

/** As much as a value that is given in the spec itself may have. */
export const MAX_BYTES = 32 * 1024;
/** What stands before the name in an ARN of Secrets Manager. */
const ARN = /^arn:.*:secret:/;

/** Asks the account that a place is in. */
export type Ask = (secret: AccountSecret) => Promise<string>;

/** Asks for each secret once an attempt: what was ready before a stop is what is launched after it. */
export function askOf(context: StepContext): Ask {
  return (secret) => {
    const key = JSON.stringify(secret);
    const asked = context.askedSecrets.get(key) ?? askPlace(context, secret);
    context.askedSecrets.set(key, asked);
    return asked;
  };
}

async function askPlace(context: StepContext, secret: AccountSecret): Promise<string> {
  const { backend } = context;
  if (backend.secretOf !== undefined) return await backend.secretOf(secret, callOf(context));
  throw missing(`backend "${backend.name}" has no account whose secrets could be asked for`);
}

/** @throws BackendError as `Backend.secretOf`, with the field in its message */
export async function accountSecret(
  secret: AccountSecret,
  prefix: string | null,
  ask: Ask,
  field: string,
): Promise<string> {
  const [kind, name] =
    "ssm" in secret ? ["parameter", secret.ssm] : ["Secrets Manager secret", secret.secretsManager];
  const what = `${field}: the ${kind} ${JSON.stringify(name)}`;
  if (prefix === null)
    throw missing(`${what} can't be asked for: the worker has no BERTH_SECRETS_AWS_PREFIX`);
  if (!name.replace(ARN, "").startsWith(prefix))
    throw missing(`${what} doesn't begin with the worker's BERTH_SECRETS_AWS_PREFIX`);
  const value = await ask(secret).catch((error: unknown) => {
    if (!(error instanceof BackendError)) throw error;
    const { code, kind: lasting, message, passing, providerCode } = error;
    throw new BackendError(code, lasting, `${what}: ${message}`, { passing, providerCode, cause: error });
  });
  if (value === "") throw missing(`${what} is empty`);
  if (Buffer.byteLength(value) > MAX_BYTES) throw missing(`${what} has more than ${MAX_BYTES} bytes`);
  return value;
}

/** It may be put there later. */
export function missing(message: string): BackendError {
  return new BackendError("secret_not_found", "permanent", message, { passing: true });
}
