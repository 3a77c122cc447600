import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";
import type { Sweep } from "@berth/client";
import { berth, wordsOf } from "../api/berth.js";
import { sweepsQuery } from "../api/queries.js";
import { Act } from "../parts/act.js";
import { count, Read } from "../parts/read.js";
import { Status } from "../parts/status.js";
import { Ago, spanOf } from "../parts/time.js";
import { useRoute } from "../route.js";
import { Approve } from "./now.js";
import { Plan } from "./plan.js";
import { Runs } from "./sweep-runs.js";
import { purposeOf, wordsOfRun } from "./sweep-words.js";

/** The jobs that heal: how each fares, what it holds back, what it would do now. */
export function SweepsView(): ReactNode {
  const wanted = useRoute().query.get("sweep");
  const found = useQuery(sweepsQuery);
  const there = found.data !== undefined;
  useEffect(() => {
    if (there && wanted !== null) document.getElementById(`sweep-${wanted}`)?.scrollIntoView();
  }, [there, wanted]);
  return (
    <>
      <h1>Sweeps</h1>
      <p className="quiet">Jobs that compare what should be with what is, and heal the difference.</p>
      <Read from={found}>
        {(sweeps) => (
          <ul className="cards">
            {sweeps
              .toSorted((a, b) => grave(b) - grave(a))
              .map((sweep) => (
                <SweepCard key={sweep.name} sweep={sweep} />
              ))}
          </ul>
        )}
      </Read>
    </>
  );
}

function grave({ held, silent, paused, last_error }: Sweep): number {
  return held !== null ? 4 : silent ? 3 : paused ? 2 : last_error !== null ? 1 : 0;
}

function stateOf(sweep: Sweep): readonly [string, string] {
  if (sweep.held !== null) return ["bad", "holds back"];
  if (sweep.silent) return ["bad", "silent"];
  if (sweep.paused) return ["warn", "paused"];
  if (sweep.running) return ["busy", "running"];
  if (sweep.last_error !== null) return ["warn", "failed last"];
  return sweep.registered ? ["good", "on time"] : ["rest", "never ran"];
}

function SweepCard({ sweep }: { sweep: Sweep }): ReactNode {
  const { name, held, every_ms, paused } = sweep;
  const path = { params: { path: { name } } };
  const dry = useMutation({
    mutationFn: async () => {
      const { data } = await berth.POST("/sweeps/{name}/run", {
        params: { path: { name }, query: { dry_run: true } },
      });
      return data.dry_run ? data : null;
    },
  });
  const [tone, word] = stateOf(sweep);
  return (
    <li id={`sweep-${name}`} className="card">
      <h2>
        {name} <Status is={word} tone={tone} />
      </h2>
      <p>{purposeOf(name)}</p>
      <p className="quiet">
        {every_ms !== null && <>every {spanOf(every_ms)} · </>}last ended{" "}
        <Ago at={sweep.last_finished_at} none="never" />
        {sweep.last_duration_ms !== null && <> after {spanOf(sweep.last_duration_ms)}</>}
        {sweep.paused_by !== null && <> · paused by {sweep.paused_by}</>}
      </p>
      <p>{wordsOfRun(sweep.last_counts)}</p>
      <Runs of={name} />
      {sweep.last_error !== null && <p className="bad">{sweep.last_error}</p>}
      {held !== null && (
        <div className="why bad">
          <p>
            It would act on {held.would_act} of {held.looked_at} at once, since <Ago at={held.at} />. More
            likely what it saw is wrong than so much of the fleet: look, then approve.
          </p>
          <Plan actions={held.actions} />
        </div>
      )}
      {sweep.approval !== null && (
        <p>
          {sweep.approval.by} approved {count(sweep.approval.acts, "act")} <Ago at={sweep.approval.at} />.
        </p>
      )}
      <div className="buttons">
        {held !== null && sweep.approval === null && <Approve sweep={name} acts={held.would_act} />}
        <button type="button" disabled={dry.isPending} onClick={() => dry.mutate()}>
          {dry.isPending ? "Looking…" : "What would it do now?"}
        </button>
        <Act
          label="Run now"
          disabled={paused}
          question={`Run ${name} now?`}
          run={() => berth.POST("/sweeps/{name}/run", path)}
        >
          <p>A worker does at once what it would do at its next turn.</p>
        </Act>
        {paused ? (
          <Act
            label="Resume"
            question={`Let ${name} run again?`}
            run={() => berth.POST("/sweeps/{name}/resume", path)}
          />
        ) : (
          <Act
            label="Pause"
            danger
            question={`Pause ${name}?`}
            run={() => berth.POST("/sweeps/{name}/pause", path)}
          >
            <p>On all workers. What it heals stays broken until it is resumed.</p>
          </Act>
        )}
      </div>
      {dry.error !== null && (
        <p className="bad" role="alert">
          {wordsOf(dry.error)}
        </p>
      )}
      {dry.data != null && (
        <div className="why" role="status">
          <p>
            {dry.data.actions.length === 0
              ? `Nothing: it looked at ${count(dry.data.looked_at, "thing")}, and all are as they should be.`
              : `It would do this, of ${count(dry.data.looked_at, "thing")} that it looked at${dry.data.would_hold ? "; that is too much at once, so it would wait for a person" : ""}:`}
          </p>
          {dry.data.unanswered.length > 0 && (
            <p className="bad">No worker answered for {dry.data.unanswered.join(", ")}.</p>
          )}
          <Plan actions={dry.data.actions} />
        </div>
      )}
    </li>
  );
}
