import type { Problem } from "./types.js";

/**
 * What the client itself says. `unreachable`: no answer came. `not_berth`: something else than Berth answered.
 * `timed_out`: what was waited for hasn't come in time. `removed`: it never will. `gap`: events are missing.
 */
export type OwnCode = "unreachable" | "not_berth" | "timed_out" | "removed" | "gap";

/** A refusal or failure, as Berth's problem document (RFC 9457) or the client itself tells it. */
export class BerthError extends Error {
  override readonly name = "BerthError";
  /** What a program decides by. */
  readonly code: Problem["code"] | OwnCode;
  /** That of HTTP; 0 if there was no answer. */
  readonly status: number;
  /** What was wrong this time, in words. */
  readonly detail: string;
  /** The same request may succeed later. */
  readonly retryable: boolean;
  /** Every field that was refused. */
  readonly fields: readonly { field: string; expected: string }[];
  /** The whole document, with members such as `operation_id`, `children` or `request_id`. */
  readonly problem: Problem | null;

  constructor(
    code: BerthError["code"],
    detail: string,
    about: { status?: number; retryable?: boolean; problem?: Problem; cause?: unknown } = {},
  ) {
    super(`${code}: ${detail}`, { cause: about.cause });
    this.code = code;
    this.detail = detail;
    this.status = about.status ?? 0;
    this.retryable = about.retryable ?? false;
    this.fields = about.problem?.errors ?? [];
    this.problem = about.problem ?? null;
  }
}

/** The error that an answer tells of; null if all is well. Reads a copy of the answer. */
export async function errorOf(response: Response): Promise<BerthError | null> {
  const { ok, status } = response;
  if (ok || status === 304) return null;
  const problem = await problemOf(response.clone());
  if (problem !== null) {
    const { code, detail, retryable } = problem;
    return new BerthError(code, detail, { status, retryable, problem });
  }
  const to = response.headers.get("location");
  if (status < 400 && to !== null)
    return new BerthError("not_berth", `the address redirects to ${to}: use that one`, { status });
  // A proxy in between, perhaps, whose server is away.
  const retryable = status >= 500 || status === 429;
  return new BerthError("not_berth", `something that isn't Berth answered ${status}`, { status, retryable });
}

async function problemOf(response: Response): Promise<Problem | null> {
  if (!(response.headers.get("content-type") ?? "").startsWith("application/problem+json")) return null;
  try {
    return (await response.json()) as Problem;
  } catch {
    return null;
  }
}
