import fc from "fast-check";

/** As much of JSON Schema as the API's description uses. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  patternProperties?: Record<string, Schema>;
  items?: Schema;
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  examples?: unknown[];
  default?: unknown;
}

export type Resolve = (reference: string) => Schema;

/** Values that a schema allows, its own examples among them. */
export function valid(schema: Schema, resolve: Resolve, depth = 0): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) return valid(resolve(schema.$ref), resolve, depth);
  const shown = (schema.examples ?? []).map((value) => fc.constant(value));
  return fc.oneof(...shown, made(schema, resolve, depth));
}

function made(schema: Schema, resolve: Resolve, depth: number): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map((one) => valid(one, resolve, depth)));
  if (schema.allOf !== undefined)
    return fc
      .tuple(...schema.allOf.map((one) => valid(one, resolve, depth)))
      .map((parts) => Object.assign({}, ...(parts as object[])) as unknown);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case "object":
      return object(schema, resolve, depth);
    case "array":
      return fc.array(valid(schema.items ?? {}, resolve, depth + 1), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 4, 4),
      });
    case "string":
      return text(schema);
    case "integer":
      return fc.integer({
        min: schema.minimum ?? -1_000,
        max: Math.min(schema.maximum ?? 1_000, 2 ** 31 - 1),
      });
    case "number":
      return fc.double({ min: schema.minimum ?? -1e6, max: schema.maximum ?? 1e6, noNaN: true });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function object(schema: Schema, resolve: Resolve, depth: number): fc.Arbitrary<unknown> {
  const properties = Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([name, one]) => [name, valid(one, resolve, depth + 1)]),
  );
  const named = fc.record(properties, {
    requiredKeys: (schema.required ?? []).filter((key) => key in properties),
  });
  const [pattern, value] = Object.entries(schema.patternProperties ?? {})[0] ?? [];
  if (pattern === undefined || value === undefined) return named;
  const more = fc.dictionary(text({ pattern }), valid(value, resolve, depth + 1), {
    maxKeys: Math.min(schema.maxProperties ?? 4, 4),
  });
  return fc.tuple(named, more).map(([one, other]) => ({ ...other, ...one }));
}

function text({ pattern, format, minLength = 0, maxLength = 64 }: Schema): fc.Arbitrary<string> {
  if (format === "date-time")
    return fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
      .map((at) => at.toISOString());
  if (pattern !== undefined) return matching(pattern);
  return fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength, 64)) });
}

/** fast-check makes no strings for lookaheads: made without them, then chosen by the whole pattern. */
function matching(pattern: string): fc.Arbitrary<string> {
  const whole = new RegExp(pattern, "u");
  const strings = fc.stringMatching(new RegExp(withoutLookaheads(pattern), "u"), { size: "xsmall" });
  return strings.map((one) => (whole.test(one) ? one : "fuzz"));
}

function withoutLookaheads(pattern: string): string {
  const at = pattern.search(/\(\?[=!]/);
  if (at === -1) return pattern;
  let depth = 0;
  for (let end = at; end < pattern.length; end++) {
    if (pattern[end] === "\\") end++;
    else if (pattern[end] === "(") depth++;
    else if (pattern[end] === ")" && --depth === 0)
      return withoutLookaheads(pattern.slice(0, at) + pattern.slice(end + 1));
  }
  return pattern;
}

/** What hardly any field expects, though it is JSON. */
export const nonsense: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "../../etc/passwd",
    "'; drop table workspaces; --",
    "${7*7}",
    "x".repeat(100_000),
    -1,
    0,
    1.5,
    1e308,
    2 ** 53,
    -(2 ** 63),
    [],
    {},
    [[[[[[]]]]]],
    { constructor: 1 },
    { toString: "x" },
    { "a.b": { $ref: "#" } },
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: "binary", maxLength: 200 }),
);

/** A value made from a valid one in which one place, at any depth, is missing, nonsense, or unknown. */
export function broken(good: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc
    .tuple(good, nonsense, fc.nat(), fc.constantFrom("replace", "drop", "add", "whole"))
    .map(([value, wrong, at, how]) => {
      if (how === "whole" || value === null || typeof value !== "object") return wrong;
      const copy = structuredClone(value);
      const places = placesOf(copy);
      const { holder, key } = places[at % Math.max(places.length, 1)] ?? { holder: copy as Holder, key: "x" };
      if (how === "replace") holder[key] = wrong;
      if (how === "drop") delete holder[key];
      if (how === "add") holder[`unknown_${at % 10}`] = wrong;
      return copy;
    });
}

type Holder = Record<string, unknown>;

function placesOf(value: object): { holder: Holder; key: string }[] {
  return Object.entries(value).flatMap(([key, inner]) => [
    { holder: value as Holder, key },
    ...(inner !== null && typeof inner === "object" ? placesOf(inner as object) : []),
  ]);
}
