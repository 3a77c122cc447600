import { type ErrorCode, ERRORS } from "@berth/core/base/errors";
import Type from "typebox";
import { problemDocument, PROBLEM_TYPE } from "../http/problem.js";
import { named, ref } from "./common.js";

export const Problem = named(
  "Problem",
  Type.Object(
    {
      type: Type.String({ description: "urn:berth:problem:<code>" }),
      title: Type.String(),
      status: Type.Integer(),
      detail: Type.String({ description: "What was wrong this time, in words." }),
      code: Type.Enum(Object.keys(ERRORS) as ErrorCode[], { description: "What a program decides by." }),
      retryable: Type.Boolean({ description: "The same request may succeed later." }),
      instance: Type.Optional(Type.String({ description: "The path that was asked for." })),
      request_id: Type.Optional(Type.String({ description: "Finds it in Berth's log." })),
      trace_id: Type.Optional(
        Type.String({ description: "The trace of the request, where requests are traced." }),
      ),
      errors: Type.Optional(
        Type.Array(Type.Object({ field: Type.String(), expected: Type.String() }), {
          description: "Every field that was refused.",
        }),
      ),
      operation_id: Type.Optional(Type.String()),
    },
    { description: "Why a request was refused or failed (RFC 9457).", additionalProperties: true },
  ),
);

/** The answers of a route to what it may refuse. */
export function problems(...codes: readonly ErrorCode[]) {
  const all: readonly ErrorCode[] = [
    ...codes,
    "unauthorized",
    "forbidden",
    "too_many_requests",
    "internal",
    "database_unavailable",
    "overloaded",
  ];
  const statuses = [...new Set(all.map((code) => ERRORS[code].status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const here = all.filter((code) => ERRORS[code].status === status);
      const examples = here.map((code) => [code, { value: problemDocument(code, "…", {}) }]);
      return [
        status,
        {
          description: here.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(" "),
          content: { [PROBLEM_TYPE]: { schema: ref(Problem), examples: Object.fromEntries(examples) } },
        },
      ];
    }),
  );
}
