import { createHash } from "node:crypto";
import { GetConsoleOutputCommand } from "@aws-sdk/client-ec2";
import type { InstanceRef, LogOptions, Logs } from "../backend.js";
import { MAX_LINES, NO_LOGS } from "../log-limits.js";
import { send } from "./aws.js";
import type { Caller, Ec2 } from "./context.js";
import { codeOf, failureOf } from "./failure.js";
import { findInstances } from "./identity.js";

/** How many lines, the last of what was told, and what they were. */
const CURSOR = /^(\d{1,2})\.([\w-]{43})$/;
/** So many lines in a row don't come twice by chance. */
const REMEMBERED = 20;

/**
 * See `Backend.logs`: the end of the serial console, of which EC2 keeps 64 KB, without streams and times. Each
 * answer is a whole snapshot; what is new in it comes after the lines that the last answer ended with.
 * @throws BackendError
 */
export async function readLogs(
  ec2: Ec2,
  ref: InstanceRef,
  { tail, since, wholeLines = false }: LogOptions,
  caller: Caller,
): Promise<Logs> {
  const { things } = await findInstances(ec2, ref, caller);
  const instance = things.findLast(({ state }) => state !== "terminated");
  if (instance === undefined || tail < 1) return NO_LOGS;
  const text =
    (await consoleOf(ec2, instance.id, true, caller)) ?? (await consoleOf(ec2, instance.id, false, caller));
  const all = (text ?? "").replaceAll("\r", "").split("\n");
  if (all.at(-1) === "" || wholeLines) all.pop();
  if (all.length === 0) return { ...NO_LOGS, cursor: since ?? null };
  const known = endOf(all, since);
  const fresh = all.slice(known ?? 0);
  const shown = fresh.slice(-Math.min(tail, MAX_LINES));
  return {
    lines: shown.map((line) => ({ stream: null, time: null, text: line })),
    cursor: cursorAt(all, all.length, Math.min(REMEMBERED, all.length)),
    truncated: shown.length < fresh.length || (since !== undefined && known === null),
  };
}

/** After which line that cursor is; null if it is nowhere. */
function endOf(lines: readonly string[], cursor: string | undefined): number | null {
  const [, n] = CURSOR.exec(cursor ?? "") ?? [];
  if (n === undefined) return null;
  for (let end = lines.length; end >= Number(n); end--)
    if (cursorAt(lines, end, Number(n)) === cursor) return end;
  return null;
}

function cursorAt(lines: readonly string[], end: number, n: number): string {
  const hash = createHash("sha256").update(lines.slice(end - n, end).join("\n"));
  return `${n}.${hash.digest("base64url")}`;
}

/** Null if there is none, or none of this kind: only Nitro instances have the latest. */
async function consoleOf(ec2: Ec2, id: string, latest: boolean, caller: Caller): Promise<string | null> {
  try {
    const { Output } = await send(
      ec2.aws,
      ec2.aws.ec2,
      new GetConsoleOutputCommand({ InstanceId: id, Latest: latest }),
      { what: `console of ${id}`, ...caller },
      { raw: true },
    );
    return Output === undefined ? null : Buffer.from(Output, "base64").toString();
  } catch (error) {
    if (/^(UnsupportedOperation|InvalidInstanceID\.NotFound|IncorrectInstanceState)$/.test(codeOf(error)))
      return null;
    throw failureOf(`console of ${id}`, error);
  }
}
