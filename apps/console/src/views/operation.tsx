import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Operation } from "@berth/client";
import { berth } from "../api/berth.js";
import { LOOK_EVERY_MS } from "../api/queries.js";
import { Copied } from "../parts/copied.js";
import { Read } from "../parts/read.js";
import { Status } from "../parts/status.js";
import { Ago } from "../parts/time.js";
import { linkTo } from "../route.js";
import { OperationActs, OperationTable, ran, waited } from "./operation-table.js";

/** What only ends something has queues of its own. */
const ENDS: readonly Operation["kind"][] = ["pause", "hibernate", "delete"];

/** One operation: where it is, what went wrong, and its job in the queues. */
export function OperationView({ id }: { id: string }): ReactNode {
  const found = useQuery({
    queryKey: ["operation", id],
    queryFn: async () => {
      const { data } = await berth.GET("/operations/{id}", { params: { path: { id } } });
      // A purged workspace has none left.
      const workspace = await berth
        .GET("/workspaces/{id}", { params: { path: { id: data.workspace_id } } })
        .catch(() => null);
      return { operation: data, workspace: workspace?.data ?? null };
    },
    refetchInterval: LOOK_EVERY_MS,
  });
  return (
    <Read from={found}>
      {({ operation, workspace }) => {
        const { kind, state, parts } = operation;
        const name = workspace?.name ?? operation.workspace_id;
        const queue = `${ENDS.includes(kind) ? "ends" : "operations"}-${workspace?.place}`;
        return (
          <>
            <p className="crumbs">
              <a href="#/operations">Operations</a> /{" "}
              <a href={linkTo(`workspaces/${operation.workspace_id}`)}>{name}</a>
            </p>
            <h1>
              {kind} of {name} <Status is={state} />
            </h1>
            {operation.error !== null && <div className="why bad">{operation.error.message}</div>}
            <div className="buttons">
              <OperationActs one={operation} />
              {workspace !== null && (
                <a
                  href={`/admin/queues/queue/${encodeURIComponent(queue)}/${operation.workspace_id}-${operation.ticket}`}
                >
                  Its job in the queues
                </a>
              )}
            </div>
            <dl className="facts">
              {factsOf(operation)
                .filter(([, value]) => value !== null)
                .map(([term, value]) => (
                  <div key={term}>
                    <dt>{term}</dt>
                    <dd>{value}</dd>
                  </div>
                ))}
            </dl>
            {parts !== null && (
              <section aria-labelledby="parts">
                <h2 id="parts">What belongs to it</h2>
                <p>
                  {parts.succeeded} succeeded, {parts.unfinished} unfinished, {parts.failed} failed,{" "}
                  {parts.cancelled} cancelled.
                </p>
                {parts.amiss.length > 0 && <OperationTable operations={parts.amiss} ofWorkspaces />}
              </section>
            )}
          </>
        );
      }}
    </Read>
  );
}

function factsOf(one: Operation): [string, ReactNode][] {
  const link = (id: string | null): ReactNode =>
    id === null ? null : <a href={linkTo(`operations/${id}`)}>that one</a>;
  return [
    ["Asked for", <Ago key="asked" at={one.created_at} />],
    ["By", `${one.requested_by} (${one.source})`],
    ["Requests", one.coalesced > 1 ? `${one.coalesced}, carried out as one` : null],
    ["Waited", waited(one)],
    ["Ran", one.started_at === null ? null : ran(one)],
    ["Attempt", `${one.attempt} of ${one.max_attempts}`],
    ["Next attempt", one.next_attempt_at === null ? null : <Ago key="next" at={one.next_attempt_at} />],
    ["Step", one.phase],
    ["Incarnation", one.generation],
    ["Makes good", link(one.retry_of)],
    ["Part of", link(one.part_of)],
    [
      "Asked to stop",
      one.cancel_requested_at === null ? null : <Ago key="stop" at={one.cancel_requested_at} />,
    ],
    ["Ended", one.finished_at === null ? null : <Ago key="ended" at={one.finished_at} />],
    ["Id", <Copied key="id" text={one.id} />],
    ["Trace", one.trace_id === null ? null : <Copied key="trace" text={one.trace_id} />],
  ];
}
