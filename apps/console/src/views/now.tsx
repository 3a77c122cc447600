import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { berth } from "../api/berth.js";
import { nowQuery, type Now, type Trouble } from "../api/queries.js";
import { Act } from "../parts/act.js";
import { count, Read } from "../parts/read.js";
import { plain, toneOf, wordFor } from "../parts/status.js";
import { Ago, For } from "../parts/time.js";
import { linkTo } from "../route.js";

/** What is wrong first; green only if nothing is. */
export function NowView(): ReactNode {
  return (
    <>
      <h1>Now</h1>
      <Read from={useQuery(nowQuery)}>{(now) => <Told now={now} />}</Read>
    </>
  );
}

function Told({ now }: { now: Now }): ReactNode {
  const mine = now.troubles.filter(({ needs_person }) => needs_person);
  const its = now.troubles.filter(({ needs_person }) => !needs_person);
  return (
    <>
      {now.well && (
        <p className="strip good" role="status">
          All is well: nothing has failed, nothing is held back, and all that was to go is gone.
        </p>
      )}
      {mine.length > 0 && (
        <section aria-labelledby="mine">
          <h2 id="mine">Waits for a person</h2>
          <ul className="troubles">{mine.map(show)}</ul>
        </section>
      )}
      {its.length > 0 && (
        <section aria-labelledby="its">
          <h2 id="its">Berth is on it</h2>
          <ul className="troubles">{its.map(show)}</ul>
        </section>
      )}
      <Figures now={now} />
    </>
  );
}

function show(one: Trouble): ReactNode {
  const key = [one.code, one.place, one.sweep, one.cause, one.title].join(" ");
  return <TroubleCard key={key} one={one} />;
}

function TroubleCard({ one }: { one: Trouble }): ReactNode {
  return (
    <li className={one.needs_person ? "trouble act" : "trouble"}>
      <h3>{one.title}</h3>
      <p className="when">
        {one.since !== null && <For since={one.since} />}
        {one.cost_per_hour !== null && one.cost_per_hour > 0 && (
          <> · about ${one.cost_per_hour.toFixed(2)} an hour</>
        )}
      </p>
      {one.cause !== null && <p className="cause">{plain(one.cause)}</p>}
      <p className="remedy">
        {one.remedy}
        {one.next_at !== null && (
          <>
            {" "}
            Next try <Ago at={one.next_at} />.
          </>
        )}
      </p>
      <div className="buttons">
        <Remedy one={one} />
      </div>
    </li>
  );
}

/** The button for it, and where to look closer. */
function Remedy({ one }: { one: Trouble }): ReactNode {
  const { code, workspace, sweep, place, operation_id: operation } = one;
  if (code === "failed" || code === "offline")
    return (
      <>
        {workspace !== null && one.count === 1 && <RestartOne {...workspace} />}
        {workspace !== null && (
          <a href={linkTo(`workspaces/${workspace.id}`)}>
            {one.count === 1 ? "Look at it" : `Look at ${workspace.name}`}
          </a>
        )}
        {one.count > 1 && (
          <a href={linkTo("workspaces", { status: code, find: one.cause })}>See all {one.count}</a>
        )}
      </>
    );
  if (code === "sweep_held")
    return (
      <>
        {one.needs_person && <Approve sweep={sweep!} acts={one.count} />}
        <a href={linkTo("sweeps", { sweep })}>See what it would do</a>
      </>
    );
  if (code === "sweep_paused")
    return (
      <Act
        label="Resume"
        question={`Let ${sweep} run again?`}
        run={() => berth.POST("/sweeps/{name}/resume", { params: { path: { name: sweep! } } })}
      />
    );
  if (code.startsWith("sweep_")) return <a href={linkTo("sweeps", { sweep })}>Look at {sweep}</a>;
  if (code.startsWith("webhook_")) return <a href={linkTo("webhooks")}>Look at the webhook</a>;
  if (code === "removal_late")
    return <a href={linkTo("leaks", { find: place })}>See {one.count === 1 ? "it" : `all ${one.count}`}</a>;
  if (operation !== null) return <a href={linkTo(`operations/${operation}`)}>Look at the oldest</a>;
  if (place !== null) return <a href={linkTo("places")}>Look at {place}</a>;
  return null;
}

function RestartOne({ id, name }: { id: string; name: string }): ReactNode {
  return (
    <Act
      label="Restart"
      question={`Restart ${name}?`}
      run={() => berth.POST("/workspaces/{id}/restart", { params: { path: { id } } })}
    >
      <p>What runs of it is stopped first. Its volume stays.</p>
    </Act>
  );
}

export function Approve({ sweep, acts }: { sweep: string; acts: number }): ReactNode {
  return (
    <Act
      label="Approve"
      danger
      question={`Let ${sweep} do ${count(acts, "act")}?`}
      run={() => berth.POST("/sweeps/{name}/approve", { params: { path: { name: sweep } } })}
    >
      <p>
        For exactly what it holds back now, at its next run, which begins at once. It can't be taken back.
      </p>
    </Act>
  );
}

function Figures({ now }: { now: Now }): ReactNode {
  const by = new Map<string, number>();
  for (const { status, n } of now.workspaces) by.set(status, (by.get(status) ?? 0) + n);
  const all = [...by.values()].reduce((sum, n) => sum + n, 0);
  const ended = now.ended_last_hour.reduce((sum, { n }) => sum + n, 0);
  const failed = now.ended_last_hour
    .filter(({ state }) => state === "failed")
    .reduce((sum, { n }) => sum + n, 0);
  return (
    <section aria-labelledby="figures" className="figures">
      <h2 id="figures">The fleet</h2>
      <p>
        <a href="#/workspaces">{count(all, "workspace")}</a>
      </p>
      {all > 0 && (
        <div className="bar" aria-hidden="true">
          {[...by].map(([status, n]) => (
            <span key={status} className={toneOf(status)} style={{ flexGrow: n }} />
          ))}
        </div>
      )}
      <ul className="counts">
        {[...by]
          .toSorted((a, b) => b[1] - a[1])
          .map(([status, n]) => (
            <li key={status}>
              <a href={linkTo("workspaces", { status })}>
                <span className={`status ${toneOf(status)}`}>{wordFor(status)}</span> {n.toLocaleString()}
              </a>
            </li>
          ))}
      </ul>
      <p className="quiet">
        {now.operations.length === 0
          ? "No operation is under way."
          : `Under way: ${now.operations.map(({ kind, state, n }) => `${n} ${kind} ${wordFor(state)}`).join(", ")}.`}{" "}
        {count(ended, "operation")} ended in the last hour{failed > 0 ? `, ${failed} of them failed` : ""}.{" "}
        Read <Ago at={now.at} />.
      </p>
    </section>
  );
}
