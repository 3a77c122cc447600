import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import type { TLocalizedValidationError } from "typebox/error";
import { Settings } from "typebox/system";
import { canonicalIds } from "./ids.js";
import { convertQuery } from "./query.js";
import { type FieldError, fieldsOf, type SchemaError } from "./fields.js";
import { MAX_ERRORS } from "./explain.js";
import { illFormedText } from "./text.js";
import { tooMany } from "./too-many.js";

// Most bad fields are told at once; the default is the first 8.
Settings.Set({ maxErrors: MAX_ERRORS });

/**
 * Validates with TypeBox. A body counts as it came: no field is dropped, nothing is converted, but for ids, which
 * get their one spelling here, in paths and queries too. Only a query, which is all text, has its numbers,
 * booleans and lists read.
 */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema);
  const canonical = canonicalIds(schema) ?? ((value: unknown) => value);
  return (given: unknown) => {
    const value = httpPart === "querystring" ? convertQuery(schema, given) : given;
    // Before all else: PostgreSQL can't hold these, in whatever field they are.
    const texts = httpPart === "headers" ? [] : illFormedText(value);
    if (texts.length > 0)
      return {
        error: [
          toError({
            fields: texts.map((field) => ({ field, expected: "well-formed Unicode text without NUL" })),
          }),
        ],
      };
    if (validator.Check(value)) return { value: canonical(value) };
    // Counts before what is counted: to say what is wrong with each of 100,000 items would take seconds.
    const crowded = tooMany(schema, value);
    if (crowded.length > 0) return { error: [toError({ fields: crowded })] };
    return {
      error: validator
        .Errors(value)
        .map((error: TLocalizedValidationError) => toError({ ...error, fields: fieldsOf(schema, error) })),
    };
  };
};

function toError(error: Partial<TLocalizedValidationError> & { fields: FieldError[] }): SchemaError {
  return {
    keyword: error.keyword ?? "text",
    instancePath: error.instancePath ?? "",
    schemaPath: error.schemaPath ?? "",
    params: {},
    message: error.message ?? "is not well-formed",
    fields: error.fields,
  };
}
