import { AwsError } from "../errors.js";
import { globMatches, isPattern } from "../glob.js";
import type { Reader } from "../query/reader.js";
import type { Tags } from "./tags.js";

/** What a thing shows to one filter: no, one or many values. */
export type FilterValue = string | readonly string[] | null;

/** The filters that a listing knows, by name; `tag:<key>`, `tag-key` and `tag-value` are always there. */
export type FilterFields<Thing> = Readonly<Record<string, (thing: Thing) => FilterValue>>;

export interface CompiledFilters<Thing> {
  matches(thing: Thing): boolean;
  /** If a filter fixes this field to exact values, those: they can be looked up instead of searched for. */
  exact(field: string): readonly string[] | null;
  count: number;
}

const MAX_VALUES = 200;

/** Reads `Filter.N`: every filter must match, by any of its values. @throws AwsError for an unknown filter. */
export function compileFilters<Thing extends { tags: Tags }>(
  reader: Reader,
  fields: FilterFields<Thing>,
): CompiledFilters<Thing> {
  const filters = reader.groups("Filter").map((group) => {
    const name = group.required("Name");
    const values = group.list("Value");
    if (values.length === 0)
      throw new AwsError("InvalidParameterValue", `The filter '${name}' has no values`);
    if (values.length > MAX_VALUES)
      throw new AwsError("FilterLimitExceeded", `The maximum number of filter values is ${MAX_VALUES}.`);
    return { name, values, read: fieldOf(name, fields), test: testerOf(values) };
  });
  return {
    count: filters.length,
    matches: (thing) => filters.every(({ read, test }) => test(read(thing))),
    exact(field) {
      const fixed = filters.find(({ name, values }) => name === field && !values.some(isPattern));
      return fixed ? [...new Set(fixed.values)] : null;
    },
  };
}

function fieldOf<Thing extends { tags: Tags }>(
  name: string,
  fields: FilterFields<Thing>,
): (thing: Thing) => FilterValue {
  if (name.startsWith("tag:") && name.length > 4) return (thing) => thing.tags.get(name.slice(4)) ?? null;
  if (name === "tag-key") return (thing) => thing.tags.keys();
  if (name === "tag-value") return (thing) => thing.tags.values();
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (!field) throw new AwsError("InvalidParameterValue", `The filter '${name}' is invalid`);
  return field;
}

function testerOf(values: readonly string[]): (value: FilterValue) => boolean {
  const exact = new Set(values.filter((value) => !isPattern(value)));
  const patterns = values.filter(isPattern);
  const test = (text: string): boolean =>
    exact.has(text) || patterns.some((pattern) => globMatches(pattern, text));
  return (value) => (typeof value === "string" ? test(value) : value !== null && value.some(test));
}
