import { BerthError } from "@berth/client";
import { CliError, exitOf } from "./exit.js";

type Hint = (problem: Record<string, unknown>) => string | undefined;

const text = (value: unknown): string => (typeof value === "string" ? value : "…");
const AGAIN: Hint = () => "try again in a moment";
const WHY: Hint = ({ workspace_id: id, instance }) => {
  const asked = id ?? /^\/workspaces\/([0-9a-f-]{36})/.exec(text(instance))?.[1];
  return asked === undefined ? undefined : `see: berth why ${text(asked)}`;
};

/** What to do next, by the code of the refusal. */
const HINTS: Readonly<Record<string, Hint>> = {
  unreachable: () => 'start Berth with "berth up", or set BERTH_URL to where it answers',
  not_berth: () => "set BERTH_URL to where Berth answers",
  unauthorized: () => "set BERTH_KEY to a key that is valid",
  forbidden: ({ needed }) => `use a key of scope ${text(needed)}`,
  workspace_not_found: () => "see: berth ls --all",
  operation_not_found: () => "see: berth ops",
  leak_not_found: () => "see: berth leaks",
  key_not_found: () => "see: berth keys",
  quota_not_found: () => "see: berth quotas",
  sweep_not_found: () => "see: berth sweeps",
  sweep_paused: ({ sweep }) => `first: berth sweeps resume ${text(sweep)}`,
  illegal_transition: WHY,
  no_logs: WHY,
  has_children: () => "add --cascade to delete them too",
  has_active_tasks: () => "add --force to do it all the same",
  busy: () => "wait for it, or leave the choice to Berth",
  quota_exceeded: ({ label }) => `delete or pause one: berth ls --label ${text(label)}`,
  not_cancellable: ({ operation_id: id }) =>
    id === undefined ? undefined : `see: berth ops get ${text(id)}`,
  not_retryable: ({ operation_id: id }) => (id === undefined ? undefined : `see: berth ops get ${text(id)}`),
  precondition_failed: () => "look again, and repeat it",
  name_taken: () => "take another name",
  gap: () => "leave --since out to follow from now on",
  internal: ({ request_id: id }) => `search Berth's log for request ${text(id)}`,
  too_many_requests: AGAIN,
  overloaded: AGAIN,
  database_unavailable: AGAIN,
  queues_unavailable: AGAIN,
  no_worker: () => "is a worker running?",
  backend_unavailable: () => "is a worker running that serves it?",
  provider_unavailable: AGAIN,
  provider_timeout: AGAIN,
};

/** A refusal as people are told it. */
export function told(error: BerthError): CliError {
  const { code, problem, detail } = error;
  return new CliError(exitOf(error), detail === "" ? code : detail, HINTS[code]?.(problem ?? {}));
}
