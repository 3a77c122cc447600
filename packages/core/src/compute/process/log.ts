import { copyFile, open, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import type { CallOptions, InstanceRef } from "../backend.js";
import { isMeant, readClaim, VOID } from "./claim.js";
import { codeOf, type Places, recordOf, unreachable } from "./places.js";

const MOST_LINES = 10_000;
const MOST_BYTES = 2 ** 20;
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

/** See `Backend.logs`. At most 10,000 lines and the last MiB. @throws BackendError */
export async function readLog(
  places: Places,
  ref: InstanceRef,
  { tail }: CallOptions & { tail: number },
): Promise<string> {
  const record = recordOf(ref);
  const claim = await readClaim(places, record);
  if (claim !== null && claim !== VOID && !isMeant(ref, claim)) return "";
  const file = logFile(places, record);
  const now = await lastBytes(file, MOST_BYTES);
  const before = await lastBytes(`${file}.1`, MOST_BYTES - now.length);
  return lastLines(Buffer.concat([before, now]).toString(), tail);
}

function lastLines(text: string, tail: number): string {
  if (tail < 1) return "";
  const lines = text.split(/(?<=\n)/);
  return lines.slice(-Math.min(tail, MOST_LINES)).join("");
}

async function lastBytes(file: string, most: number): Promise<Buffer> {
  try {
    const handle = await open(file, "r");
    try {
      const { size } = await handle.stat();
      const length = Math.min(size, most);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (codeOf(error) === "ENOENT") return Buffer.alloc(0);
    throw unreachable("read a log", error);
  }
}
