import { defined } from "@berth/core/base/defined";
import Type, { type Static, type TSchema } from "typebox";
import { expecting } from "./expected.js";

const UUID = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

/** An id. By its format the validator knows it, and gives it in small letters to whoever reads it. */
export function uuid(description?: string) {
  const options = { format: "uuid", pattern: UUID, ...defined({ description }) };
  return expecting("a UUID, such as 0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f", Type.String(options));
}

export function nullable<S extends TSchema>(schema: S, options: { description?: string } = {}) {
  const union = Type.Union([schema, Type.Null()], options);
  const expected = (schema as { "x-expected"?: string })["x-expected"];
  return expected === undefined ? union : expecting(`${expected}, or null`, union);
}

export function strictObject<P extends Record<string, TSchema>>(properties: P, options: object = {}) {
  return expecting("a JSON object", Type.Object(properties, { additionalProperties: false, ...options }));
}

/** The parameters after the `?` of a path: those and no others. */
export function query<P extends Record<string, TSchema>>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}

/** True or false, and may be left out. */
export function flag(description: string, options: { default?: boolean } = {}) {
  return Type.Optional(expecting("true or false", Type.Boolean({ ...options, description })));
}

/** A point in time as answers have it: UTC, RFC 3339. */
export function time(description: string) {
  return Type.String({ format: "date-time", description });
}

/** Refers to a schema that the description lists under its `$id`. */
export function ref<S extends TSchema & { $id: string }>(schema: S) {
  return Type.Unsafe<Static<S>>({ $ref: `${schema.$id}#` });
}

/** Registers under a name in the API's description. */
export function named<S extends TSchema>(name: string, schema: S): S & { $id: string } {
  return { ...schema, $id: name };
}

export const IdParams = Type.Object({ id: uuid("Id of the workspace.") });
export const LIMIT = expecting(
  "a whole number from 1 to 1000",
  Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: "Rows a page." }),
);
const AFTER = expecting(
  'the "after" of a Link header that this list gave',
  Type.String({ maxLength: 512, description: "Cursor: from the `Link` header of the page before." }),
);

/** What every list that has pages takes. */
export const PAGE = { limit: Type.Optional(LIMIT), after: Type.Optional(AFTER) };
/** Of a list that takes nothing else. */
export const pageQuery = query(PAGE);

/** Headers are only described here; what reads them says what is wrong with them. */
export const WaitHeaders = Type.Object({
  prefer: Type.Optional(
    Type.String({
      description:
        "`wait=N`: answer when the operation has ended, or after N seconds (at most 120) as without it.",
      examples: ["wait=30"],
    }),
  ),
});

export const ConditionHeaders = Type.Object({
  "if-match": Type.Optional(
    Type.String({ description: "Only if this is still the workspace's ETag.", examples: ['"4"'] }),
  ),
});

/** Of a request for a change of one workspace. */
export const RequestHeaders = Type.Object({ ...WaitHeaders.properties, ...ConditionHeaders.properties });

export function iso(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}
