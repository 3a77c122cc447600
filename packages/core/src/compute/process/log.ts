import { copyFile, open, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import type { InstanceRef, LogOptions, Logs } from "../backend.js";
import { MAX_BYTES, MAX_LINES, NO_LOGS } from "../log-limits.js";
import { isMeant, readClaim, VOID } from "./claim.js";
import { codeOf, type Places, recordOf, unreachable } from "./places.js";

/** Of the log and of the one before it. */
const LONGEST_LOG_BYTES = 8 * 2 ** 20;

/** Both outputs of the program, opened for appending. */
export function logFile({ instances }: Places, record: string): string {
  return join(instances, record, "log");
}

/**
 * Puts a log that has grown too long aside and empties it in its place, because its writer keeps it open.
 * What is written between the two is lost. Called with each probe: between two it may grow further.
 */
export async function boundLog(places: Places, record: string): Promise<void> {
  const file = logFile(places, record);
  try {
    if ((await stat(file)).size <= LONGEST_LOG_BYTES) return;
    await copyFile(file, `${file}.1`);
    await truncate(file, 0);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw unreachable("shorten a log", error);
  }
}

/** Which log it was, told by the one put aside before it, and how many of its bytes have been told. */
const CURSOR = /^(\d+):(\d{1,15})$/;
const LINE_FEED = 10;

/** See `Backend.logs`. Both outputs go to one file, without times. @throws BackendError */
export async function readLog(
  places: Places,
  ref: InstanceRef,
  { tail, since, wholeLines = false }: LogOptions,
): Promise<Logs> {
  const record = recordOf(ref);
  const claim = await readClaim(places, record);
  if (tail < 1 || (claim !== null && claim !== VOID && !isMeant(ref, claim))) return NO_LOGS;
  const file = logFile(places, record);
  const aside = (await statOf(`${file}.1`)) ?? { size: 0, mark: "0" };
  const now = await statOf(file);
  if (now === null) return NO_LOGS;
  const [, log, told = "0"] = CURSOR.exec(since ?? "") ?? [];
  // Of the log before, what hadn't been told when it was put aside.
  const moved = log !== undefined && log !== aside.mark;
  const start = log === undefined || moved ? 0 : Math.min(Number(told), now.size);
  const startAside = log === undefined ? 0 : moved ? Number(told) : aside.size;
  const recent = await bytesOf(file, Math.max(start, now.size - MAX_BYTES), now.size);
  const before = await bytesOf(
    `${file}.1`,
    Math.max(startAside, aside.size - (MAX_BYTES - recent.length)),
    aside.size,
  );
  const wanted = now.size - start + Math.max(0, aside.size - startAside);
  const all = Buffer.concat([before, recent]);
  const end = wholeLines ? all.lastIndexOf(LINE_FEED) + 1 : all.length;
  const texts = all.toString("utf8", 0, end).split("\n");
  if (texts.at(-1) === "") texts.pop();
  const shown = texts.slice(-Math.min(tail, MAX_LINES));
  const missing = all.length < wanted || (moved && startAside > aside.size);
  return {
    lines: shown.map((text) => ({ stream: null, time: null, text })),
    cursor: `${aside.mark}:${Math.max(0, now.size - (all.length - end))}`,
    truncated: missing || shown.length < texts.length,
  };
}

/** The size of a file, and what changes when it is made anew; null if it isn't there. */
async function statOf(file: string): Promise<{ size: number; mark: string } | null> {
  try {
    const { size, mtimeMs } = await stat(file);
    return { size, mark: String(Math.floor(mtimeMs)) };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw unreachable("read a log", error);
  }
}

async function bytesOf(file: string, from: number, to: number): Promise<Buffer> {
  if (to <= from) return Buffer.alloc(0);
  try {
    const handle = await open(file, "r");
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (codeOf(error) === "ENOENT") return Buffer.alloc(0);
    throw unreachable("read a log", error);
  }
}
