import { fieldName } from "./fields.js";

/** NUL and lone surrogates: JSON can carry them, but no `text` or `jsonb` column can. */
// eslint-disable-next-line no-control-regex
const ILL_FORMED = /[\0\p{Surrogate}]/u;

/** A place inside a body; the way to it is followed back only for what is told of. */
interface Place {
  value: unknown;
  name: string;
  parent: Place | null;
}

/** As many as are told of. */
const MAX_FIELDS = 100;

/** The fields whose name or text PostgreSQL could not hold. */
export function illFormedText(value: unknown): string[] {
  const fields: string[] = [];
  // A stack of its own: a body may be nested deeper than calls can be.
  const left: Place[] = [{ value, name: "", parent: null }];
  for (let place = left.pop(); place !== undefined && fields.length < MAX_FIELDS; place = left.pop()) {
    if (ILL_FORMED.test(place.name)) fields.push(fieldName(wayTo(place)));
    else if (typeof place.value === "string" && ILL_FORMED.test(place.value))
      fields.push(fieldName(wayTo(place)));
    else if (typeof place.value === "object" && place.value !== null)
      for (const [name, inner] of Object.entries(place.value))
        left.push({ value: inner, name, parent: place });
  }
  return fields;
}

function wayTo(place: Place): string[] {
  const names: string[] = [];
  for (let at = place; at.parent !== null; at = at.parent) names.push(at.name);
  return names.toReversed();
}
