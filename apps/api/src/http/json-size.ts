/** Far deeper than any body of ours. */
const MAX_DEPTH = 80;
/** A bulk operation's 10,000 ids, and some more. */
const MAX_VALUES = 12_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
/** `[` and `{`, and their ends, differ from each other in this bit alone. */
const BRACE_BIT = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/**
 * What is too much about a JSON text, in words; null: nothing. By its bytes alone, before anything is made of it: to parse and check
 * 100,000 lists within each other takes a hundred times as long as to count them.
 */
export function excessOf(json: Uint8Array): string | null {
  let [depth, values, inText] = [0, 1, false];
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]!;
    if (inText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (byte === COMMA) values++;
    else if ((byte | BRACE_BIT) === OPEN) {
      depth++;
      values++;
    } else if ((byte | BRACE_BIT) === CLOSE) depth--;
    if (depth > MAX_DEPTH) return `values within each other at most ${MAX_DEPTH} deep`;
    if (values > MAX_VALUES) return `at most ${MAX_VALUES} values`;
  }
  return null;
}
