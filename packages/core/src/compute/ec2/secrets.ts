import type { AccountSecret } from "../../domain/secrets.js";
import { BackendError } from "../backend-error.js";
import type { Caller, Ec2 } from "./context.js";
import { failureOf } from "./failure.js";
import { askJson } from "./json-call.js";

/**
 * What the services say where a name leads to nothing that could be read by now
 * (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html,
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html): `InvalidRequestException` is a secret
 * that is to be deleted, and the last two are keys of KMS that are off or gone.
 */
const NOT_THERE = new Set([
  "ParameterNotFound",
  "ParameterVersionNotFound",
  "ResourceNotFoundException",
  "ValidationException",
  "InvalidParameterException",
  "InvalidRequestException",
  "InvalidKeyId",
  "DecryptionFailure",
]);
/** What these services say, as EC2 has it. */
const AS_EC2_SAYS: ReadonlyMap<string, string> = new Map([
  ["InvalidSignatureException", "SignatureDoesNotMatch"],
  ["IncompleteSignatureException", "IncompleteSignature"],
  ["MissingAuthenticationTokenException", "MissingAuthenticationToken"],
  ["TooManyRequestsException", "ThrottlingException"],
]);

/** See `AskSecret`. One request; whoever calls tries again. */
export async function secretOf(
  { aws, options }: Ec2,
  secret: AccountSecret,
  { signal }: Caller,
): Promise<string> {
  const limits = { signal, timeoutMs: options.callTimeoutMs };
  try {
    if ("ssm" in secret) {
      const body = { Name: secret.ssm, WithDecryption: true };
      const said = await askJson(aws, { service: "ssm", target: "AmazonSSM.GetParameter", body }, limits);
      const value = (said["Parameter"] as { Value?: unknown } | undefined)?.Value;
      if (typeof value === "string") return value;
    } else {
      const body = { SecretId: secret.secretsManager };
      const target = "secretsmanager.GetSecretValue";
      const said = await askJson(aws, { service: "secretsmanager", target, body }, limits);
      const { SecretString: value, SecretBinary: binary } = said;
      if (typeof value === "string") return value;
      if (binary !== undefined)
        throw notFound("it is binary (SecretBinary); only text (SecretString) can be given to a program");
    }
    throw notFound("AWS's answer has no value");
  } catch (error) {
    throw failureIn(error, signal);
  }
}

function failureIn(error: unknown, signal: AbortSignal): BackendError {
  if (error instanceof BackendError) return error;
  if (signal.aborted) return new BackendError("aborted", "transient", "ask for a secret: given up");
  if (!(error instanceof Error)) return failureOf("ask for a secret", error);
  if (NOT_THERE.has(error.name)) return notFound(`${error.name}: ${error.message}`, error.name);
  const name = AS_EC2_SAYS.get(error.name);
  if (name !== undefined) error.name = name;
  return failureOf("ask for a secret", error);
}

function notFound(message: string, providerCode: string | null = null): BackendError {
  return new BackendError("secret_not_found", "permanent", message, { providerCode, passing: true });
}
