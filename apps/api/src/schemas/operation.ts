import type { Operation as Row } from "@berth/core/db/operations";
import { OPERATION_KINDS, OPERATION_STATES, SOURCES } from "@berth/core/domain/operation";
import Type, { type Static } from "typebox";
import { iso, named, nullable, ref, time, uuid } from "./common.js";

export const OperationParams = Type.Object({ id: uuid("Id of the operation.") });

/** Why something failed at last. */
export const Failure = Type.Object({
  code: Type.String(),
  message: Type.String(),
  provider_code: nullable(Type.String()),
  retryable: Type.Optional(
    Type.Boolean({
      description:
        "True if the cause may pass by itself, false if something must be changed first; absent: not known.",
    }),
  ),
});

export const Operation = named(
  "Operation",
  Type.Object(
    {
      id: uuid(),
      workspace_id: uuid(),
      ticket: Type.Integer({ description: "Its place in the workspace's order." }),
      kind: Type.Enum([...OPERATION_KINDS]),
      state: Type.Enum([...OPERATION_STATES], {
        description: "`running` includes the wait between two attempts.",
      }),
      generation: nullable(Type.Integer(), { description: "The incarnation that it launches." }),
      source: Type.Enum([...SOURCES]),
      requested_by: Type.String(),
      coalesced: Type.Integer({ description: "How many requests it stands for." }),
      attempt: Type.Integer(),
      max_attempts: Type.Integer(),
      next_attempt_at: nullable(time("When the next attempt is due.")),
      phase: nullable(Type.String(), { description: "Which step it is at." }),
      cancel_requested_at: nullable(time("When it was asked to stop.")),
      retry_of: nullable(uuid(), {
        description: "The failed or cancelled operation that it is to make good.",
      }),
      part_of: nullable(uuid(), {
        description: "In a cascade, the operation of the workspace that was asked for: follow that one.",
      }),
      trace_id: nullable(Type.String(), {
        description: "The trace of the request that it was accepted by, where requests are traced.",
      }),
      error: nullable(Failure, { description: "Why it, or its last attempt, failed." }),
      created_at: time("When it was accepted."),
      started_at: nullable(time("When it first began.")),
      finished_at: nullable(time("When it ended.")),
    },
    { description: "One accepted request to change a workspace." },
  ),
);

/** An operation with what became of its whole request. */
export const FollowedOperation = Type.Intersect([
  ref(Operation),
  Type.Object({
    parts: nullable(
      Type.Object({
        unfinished: Type.Integer(),
        succeeded: Type.Integer(),
        failed: Type.Integer(),
        cancelled: Type.Integer(),
        amiss: Type.Array(ref(Operation), {
          description: "Those that failed or were cancelled, the first 100.",
        }),
      }),
      {
        description:
          "Of a cascade, how the operations of the descendants are; `GET /operations?part_of=<id>` lists them. Null: there " +
          "are none.",
      },
    ),
  }),
]);

export function viewOperation(row: Row): Static<typeof Operation> {
  return {
    id: row.id,
    workspace_id: row.workspace_id,
    ticket: row.ticket,
    kind: row.kind,
    state: row.state,
    generation: row.generation,
    source: row.source,
    requested_by: row.requested_by,
    coalesced: row.coalesced,
    attempt: row.attempt,
    max_attempts: row.max_attempts,
    next_attempt_at: iso(row.next_attempt_at),
    phase: row.phase,
    cancel_requested_at: iso(row.cancel_requested_at),
    // An API beside an older one, or an answer kept by one, may have no such member.
    retry_of: row.retry_of ?? null,
    part_of: row.part_of ?? null,
    trace_id: row.trace_id ?? null,
    error: row.error,
    created_at: row.created_at.toISOString(),
    started_at: iso(row.started_at),
    finished_at: iso(row.finished_at),
  };
}
