import { BackendError } from "../backend-error.js";
import { redacted } from "../redact.js";
import { NOT_FROM_AWS } from "./answers.js";
import { MEANINGS, type Meaning, refusalOf } from "./launch-errors.js";

const UNREACHABLE = new Set(
  "ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT ENOTFOUND EAI_AGAIN EHOSTUNREACH ENETUNREACH".split(" "),
);
const LONGEST_MESSAGE = 500;

/** The provider's code, or that of the connection. */
export function codeOf(error: unknown): string {
  const { name, code, Code } = error as { name?: unknown; code?: unknown; Code?: unknown };
  if (typeof code === "string" && UNREACHABLE.has(code)) return code;
  return typeof Code === "string" ? Code : typeof name === "string" ? name : "Error";
}

export function isThrottle(code: string): boolean {
  return refusalOf(code, null).meaning === "throttled";
}

/** HTTP status of the answer; null if none came. */
export function statusOf(error: unknown): number | null {
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode ?? null;
}

/**
 * What a failure means. The SDK's error is never the `cause`: it carries the reply and sometimes parts of the
 * signed request.
 */
export function failureOf(what: string, error: unknown, secrets: readonly string[] = []): BackendError {
  if (error instanceof BackendError) return error;
  const providerCode = codeOf(error);
  const [code, kind, passing] = MEANINGS[meaningOf(error)];
  const text =
    code === "backend_unreachable" && providerCode !== NOT_FROM_AWS
      ? "AWS can't be reached"
      : scrub(String((error as { message?: unknown }).message ?? error), secrets);
  return new BackendError(code, kind, `${what}: ${text}`, { providerCode, passing });
}

/** Of an error of the SDK's. */
export function meaningOf(error: unknown): Meaning {
  const code = codeOf(error);
  if (UNREACHABLE.has(code) || code === NOT_FROM_AWS) return "unreachable";
  return refusalOf(code, statusOf(error)).meaning;
}

/** The provider's words in one short line, without what must not be seen. */
function scrub(text: string, secrets: readonly string[]): string {
  return redacted(text, secrets)
    .replaceAll(/\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{8,}\b/g, "[redacted]")
    .replaceAll(/(Encoded authorization failure message:|Signature=|Credential=)\s*\S+/gi, "$1 [redacted]")
    .replaceAll(/The Canonical String[\s\S]*/g, "[redacted]")
    .replaceAll(/\s+/g, " ")
    .trim()
    .slice(0, LONGEST_MESSAGE);
}
