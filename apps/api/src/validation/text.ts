import { fieldName } from "./fields.js";

/** NUL and lone surrogates: JSON can carry them, but no `text` or `jsonb` column can. */
// eslint-disable-next-line no-control-regex
const ILL_FORMED = /[\0\p{Surrogate}]/u;

/** The fields whose name or text PostgreSQL could not hold. */
export function illFormedText(value: unknown): string[] {
  const fields: string[] = [];
  // A stack of its own: a body may be nested deeper than calls can be.
  const left: { value: unknown; path: readonly string[] }[] = [{ value, path: [] }];
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    if (typeof one.value === "string" && ILL_FORMED.test(one.value)) fields.push(fieldName(one.path));
    if (typeof one.value !== "object" || one.value === null) continue;
    for (const [key, inner] of Object.entries(one.value)) {
      const path = [...one.path, key];
      if (ILL_FORMED.test(key)) fields.push(fieldName(path));
      else left.push({ value: inner, path });
    }
  }
  return fields;
}
