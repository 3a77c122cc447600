import type { ErrorCode } from "@berth/core/base/errors";
import type { SchemaErrorDataVar } from "fastify/types/schema.js";
import type { SchemaError } from "./fields.js";

/** As many bad fields as are told at once. */
export const MAX_ERRORS = 20;

/** What a schema refused: each bad field with what was expected of it, in words. */
export function explain(
  errors: readonly unknown[],
  part: SchemaErrorDataVar | undefined,
): { code: ErrorCode; message: string; details: { errors: { field: string; expected: string }[] } } {
  const byField = new Map<string, string>();
  for (const error of errors as readonly SchemaError[])
    for (const { field, expected } of error.fields) if (!byField.has(field)) byField.set(field, expected);
  const fields = [...byField].map(([field, expected]) => ({ field, expected }));
  const shown = fields.slice(0, 3).map(({ field, expected }) => `${field}: expected ${expected}`);
  const more = fields.length > shown.length ? `; and ${fields.length - shown.length} more` : "";
  return {
    code: part === "params" ? "invalid_id" : "invalid_request",
    message: shown.join("; ") + more,
    details: { errors: fields.slice(0, MAX_ERRORS) },
  };
}
