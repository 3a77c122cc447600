import type { Bulk as Row, BulkCounts, BulkItem as ItemRow } from "@berth/core/db/bulk";
import { BULK_KINDS, OPERATION_STATES } from "@berth/core/domain/operation";
import { MAX_IN_BULK } from "@berth/core/requests/bulk";
import Type, { type Static } from "typebox";
import { flag, named, nullable, strictObject, time, uuid } from "./common.js";
import { expecting } from "./expected.js";
import { WORKSPACE_FILTER } from "./workspace-filter.js";

export const BULK_EXAMPLE = {
  id: "c1b0f3d2-7e64-4a5f-8d19-0a2b4c6e8f10",
  kind: "pause" as const,
  state: "running" as const,
  requested_by: "admin",
  total: 3,
  counts: { pending: 0, refused: 1, queued: 0, running: 1, succeeded: 1, failed: 0, cancelled: 0 },
  created_at: "2026-11-21T09:30:00.000Z",
};

/** Exactly one of `workspace_ids` and `filter` must be there. */
export const BulkBody = strictObject(
  {
    kind: expecting(`one of ${BULK_KINDS.join(", ")}`, Type.Enum([...BULK_KINDS])),
    workspace_ids: Type.Optional(
      expecting(
        `1 to ${MAX_IN_BULK} ids of workspaces`,
        Type.Array(uuid(), { minItems: 1, maxItems: MAX_IN_BULK, description: "For which; or `filter`." }),
      ),
    ),
    filter: Type.Optional(
      expecting(
        `a JSON object with at least one of ${Object.keys(WORKSPACE_FILTER).join(", ")}`,
        strictObject(WORKSPACE_FILTER, {
          minProperties: 1,
          description: `For all that pass it now, ${MAX_IN_BULK} at most; all that is given must be so.`,
        }),
      ),
    ),
    cascade: flag("Of `delete`: their descendants too; without it one that has any is refused."),
    force: flag("Of `hibernate`: even if agents have active tasks."),
  },
  { examples: [{ kind: "pause", filter: { label: ["team:red"], status: ["online"] } }] },
);

const count = (description: string) => Type.Integer({ minimum: 0, description });

export const Bulk = named(
  "BulkOperation",
  Type.Object(
    {
      id: uuid(),
      kind: Type.Enum([...BULK_KINDS]),
      state: Type.Enum(["accepting", "running", "finished"], {
        description: "`accepting` while some of it has still to be asked for.",
      }),
      requested_by: Type.String(),
      total: count("For how many workspaces it is."),
      counts: Type.Object({
        pending: count("Not asked for yet."),
        refused: count("Refused; `items` says why."),
        ...Object.fromEntries(
          OPERATION_STATES.map((state) => [state, count(`Whose operation is ${state}.`)]),
        ),
      }),
      created_at: time("When it was accepted."),
    },
    { description: "One request for many workspaces." },
  ),
);

export const BulkItem = Type.Object({
  workspace_id: uuid(),
  state: Type.Enum(["pending", "accepted", "refused"]),
  operation_id: nullable(uuid(), { description: "What serves it; null where nothing was left to do." }),
  operation_state: nullable(Type.Enum([...OPERATION_STATES])),
  error: nullable(Type.Object({ code: Type.String(), message: Type.String() }), {
    description: "Why it was refused, or couldn't be asked for yet.",
  }),
});

export const DryRun = Type.Object({
  dry_run: Type.Literal(true),
  kind: Type.Enum([...BULK_KINDS]),
  total: count("For how many workspaces it would be."),
  would_accept: count("For how many of them it would be accepted now."),
  workspace_ids: Type.Array(uuid(), { description: "All of them. Send these to have these and no others." }),
  refused: Type.Array(Type.Object({ workspace_id: uuid(), code: Type.String(), message: Type.String() })),
});

export function viewBulk(bulk: Row, counts: BulkCounts): Static<typeof Bulk> {
  const { pending, queued, running } = counts;
  return {
    id: bulk.id,
    kind: bulk.kind,
    state: pending > 0 ? "accepting" : queued + running > 0 ? "running" : "finished",
    requested_by: bulk.requested_by,
    total: bulk.total,
    counts,
    created_at: bulk.created_at.toISOString(),
  };
}

export function viewItem(row: ItemRow): Static<typeof BulkItem> {
  const { workspace_id, state, operation_id, operation_state, error } = row;
  return { workspace_id, state, operation_id, operation_state, error };
}
