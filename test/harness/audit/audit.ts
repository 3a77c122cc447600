import type { Check, Violation } from "./check.js";
import { answers } from "./checks/answers.js";
import { crashes } from "./checks/crashes.js";
import { ended } from "./checks/ended.js";
import { exhaustion } from "./checks/exhaustion.js";
import { failures } from "./checks/failures.js";
import { goesOn } from "./checks/goes-on.js";
import { leaks } from "./checks/leaks.js";
import { ledger } from "./checks/ledger.js";
import { neighbour } from "./checks/neighbour.js";
import { order } from "./checks/order.js";
import { overlap } from "./checks/overlap.js";
import { persists } from "./checks/persists.js";
import { places } from "./checks/places.js";
import { prompt } from "./checks/prompt.js";
import { proof } from "./checks/proof.js";
import { reaped } from "./checks/reaped.js";
import { secrets } from "./checks/secrets.js";
import { settled } from "./checks/settled.js";
import { statuses } from "./checks/statuses.js";
import { tenants } from "./checks/tenants.js";
import { truth } from "./checks/truth.js";
import { volumes } from "./checks/volumes.js";
import type { RunRecord } from "./record.js";

/** Everything that is looked at. */
export const CHECKS: readonly Check[] = [
  overlap,
  order,
  prompt,
  goesOn,
  answers,
  ended,
  failures,
  leaks,
  ledger,
  proof,
  places,
  reaped,
  neighbour,
  volumes,
  exhaustion,
  persists,
  statuses,
  truth,
  secrets,
  tenants,
  crashes,
  settled,
];

export interface Verdict {
  check: Check;
  violations: Violation[];
}

export function audit(record: RunRecord): Verdict[] {
  return CHECKS.map((check) => ({ check, violations: check.find(record) }));
}
