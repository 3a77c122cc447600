import type { OperationCount } from "@berth/core/db/counts";
import type { PricedLeak } from "@berth/core/requests/leaks";
import type { SweepLiveness } from "@berth/core/sweeps/state";
import type { PlaceReport } from "@berth/core/db/places";
import { html, Html } from "./html.js";
import { placesTable } from "./places.js";

/** What the fleet page shows, as it was read at one moment. */
export interface Fleet {
  deploymentId: string;
  at: Date;
  workspaces: readonly { backend: string; status: string; n: number }[];
  operations: readonly OperationCount[];
  places: readonly PlaceReport[];
  sweeps: readonly SweepLiveness[];
  /** The first of them; `leakCount` says how many there are. */
  leaks: readonly PricedLeak[];
  leakCount: number;
  /** How many things operations under way are to remove. */
  underWay: number;
}

const STYLE = `
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; margin: 2rem auto; max-width: 76rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #e3e7ec; vertical-align: top }
th { font-weight: 600; color: #5b6675 } td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
code { font-size: .85em } p { color: #5b6675; margin: .2rem 0 } a { color: #0b6a6a }
.bad { color: #a61b1b; font-weight: 600 } .good { color: #1d6b36 }
.held { border-left: .3rem solid #c77700; padding: .3rem 1rem; background: #fff7e8 }
@media (prefers-color-scheme: dark) { body { color: #d9dfe7; background: #14181d } th, p { color: #95a1b0 }
  th, td { border-color: #2a313a } a { color: #5cc4c4 } .bad { color: #ff8a8a } .good { color: #79d295 } .held { background: #2b2413 } }`;

/** The fleet at a glance: what is held and why first, then what leaks, how the sweeps fare, and what there is. */
export function fleetPage(fleet: Fleet, nonce: string): string {
  const held = fleet.sweeps.filter((sweep) => sweep.held !== null);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="refresh" content="10" />
        <title>Berth · ${fleet.deploymentId}</title>
        <style nonce="${nonce}">
          ${style()}
        </style>
      </head>
      <body>
        <h1>Berth · ${fleet.deploymentId}</h1>
        <p>
          ${fleet.at.toISOString()}, read again every 10 s · <a href="/admin/queues">queues</a> ·
          <a href="/docs">calls</a> · <a href="/login">log out</a>
        </p>
        ${trouble(fleet)} ${held.map(heldSweep)}
        <h2>Leaks</h2>
        ${leaks(fleet)}
        <h2>Places</h2>
        ${placesTable(fleet.places)}
        <h2>Sweeps</h2>
        <table>
          <tr>
            <th>sweep</th>
            <th>state</th>
            <th>last run</th>
            <th>took</th>
            <th>counts</th>
            <th>last error</th>
          </tr>
          ${fleet.sweeps.map(sweepRow)}
        </table>
        <h2>Workspaces</h2>
        ${counts(
          fleet.workspaces.map(({ backend, status, n }) => [backend, status, n]),
          ["backend", "status"],
        )}
        <h2>Unfinished operations</h2>
        ${counts(
          fleet.operations.map(({ kind, state, n }) => [kind, state, n]),
          ["kind", "state"],
        )}
      </body>
    </html>`.text;
}

function style(): Html {
  // No value of ours or of anybody's is in it.
  return new Html(STYLE);
}

function heldSweep({ name, held }: SweepLiveness): Html {
  return html`<div class="held">
    <h2>${name} holds back ${held?.would_act ?? 0} of ${held?.looked_at ?? 0}</h2>
    <p>
      It would act on too much at once: more likely the picture is wrong than the fleet. Held since
      ${held?.at ?? null}; <code>POST /sweeps/${name}/approve</code> lets exactly these acts run.
    </p>
    <table>
      ${(held?.actions ?? []).slice(0, 20).map(
        (one) =>
          html`<tr>
            <td>${one.what}</td>
            <td>${one.why}</td>
          </tr>`,
      )}
    </table>
  </div>`;
}

/** What waits for a person, or may never end: said before anything that is well. */
function trouble({ workspaces, operations }: Fleet): Html {
  const sum = (rows: readonly { n: number }[]): number => rows.reduce((total, { n }) => total + n, 0);
  const failed = sum(workspaces.filter(({ status }) => status === "failed"));
  const offline = sum(workspaces.filter(({ status }) => status === "offline"));
  const deletes = sum(operations.filter(({ kind }) => kind === "delete"));
  return html`${failed > 0 ? html`<p class="bad">${failed} workspaces have failed: each one's why says what is left to do.</p>` : []}
  ${offline > 0 ? html`<p class="bad">${offline} workspaces are offline; each one's why says what is waited for.</p>` : []}
  ${deletes > 0 ? html`<p>${deletes} deletes are under way: what they are to remove isn't proven gone.</p>` : []}`;
}

function leaks({ leaks: rows, leakCount, underWay }: Fleet): Html {
  if (leakCount === 0 && underWay > 0)
    return html`<p>
      None beside ${underWay} thing(s) that operations under way are to remove, and that aren't proven gone.
    </p>`;
  if (leakCount === 0) return html`<p class="good">None: all that is to go is proven gone.</p>`;
  return html`<p>
      ${leakCount} in all${rows.length < leakCount ? `, the ${rows.length} oldest here` : ""};
      <code>GET /leaks</code> has everything.
    </p>
    <table>
      <tr>
        <th>kind</th>
        <th>backend</th>
        <th>provider id</th>
        <th>since</th>
        <th>tries</th>
        <th>next try</th>
        <th>why</th>
        <th>last error</th>
        <th>cost an hour</th>
      </tr>
      ${rows.map(
        (leak) =>
          html`<tr>
            <td>${leak.kind}</td>
            <td>${leak.backend}</td>
            <td><code>${leak.provider_id ?? leak.name}</code></td>
            <td>${leak.since.toISOString()}</td>
            <td class="n">${leak.attempts}</td>
            <td>${leak.next_attempt_at?.toISOString() ?? null}</td>
            <td>${leak.why}</td>
            <td>${leak.last_error?.message ?? null}</td>
            <td class="n">${leak.cost_per_hour}</td>
          </tr>`,
      )}
    </table>`;
}

function sweepRow(sweep: SweepLiveness): Html {
  const [word, sort] = sweep.silent
    ? ["silent", "bad"]
    : sweep.held !== null
      ? ["held", "bad"]
      : sweep.paused
        ? ["paused", "bad"]
        : sweep.registered
          ? [sweep.running ? "running" : "on time", "good"]
          : ["never ran", ""];
  const numbers = Object.entries(sweep.last_counts ?? {}).map(([name, n]) => `${name} ${String(n)}`);
  return html`<tr>
    <td>${sweep.name}</td>
    <td class="${sort!}">${word!}</td>
    <td>${sweep.last_finished_at?.toISOString() ?? null}</td>
    <td class="n">${sweep.last_duration_ms === null ? null : `${sweep.last_duration_ms} ms`}</td>
    <td>${numbers.join(", ")}</td>
    <td>${sweep.last_error}</td>
  </tr>`;
}

function counts(
  rows: readonly (readonly [string, string, number])[],
  names: readonly [string, string],
): Html {
  if (rows.length === 0) return html`<p>None.</p>`;
  return html`<table>
    <tr>
      <th>${names[0]}</th>
      <th>${names[1]}</th>
      <th>how many</th>
    </tr>
    ${rows.map(
      ([first, second, n]) =>
        html`<tr>
          <td>${first}</td>
          <td>${second}</td>
          <td>${n}</td>
        </tr>`,
    )}
  </table>`;
}
