import { AwsError, invalidValue } from "../errors.js";
import type { Reader } from "../query/reader.js";

const FEWEST = 5;
const MAX_RESULTS = 1_000;

/** Which part of a listing is asked for. */
export interface PageRequest {
  /** Null: everything. */
  maxResults: number | null;
  /** Things up to this number were on earlier pages. */
  after: number;
  /** Counted from 1. */
  page: number;
}

export interface Page<Thing> {
  things: Thing[];
  nextToken: string | undefined;
}

/** @throws AwsError for a bad number, a token that isn't one, or ids together with MaxResults. */
export function readPage(reader: Reader, action: string, idList?: string): PageRequest {
  const maxResults = reader.integer("MaxResults") ?? null;
  if (maxResults !== null && idList !== undefined && reader.list(idList).length > 0)
    throw new AwsError(
      "InvalidParameterCombination",
      `The parameter ${idList} cannot be used with the parameter MaxResults`,
    );
  if (maxResults !== null && maxResults < FEWEST)
    throw invalidValue(
      "maxResults",
      String(maxResults),
      `Expecting a value greater than or equal to ${FEWEST}.`,
    );
  if (maxResults !== null && maxResults > MAX_RESULTS)
    throw invalidValue(
      "maxResults",
      String(maxResults),
      `Expecting a value less than or equal to ${MAX_RESULTS}.`,
    );
  const token = reader.string("NextToken");
  return { maxResults, ...(token === undefined ? { after: 0, page: 1 } : readToken(token, action)) };
}

/** The page that a token leads to, for a fault that breaks it; 1 for none or a bad one. */
export function pageNumber(token: string | undefined, action: string): number {
  if (token === undefined) return 1;
  try {
    return readToken(token, action).page;
  } catch {
    return 1;
  }
}

/** Cuts a page out of things in ascending order of `seq`. */
export function cutPage<Thing extends { seq: number }>(
  things: Iterable<Thing>,
  request: PageRequest,
  action: string,
): Page<Thing> {
  const page: Thing[] = [];
  for (const thing of things) {
    if (thing.seq <= request.after) continue;
    if (page.length === request.maxResults)
      return { things: page, nextToken: writeToken(action, page.at(-1)!.seq, request.page + 1) };
    page.push(thing);
  }
  return { things: page, nextToken: undefined };
}

function writeToken(action: string, after: number, page: number): string {
  return Buffer.from(JSON.stringify([action, after, page])).toString("base64url");
}

function readToken(token: string, action: string): { after: number; page: number } {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (Array.isArray(parsed)) {
      const [owner, after, page]: unknown[] = parsed;
      if (owner === action && isCount(after) && isCount(page)) return { after, page };
    }
  } catch {
    // Falls through to the same error: what isn't JSON isn't a token.
  }
  throw new AwsError("InvalidNextToken", "The specified NextToken is not valid.");
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0;
}
