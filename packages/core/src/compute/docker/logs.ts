import type { InstanceRef, LogLine, LogOptions, Logs } from "../backend.js";
import { MAX_BYTES, MAX_LINES, NO_LOGS } from "../log-limits.js";
import { ask } from "./ask.js";
import type { DockerClient } from "./client.js";
import { tailsWell } from "./engine.js";
import { listContainers, meantBy } from "./find.js";

/** Stream number, three zeros, length: before each piece of what a container without a terminal writes. */
const HEADER_BYTES = 8;
/** A point in time with nanoseconds, and how many of the lines of that very time have been told. */
const CURSOR = /^(\d+)\.(\d{9})\/(\d{1,6})$/;

/** A line, or a part of one: the daemon cuts what is longer than 16 KiB. */
interface Piece {
  line: LogLine & { time: string };
  ended: boolean;
  bytes: number;
}

/** See `Backend.logs`. @throws BackendError */
export async function readLogs(
  client: DockerClient,
  ref: InstanceRef,
  { tail, since, wholeLines = false, ...options }: LogOptions,
): Promise<Logs> {
  const [container] = meantBy(client, ref, await listContainers(client, options, ref.workspaceId));
  const limit = Math.min(tail, MAX_LINES);
  if (container === undefined || limit < 1) return NO_LOGS;
  const [, seconds, nanos, told = "0"] = CURSOR.exec(since ?? "") ?? [];
  const from = seconds === undefined ? undefined : `${seconds}.${nanos}`;
  const answer = await ask(
    client,
    `logs of ${ref.name}`,
    // 409 for one that is being removed.
    { ...options, expects: [404, 409], reply: "any" },
    async (abortSignal) =>
      client.docker.getContainer(container.id).logs({
        stdout: true,
        stderr: true,
        follow: false,
        timestamps: true,
        // One more tells whether there is more.
        ...(tailsWell(await client.isPodman(abortSignal)) && { tail: limit + 1 + Number(told) }),
        // A number has no room for nanoseconds.
        ...(from === undefined ? {} : { since: from as never }),
        abortSignal,
      }),
  );
  if (!answer.ok) return NO_LOGS;
  const pieces = piecesOf(Buffer.from(answer.value));
  // What comes first is of the time of the cursor itself, and has been told.
  const known = from === undefined ? 0 : pieces.findIndex(({ line }) => momentOf(line.time) !== from);
  const skipped = from === undefined ? 0 : Math.min(known < 0 ? pieces.length : known, Number(told));
  const whole = join(pieces.slice(skipped));
  if (wholeLines && whole.at(-1)?.ended === false) whole.pop();
  const shown = within(whole.slice(-limit));
  const missing = from !== undefined && skipped < Number(told);
  return {
    lines: shown.map(({ line }) => line),
    cursor: cursorOf(pieces.slice(0, skipped + count(whole)), from, Number(told)) ?? since ?? null,
    truncated: shown.length < whole.length || missing,
  };
}

interface Whole extends Piece {
  /** How many pieces it was made of. */
  pieces: number;
}

function join(pieces: readonly Piece[]): Whole[] {
  const lines: Whole[] = [];
  const open = new Map<string | null, Whole>();
  for (const { line, ended, bytes } of pieces) {
    const begun = open.get(line.stream);
    if (begun === undefined) {
      const whole = { line: { ...line }, ended, bytes, pieces: 1 };
      lines.push(whole);
      if (!ended) open.set(line.stream, whole);
    } else {
      begun.line.text += line.text;
      begun.bytes += bytes;
      begun.pieces++;
      begun.ended = ended;
      if (ended) open.delete(line.stream);
    }
  }
  return lines;
}

const count = (lines: readonly Whole[]): number => lines.reduce((sum, { pieces }) => sum + pieces, 0);

function within(lines: readonly Whole[]): readonly Whole[] {
  let bytes = 0;
  for (let at = lines.length - 1; at >= 0; at--) {
    bytes += lines[at]!.bytes;
    if (bytes > MAX_BYTES && at < lines.length - 1) return lines.slice(at + 1);
  }
  return lines;
}

/** Where the last of the pieces ends; null if there are none. */
function cursorOf(pieces: readonly Piece[], from: string | undefined, told: number): string | null {
  const last = pieces.at(-1);
  if (last === undefined) return null;
  const moment = momentOf(last.line.time);
  const same = pieces.filter(({ line }) => momentOf(line.time) === moment).length;
  return `${moment}/${moment === from ? Math.max(same, told) : same}`;
}

/** Seconds and nanoseconds since 1970, as the daemon takes them. */
function momentOf(time: string): string {
  const [, fraction = ""] = /\.(\d{1,9})/.exec(time) ?? [];
  return `${Math.floor(Date.parse(time.replace(/\.\d+/, "")) / 1_000)}.${fraction.padEnd(9, "0")}`;
}

export function piecesOf(frames: Buffer): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at + HEADER_BYTES <= frames.length;) {
    const end = at + HEADER_BYTES + frames.readUInt32BE(at + 4);
    const payload = frames.toString("utf8", at + HEADER_BYTES, end);
    const space = payload.indexOf(" ");
    const ended = payload.endsWith("\n");
    const stream = frames[at] === 2 ? "stderr" : "stdout";
    const text = payload.slice(space + 1, ended ? -1 : undefined);
    pieces.push({ line: { stream, time: payload.slice(0, space), text }, ended, bytes: end - at });
    at = end;
  }
  return pieces;
}
