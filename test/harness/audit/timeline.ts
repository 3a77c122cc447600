import { askedOf, containerLives, shortId, workspaceOf } from "./containers.js";
import type { RunRecord } from "./record.js";
import { WORKSPACE_TAG } from "./view.js";

/** Whatever is known of one workspace, in order: what was asked, what was recorded, what the provider did. */
export function timelineOf(record: RunRecord, workspace: string): string[] {
  const things = new Map(
    record.provider.made
      .filter(({ tags }) => tags[WORKSPACE_TAG] === workspace)
      .map(({ id, tags }) => [id, tags]),
  );
  const lines: { at: number; text: string }[] = [];
  const add = (at: number | null, text: string) => at !== null && lines.push({ at, text });
  for (const call of record.calls)
    if (call.workspace === workspace && call.kind !== "beat" && call.kind !== "read")
      add(
        call.answered,
        `client    ${call.kind} ${call.request} attempt ${call.attempt}: ${call.status} ${call.code ?? ""}`,
      );
  for (const one of record.sql.operations)
    if (one.workspace_id === workspace) {
      const name = `operation ${one.kind} #${one.ticket} (${one.source}, generation ${one.generation})`;
      add(one.created_at, `${name} accepted`);
      add(one.started_at, `${name} began`);
      add(
        one.finished_at,
        `${name} ${one.state} after ${one.attempt} attempt(s), ${one.takeovers} takeover(s) ${one.error?.message ?? ""}`,
      );
    }
  for (const row of record.sql.resources)
    if (row.workspace_id === workspace) {
      const name = `ledger    ${row.kind} ${row.provider_id ?? "-"} (generation ${row.generation})`;
      add(row.created_at, `${name} intended`);
      add(row.releasing_at, `${name} is to go`);
      add(row.gone_at, `${name} gone`);
    }
  for (const { event_type, created_at, workspace_id } of record.sql.events)
    if (workspace_id === workspace) add(created_at, `event     ${event_type}`);
  for (const { id, at, from, to, reason } of record.provider.changes)
    if (things.has(id)) add(at, `provider  ${id} ${from ?? "made"} -> ${to} ${reason ?? ""}`);
  for (const { at, action, key, outcome, effect, params } of record.provider.calls) {
    const about = JSON.stringify(params);
    if (
      about.includes(workspace) ||
      [...things.keys()].some((id) => about.includes(id) || effect.includes(id))
    )
      add(at, `call      ${action} by ${key}: ${outcome} ${effect}`);
  }
  const containers = new Set(
    containerLives(record).flatMap((life) => (life.workspace === workspace ? life.id : [])),
  );
  for (const { type, at, action, id } of record.docker.events)
    if (containers.has(id) || workspaceOf(id) === workspace)
      add(at, `daemon    ${action} ${type === "volume" ? `volume ${id}` : shortId(id)}`);
  for (const { at, what, target } of askedOf(record))
    if (containers.has(target) || workspaceOf(target) === workspace) add(at, `asked     ${what} ${target}`);
  for (const { at, what, generation, status, workspace: of } of record.agents)
    if (of === workspace && (what !== "beat" || status !== 200))
      add(at, `process   ${what} of generation ${generation} ${status || ""}`);
  for (const { at, gates } of record.samples)
    for (const { workspace: of, head, fence, owner } of gates)
      if (of === workspace) add(at, `gate      head ${head}, fence ${fence}, ${owner ?? "free"}`);
  const first = Math.min(...lines.map(({ at }) => at));
  const last = Math.max(...lines.map(({ at }) => at));
  for (const { what, at, until } of record.faults)
    if (until >= first && at <= last) add(at, `fault     ${what} for ${until - at} ms`);
  return lines
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, text }) =>
      `${((at - record.about.startedAt) / 1_000).toFixed(2).padStart(8)}  ${text}`.trimEnd(),
    );
}
