import type { TSchema } from "typebox";

/** The keyword that says in words what a value must be; a refusal quotes it, and the API's description has it. */
export const EXPECTED = "x-expected";

/** Adds to a schema what to tell whoever sent something else: completes "expected …". */
export function expecting<S extends TSchema>(expected: string, schema: S): S {
  return Object.defineProperty(schema, EXPECTED, { value: expected, enumerable: true, configurable: true });
}
