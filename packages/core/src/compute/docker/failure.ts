import { BackendError } from "../backend-error.js";
import { redacted } from "../redact.js";
import { SshError } from "./ssh-agent.js";

/** Of a socket that isn't there, isn't ours to open, or broke: the daemon is down or restarting. */
const UNREACHABLE = new Set([
  "ENOENT",
  "EACCES",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);
const LONGEST_MESSAGE = 500;

/** The HTTP status of a refusal, or null if none came. dockerode throws for 304 as well. */
export function statusOf(error: unknown): number | null {
  const status = (error as { statusCode?: unknown }).statusCode;
  return typeof status === "number" ? status : null;
}

/** The daemon's own words, without `secrets`, in one short line. */
export function messageOf(error: unknown, secrets: readonly string[] = []): string {
  const { json, message } = error as { json?: { message?: unknown } | null; message?: unknown };
  const text = typeof json?.message === "string" ? json.message : String(message ?? error);
  return redacted(text, secrets).replaceAll(/\s+/g, " ").trim().slice(0, LONGEST_MESSAGE);
}

/**
 * What a failure means. The error of dockerode is never its `cause`: it carries the reply, which may repeat
 * the request with its secrets.
 */
export function failureOf(what: string, error: unknown, message: string): BackendError {
  const status = statusOf(error);
  if (status === null) {
    if (error instanceof SshError)
      return new BackendError(
        "backend_unreachable",
        "transient",
        `${what}: the daemon can't be reached: ${message}`,
      );
    const code = (error as { code?: unknown }).code;
    const providerCode = typeof code === "string" ? code : null;
    if (providerCode !== null && UNREACHABLE.has(providerCode))
      return new BackendError("backend_unreachable", "transient", `${what}: the daemon can't be reached`, {
        providerCode,
      });
    return new BackendError("backend_failed", "transient", `${what}: ${message}`, { providerCode });
  }
  const text = `${what}: ${message}`;
  const options = { providerCode: String(status) };
  if (status === 400) return new BackendError("invalid_spec", "permanent", text, options);
  if (status === 429) return new BackendError("throttled", "transient", text, options);
  // A proxy or plugin in front of it doesn't let us in, for now.
  if (status === 401 || status === 403)
    return new BackendError("credentials", "permanent", text, { ...options, passing: true });
  return new BackendError("backend_failed", "transient", text, options);
}
