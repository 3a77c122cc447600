const LONGEST_POOLED = 64;
const MAX_POOLED = 10_000;
const pool = new Map<string, string>();

/**
 * The same text in a string of its own. What is cut out of a request's body keeps the whole body in memory
 * for as long as it lives, and names, types and tag keys would be kept once for each instance.
 */
export function intern(text: string): string {
  if (text.length > LONGEST_POOLED) return copy(text);
  const known = pool.get(text);
  if (known !== undefined) return known;
  if (pool.size >= MAX_POOLED) pool.clear();
  const own = copy(text);
  pool.set(own, own);
  return own;
}

function copy(text: string): string {
  return Buffer.from(text).toString();
}
