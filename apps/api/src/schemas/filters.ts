import { defined } from "@berth/core/base/defined";
import { BerthError } from "@berth/core/base/errors";
import Type from "typebox";
import { expecting } from "./expected.js";

/** One or more words of a list. */
export function oneOrMore<Word extends string>(words: readonly Word[], description: string) {
  return expecting(
    `one or more of ${words.join(", ")}, repeated or with commas between them`,
    Type.Array(Type.Enum([...words]), { description, minItems: 1, maxItems: 32 }),
  );
}

const TIME = "a time with its zone, such as 2026-11-21T09:30:00Z";
/** A time with its zone; `timeOf` reads it. */
export const when = (description: string) =>
  expecting(
    TIME,
    Type.String({
      pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,9})?)?(Z|[+-]\\d\\d:\\d\\d)$",
      description,
      examples: ["2026-11-21T09:30:00Z"],
    }),
  );
export const CREATED = {
  created_after: Type.Optional(when("Not before this time.")),
  created_before: Type.Optional(when("Before this time.")),
};

/** `team:red`: a label's name has no colon. */
export const LABEL_FILTER = expecting(
  "labels as name:value, such as team:red, repeated for those that must all be there",
  Type.Array(Type.String({ pattern: "^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?:[^\\u0000]{0,256}$" }), {
    minItems: 1,
    maxItems: 16,
    description: "Only of workspaces that have all these labels.",
    examples: [["team:red"]],
  }),
);

/** The times and labels of a query as lists take them. @throws BerthError `invalid_request` for a day that no calendar has. */
export function readFilters(query: {
  created_after?: string;
  created_before?: string;
  label?: readonly string[];
}): { createdAfter?: string; createdBefore?: string; labels?: Record<string, string> } {
  const { created_after: after, created_before: before, label } = query;
  return defined({
    createdAfter: after && timeOf("created_after", after),
    createdBefore: before && timeOf("created_before", before),
    labels: label && labelsOf(label),
  });
}

/** @returns the value wanted of each label. */
export function labelsOf(label: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    label.map((one) => {
      const at = one.indexOf(":");
      return [one.slice(0, at), one.slice(at + 1)];
    }),
  );
}

/** @throws BerthError `invalid_request` for a day that no calendar has. */
export function timeOf(field: string, text: string): string {
  const date = new Date(text);
  const [year, month, day] = text.slice(0, 10).split("-").map(Number);
  // Date makes the 3rd of March of the 31st of February.
  if (!Number.isNaN(date.getTime()) && day! <= new Date(Date.UTC(year!, month!, 0)).getUTCDate())
    return date.toISOString();
  throw new BerthError("invalid_request", `${field}: expected ${TIME}; there is no ${text}`, {
    errors: [{ field, expected: TIME }],
  });
}
