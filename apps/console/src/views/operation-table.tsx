import type { ReactNode } from "react";
import type { Operation } from "@berth/client";
import { berth } from "../api/berth.js";
import { useNames } from "../api/names.js";
import { Act } from "../parts/act.js";
import { Id, Table } from "../parts/read.js";
import { Status } from "../parts/status.js";
import { Ago, spanOf } from "../parts/time.js";
import { linkTo } from "../route.js";

/** Operations with what can be done about them. */
export function OperationTable({
  operations,
  ofWorkspaces = false,
}: {
  operations: readonly Operation[];
  ofWorkspaces?: boolean;
}): ReactNode {
  const columns = [
    "What",
    "State",
    ...(ofWorkspaces ? ["Workspace"] : []),
    "Asked for",
    "By",
    "Waited",
    "Ran",
    "Trouble",
    "",
  ];
  const names = useNames(ofWorkspaces ? operations.map((one) => one.workspace_id) : []);
  return (
    <Table of="Operations" columns={columns}>
      {operations.map((one) => (
        <tr key={one.id}>
          <td data-of="What">
            <a href={linkTo(`operations/${one.id}`)}>{one.kind}</a>
            {one.coalesced > 1 && <span className="quiet"> ×{one.coalesced}</span>}
          </td>
          <td data-of="State">
            <Status is={one.state} />
          </td>
          {ofWorkspaces && (
            <td data-of="Workspace">
              <a href={linkTo(`workspaces/${one.workspace_id}`)}>
                {names.get(one.workspace_id) ?? <Id id={one.workspace_id} />}
              </a>
            </td>
          )}
          <td data-of="Asked for">
            <Ago at={one.created_at} />
          </td>
          <td data-of="By" className="quiet">
            {one.requested_by}
          </td>
          <td data-of="Waited">{waited(one)}</td>
          <td data-of="Ran">{ran(one)}</td>
          <td data-of="Trouble" className="reason">
            <Trouble one={one} />
          </td>
          <td className="acts">
            <OperationActs one={one} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Trouble({ one }: { one: Operation }): ReactNode {
  const tries = one.attempt > 1 ? `attempt ${one.attempt} of ${one.max_attempts}` : null;
  return (
    <>
      {[tries, one.error?.message].filter(Boolean).join(": ")}
      {one.next_attempt_at !== null && one.state === "running" && (
        <>
          {" "}
          next <Ago at={one.next_attempt_at} />
        </>
      )}
    </>
  );
}

export function OperationActs({ one }: { one: Operation }): ReactNode {
  const { id, kind, state } = one;
  const path = { params: { path: { id } } };
  if (state === "queued" || state === "running")
    return (
      <Act
        label="Cancel"
        danger
        disabled={one.cancel_requested_at !== null || kind === "delete"}
        question={`Cancel this ${kind}?`}
        run={() => berth.POST("/operations/{id}/cancel", path)}
      >
        <p>
          {state === "queued"
            ? "It hasn't begun, so nothing changes."
            : "It ends at its next safe point; what it has begun is cleaned up."}
        </p>
      </Act>
    );
  if (state === "succeeded") return null;
  return (
    <Act
      label="Retry"
      question={`Try this ${kind} again?`}
      run={() => berth.POST("/operations/{id}/retry", path)}
    >
      <p>As a new operation, which makes this one good.</p>
    </Act>
  );
}

export function waited({ created_at, started_at, finished_at }: Operation): string {
  const end = started_at ?? finished_at;
  return spanOf((end === null ? Date.now() : Date.parse(end)) - Date.parse(created_at));
}

export function ran({ started_at, finished_at }: Operation): string {
  if (started_at === null) return "–";
  return spanOf((finished_at === null ? Date.now() : Date.parse(finished_at)) - Date.parse(started_at));
}
