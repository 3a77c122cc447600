import type { Action } from "./actions.js";
import { explore, type Flaw } from "./explore.js";
import type { Scope } from "./protocol.js";
import { TELL, type State } from "./state.js";

/** A flaw as one can read it: what was done, line by line, and how things then are. */
export function story({ sentence, trace, goesRound }: Flaw): string {
  const lines = trace.map(({ action }, index) => `${String(index + 1).padStart(3)}. ${tell(action)}`);
  const last = trace.at(-1);
  return [
    sentence,
    ...lines,
    ...(last === undefined ? [] : [`     Then ${describe(last.state)}`]),
    ...(goesRound > 0 ? [`     It goes round through ${goesRound} states like this.`] : []),
  ].join("\n");
}

const DONE_BY_WORKERS: Readonly<Record<Extract<Action, { worker: number }>["do"], string>> = {
  take: "takes the job",
  claim: "tries to claim",
  "claim unanswered": "claims, and the answer is lost",
  "note step": "notes its step",
  "ask provider": "asks the provider",
  succeed: "records the success",
  "succeed unanswered": "records the success, and the answer is lost",
  fail: "records a failed attempt",
  "fail for good": "records the failure",
  "fail unanswered": "records a failed attempt, and the answer is lost",
  wait: "gives the gate back, since the provider takes its time",
  "stop for cancellation": "stops at a safe point and records the cancellation",
  "hand back": "hands the work back",
  "notice loss": "finds that its lease has run out",
  renew: "renews its lease",
  "renew late": "has a renewal answered that it asked for long ago",
  "clock runs out": "is stopped for longer than its lease",
  look: "looks why it must wait",
  "delay job": "puts the job off for a while",
  "park job": "parks the job",
  "look again": "looks once more, and promotes the job if its turn has come",
  "complete job": "completes the job",
  "retry job": "puts the job off until the next attempt",
  "processor throws": "fails in an unexpected way",
  "lose lock": "loses the job's lock to the queue's stalled check",
  crash: "dies",
  "hold idle": "holds the idle gate for a sweep",
  act: "asks the provider for the sweep",
  "restart by itself": "accepts a restart for the sweep",
  "let go": "lets the idle gate go",
};

const MESSAGES: Readonly<Record<number, string>> = {
  [TELL.addNow]: "add the job, to run now",
  [TELL.addParked]: "add the job, parked",
  [TELL.wake]: "wake the job",
  [TELL.wakeAdd]: "wake the job: it wasn't there, add it",
  [TELL.wakeReplace]: "wake the job: it had finished, replace it",
  [TELL.wakeAgain]: "wake the job: promote it once more",
};

function tell(action: Action): string {
  switch (action.do) {
    case "request":
      return `A ${action.kind} is asked for.`;
    case "cancel":
      return `The cancellation of ticket ${action.ticket} is asked for.`;
    case "tell":
      return `The queue is told of ticket ${action.ticket}: ${MESSAGES[action.bit]}.`;
    case "lose message":
      return `The queue is not told of ticket ${action.ticket}: ${MESSAGES[action.bit]}.`;
    case "sweep":
      return `The sweep finds ticket ${action.ticket}.`;
    case "backoff ends":
      return `The wait of ticket ${action.ticket} for its next attempt is over.`;
    case "delay ends":
      return `The delay of ticket ${action.ticket}'s job is over.`;
    case "park ends":
      return `The parking of ticket ${action.ticket}'s job is over.`;
    case "job stalls":
      return `The queue gives back ticket ${action.ticket}'s job, which nobody has.`;
    case "lease ends":
      return "The lease runs out in PostgreSQL.";
    case "queue is emptied":
      return "The queue loses everything.";
    case "queue goes back":
      return `The queue comes back with an older state: ticket ${action.ticket}'s job is ${action.to}.`;
    default: {
      const of = action.ticket === 0 ? "" : ` (ticket ${action.ticket})`;
      return `Worker ${action.worker + 1}${of} ${DONE_BY_WORKERS[action.do]}.`;
    }
  }
}

function describe({ status, gate, operations, workers }: State): string {
  const rows = operations.map(({ ticket, kind, state, job }) => `${ticket} ${kind} ${state} (job ${job})`);
  const busy = workers.flatMap(({ at, ticket }, index) =>
    at === "idle" ? [] : [`worker ${index + 1} is ${at}${ticket === 0 ? "" : ` ${ticket}`}`],
  );
  return [
    `the workspace is ${status}, head ${gate.head}, tail ${gate.tail}, fence ${gate.fence}, lease ${gate.lease}`,
    ...rows,
    ...busy,
  ].join("; ");
}

/** The story of what is wrong, so that a failure shows it; null if nothing is. */
export function flawOf(scope: Scope): string | null {
  const { flaw } = explore(scope);
  return flaw === null ? null : story(flaw);
}
