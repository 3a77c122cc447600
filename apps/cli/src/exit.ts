import { BerthError } from "@berth/client";

/** The exit codes that scripts may count on; docs/cli.md lists them. */
export const EXIT = {
  ok: 0,
  /** An operation failed, or Berth did. */
  failed: 1,
  /** What was asked for makes no sense. */
  usage: 2,
  notFound: 3,
  /** Refused as things are now: another state of things would allow it. */
  refused: 4,
  unauthorized: 5,
  /** Nothing answers, or says "not now". */
  unreachable: 6,
  timedOut: 7,
  interrupted: 130,
} as const;
export type Exit = (typeof EXIT)[keyof typeof EXIT];

/** Why a command ends with another code than 0: one line with the cause, and what to do next. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exit: Exit;

  constructor(exit: Exit, cause: string, next?: string) {
    super(next === undefined ? cause : `${cause}; ${next}`);
    this.exit = exit;
  }
}

export function exitOf({ code, status }: BerthError): Exit {
  if (code === "timed_out") return EXIT.timedOut;
  if (code === "removed" || status === 404) return EXIT.notFound;
  if (code === "unreachable" || code === "not_berth") return EXIT.unreachable;
  if (status === 401 || status === 403) return EXIT.unauthorized;
  if (status === 429 || status === 503 || status === 504) return EXIT.unreachable;
  if (status === 409 || status === 412 || status === 422) return EXIT.refused;
  if (status >= 400 && status < 500) return EXIT.usage;
  return EXIT.failed;
}
