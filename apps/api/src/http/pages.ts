import { BerthError } from "@berth/core/base/errors";
import type { FastifyReply, FastifyRequest } from "fastify";

/** What a cursor stands for; sealed only against being taken for something to build on. */
export function cursor(position: string): string {
  return Buffer.from(position).toString("base64url");
}

/** A position by a time in microseconds and an id. */
export const POSITION = /^(\d{1,18})\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** Reads the position of a cursor that {@link pageOf} gave: a time and an id. @throws BerthError `invalid_request` */
export function positionOf(after: string | undefined): string[] | null {
  return after === undefined ? null : readCursor(after, POSITION);
}

/** A page, with a `Link` to the next one if there is one; it may be shorter than its limit. */
export function pageOf<Row>(
  request: FastifyRequest,
  reply: FastifyReply,
  { rows, next }: { rows: readonly Row[]; next: readonly string[] | null },
  limit: number,
): readonly Row[] {
  if (next !== null) linkNext(request, reply, cursor(next.join("/")), limit);
  return rows;
}

/** Reads a cursor of ours. @throws BerthError `invalid_request` if it isn't one of this kind. */
export function readCursor(after: string, pattern: RegExp): string[] {
  const match = pattern.exec(Buffer.from(after, "base64url").toString("utf8"));
  if (match !== null) return match.slice(1);
  throw badCursor();
}

export function badCursor(): BerthError {
  return new BerthError("invalid_request", "after: expected the cursor of a Link header", {
    errors: [{ field: "after", expected: 'the "after" of a Link header that this list gave' }],
  });
}

/**
 * The page out of `limit + 1` rows, with a `Link` to the next one if there is more. Positions are those of
 * the rows themselves, so rows that come and go meanwhile neither hide nor repeat others.
 */
export function page<Row>(
  request: FastifyRequest,
  reply: FastifyReply,
  rows: readonly Row[],
  { limit, after }: { limit: number; after: (row: Row) => string },
): readonly Row[] {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  if (rows.length <= limit || last === undefined) return shown;
  linkNext(request, reply, after(last), limit);
  return shown;
}

export function linkNext(request: FastifyRequest, reply: FastifyReply, after: string, limit: number): void {
  const next = new URL(request.url, "http://berth");
  next.searchParams.set("after", after);
  next.searchParams.set("limit", String(limit));
  void reply.header("link", `<${next.pathname}${next.search}>; rel="next"`);
}
