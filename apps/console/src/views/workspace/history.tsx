import { useQuery } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { Read, Table, Id } from "../../parts/read.js";
import { Status } from "../../parts/status.js";
import { Ago, spanOf } from "../../parts/time.js";
import { OperationTable } from "../operation-table.js";
import { historyQuery, type History as Known } from "./queries.js";
import { Timeline } from "./timeline.js";

const EVENTS_SHOWN = 12;

/** What was done to it and made for it, drawn to scale and told. */
export function History({ id }: { id: string }): ReactNode {
  return (
    <Read from={useQuery(historyQuery(id))}>
      {(known) => (
        <>
          <Timeline known={known} />
          <section aria-labelledby="operations">
            <h2 id="operations">Operations</h2>
            {known.operations.length === 0 ? (
              <p className="quiet">None.</p>
            ) : (
              <OperationTable operations={known.operations} />
            )}
          </section>
          <Events events={known.events} />
          <Resources resources={known.resources} />
        </>
      )}
    </Read>
  );
}

function Events({ events }: { events: Known["events"] }): ReactNode {
  const [all, setAll] = useState(false);
  const newest = events.toReversed();
  const shown = all ? newest : newest.slice(0, EVENTS_SHOWN);
  return (
    <section aria-labelledby="events">
      <h2 id="events">What happened</h2>
      <ol className="events">
        {shown.map((event) => (
          <li key={event.id}>
            <Ago at={event.created_at} /> <b>{sayEvent(event.event_type)}</b>{" "}
            <span className="quiet">{sayPayload(event.payload)}</span>
          </li>
        ))}
      </ol>
      {newest.length > EVENTS_SHOWN && (
        <button type="button" onClick={() => setAll(!all)}>
          {all ? "Only the newest" : `All ${newest.length}`}
        </button>
      )}
    </section>
  );
}

function sayEvent(type: string): string {
  return type.replace(/^workspace\./, "").replaceAll(/[._]/g, " ");
}

const SAID = ["message", "reason", "why", "requested_by", "source", "from", "instance_id", "attempt"];

/** What of it a person asks for first. */
function sayPayload(payload: Record<string, unknown>): string {
  return SAID.flatMap((name) => {
    const value = payload[name];
    if (typeof value !== "string" && typeof value !== "number") return [];
    return `${name.replace("requested_by", "by").replaceAll("_", " ")} ${value}`;
  }).join(" · ");
}

function Resources({ resources }: { resources: Known["resources"] }): ReactNode {
  if (resources.length === 0) return null;
  return (
    <section aria-labelledby="resources">
      <h2 id="resources">Made for it</h2>
      <Table
        of="Things made for this workspace"
        columns={["Thing", "State", "At the provider", "Incarnation", "Made", "For", "Trouble"]}
      >
        {resources.map((one) => (
          <tr key={one.id}>
            <td data-of="Thing">{one.kind.replace("_", " ")}</td>
            <td data-of="State">
              <Status is={one.state} />
            </td>
            <td data-of="At the provider">
              {one.provider_id === null ? (
                <span className="quiet">{one.name}</span>
              ) : (
                <Id id={one.provider_id} />
              )}
            </td>
            <td data-of="Incarnation">{one.generation}</td>
            <td data-of="Made">
              <Ago at={one.created_at} />
            </td>
            <td data-of="For">
              {one.gone_at === null
                ? "until now"
                : spanOf(Date.parse(one.gone_at) - Date.parse(one.created_at))}
            </td>
            <td data-of="Trouble">{one.last_error?.message ?? one.released?.why}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}
