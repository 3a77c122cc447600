import Type, { type TSchema } from "typebox";
import { nullable, ref, uuid } from "./common.js";
import { Operation } from "./operation.js";
import { Workspace } from "./workspace.js";

/** An answer as the API's description has it. */
export function answer(description: string, schema: TSchema, example: unknown, headers: object = {}) {
  return {
    description,
    headers,
    content: { "application/json": { schema, examples: { example: { value: example } } } },
  };
}

const text = (description: string) => ({ type: "string", description });
export const NEXT_PAGE = { Link: text('`<…>; rel="next"` if there is more.') };
export const ETAG = { ETag: text("The version, for `If-Match`.") };
export const LOCATION = { Location: text("`/operations/<id>`: where to see how it goes.") };
export const WAITED = { ...LOCATION, "Preference-Applied": text("`wait=N` if the answer was waited for.") };

export const WorkspaceAndOperation = Type.Intersect([
  ref(Workspace),
  Type.Object({ operation: ref(Operation) }),
]);

export const Created = Type.Intersect([
  WorkspaceAndOperation,
  Type.Object({
    token: Type.Optional(
      Type.String({
        description:
          "With backend `external` only, and only in this answer: what its agent sends to `/registry/*`.",
      }),
    ),
  }),
]);

export const Removal = Type.Object({
  id: uuid(),
  status: Type.Literal("removed"),
  cascade_deleted: Type.Integer({ description: "How many descendants this request removed." }),
  purged: Type.Boolean({ description: "Its rows are deleted; only ledger and events stay." }),
  operation: nullable(ref(Operation), {
    description: "The delete of the workspace itself; null if nothing of it is left to do.",
  }),
  operations: Type.Array(ref(Operation), { description: "All deletes of the tree that are not done." }),
});

export const Suspension = Type.Intersect([
  WorkspaceAndOperation,
  Type.Object({
    operations: Type.Array(ref(Operation), {
      description: "The workspace's own, then those of its descendants that ran.",
    }),
    cascaded: Type.Integer({ description: "How many descendants this request stops." }),
  }),
]);
