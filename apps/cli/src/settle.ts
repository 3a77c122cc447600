import { BerthError, type Operation } from "@berth/client";
import type { Context } from "./context.js";
import { CliError, EXIT } from "./exit.js";
import { span } from "./output/times.js";

export interface WaitOptions {
  wait: boolean;
  timeout: number;
}

/** Of a tree as many that failed are named. */
const NAMED = 10;
/** How often what goes on is shown, in s. */
const LOOK_EVERY_S = 1;

/**
 * Shows how operations go until all have ended, unless that isn't wanted. @returns them as they are then.
 * @throws CliError if one fails, or takes too long
 */
export async function settle(
  context: Context,
  name: string,
  operations: readonly Operation[],
  { wait, timeout }: WaitOptions,
): Promise<Operation[]> {
  const { berth, progress, signal } = context;
  if (!wait) return [...operations];
  const began = performance.now();
  const ended: Operation[] = [];
  for (const operation of operations) {
    const show = (seen: Operation): void => {
      if (seen.finished_at === null) progress.show(`${name}: ${stateOf(seen)}${rest()}`);
    };
    const rest = (): string =>
      operations.length === 1 ? "" : ` (${ended.length} of ${operations.length} done)`;
    const timeoutMs = Math.max(1, began + timeout - performance.now());
    const options = { timeoutMs, signal, roundS: LOOK_EVERY_S, onRound: show };
    ended.push(
      await berth.waitForOperation(operation, options).catch((error: unknown) => {
        throw goesOn(error, operation, timeout);
      }),
    );
  }
  progress.end();
  const failed = ended.filter(({ state }) => state !== "succeeded");
  const told = failed.find(({ part_of: partOf }) => partOf === null) ?? failed[0];
  if (told === undefined) return ended;
  const { exit, message } = failure(name, told);
  if (ended.length === 1) throw new CliError(exit, message);
  const all = failed.slice(0, NAMED).map(({ workspace_id: id }) => id);
  const more = failed.length > NAMED ? `, … (berth ops get ${told.part_of ?? told.id})` : "";
  throw new CliError(
    exit,
    `${message}; ${failed.length} of ${ended.length} failed, of workspaces ${all.join(", ")}${more}`,
  );
}

/** A wait that ends doesn't end what is waited for. */
function goesOn(error: unknown, { id, kind }: Operation, timeout: number): unknown {
  const where = `it goes on: berth ops get ${id}`;
  if (error instanceof BerthError && error.code === "timed_out")
    return new CliError(EXIT.timedOut, `the ${kind} hasn't ended within ${span(timeout)}`, where);
  if (error instanceof CliError && error.exit === EXIT.interrupted)
    return new CliError(EXIT.interrupted, `the ${kind} isn't waited for any more`, where);
  return error;
}

export function failure(name: string, { id, kind, state, error }: Operation): CliError {
  if (state === "cancelled") return new CliError(EXIT.failed, `the ${kind} of ${name} was cancelled`);
  const cause = error === null ? "" : `: ${error.code}: ${error.message}`;
  return new CliError(
    EXIT.failed,
    `the ${kind} of ${name} failed${cause}`,
    `try again: berth ops retry ${id}`,
  );
}

function stateOf({ kind, state, phase, attempt, max_attempts: most, error }: Operation): string {
  const step = phase === null || state !== "running" ? "" : ` at ${phase}`;
  const trouble = error === null || attempt < 1 ? "" : ` (try ${attempt} of ${most}: ${error.message})`;
  return `${kind} ${state}${step}${trouble}`;
}
