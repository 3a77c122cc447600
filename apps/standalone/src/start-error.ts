/** Why the standalone can't start, in one line that says what to do. Its stack is of no use to anybody. */
export class StartError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "StartError";
  }
}

/** The reason in an error's own words; several tried addresses make an error without any. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  const reason = error.message || ((error as NodeJS.ErrnoException).code ?? error.name);
  return reason.split("\n", 1)[0] ?? reason;
}
