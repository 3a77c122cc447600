/**
 * True if the whole text matches a pattern of EC2's filters: `*` for any run of characters, `?` for exactly
 * one, a backslash before either for the character itself. Without backtracking over more than one star, so no pattern can hang the server.
 */
export function globMatches(pattern: string, text: string): boolean {
  let at = 0;
  let index = 0;
  let star = -1;
  let resume = 0;
  while (index < text.length) {
    const escaped = pattern[at] === "\\" && at + 1 < pattern.length;
    if (!escaped && pattern[at] === "*") {
      star = at++;
      resume = index;
    } else if (at < pattern.length && sameCharacter(pattern, at, escaped, text[index]!)) {
      at += escaped ? 2 : 1;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++resume;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}

/** True if the pattern stands for more than one text or holds escapes. */
export function isPattern(pattern: string): boolean {
  return /[*?\\]/.test(pattern);
}

function sameCharacter(pattern: string, at: number, escaped: boolean, character: string): boolean {
  if (escaped) return pattern[at + 1] === character;
  return pattern[at] === "?" || pattern[at] === character;
}
