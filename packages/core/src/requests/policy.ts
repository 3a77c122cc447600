import { BerthError } from "../base/errors.js";
import type { BackendName } from "../domain/backend.js";
import { brokenRule, placeLabelsOf } from "../domain/policy.js";
import type { Spec } from "../domain/spec.js";
import type { RequestContext, Requester } from "./accept.js";

interface Wanted {
  labels: Readonly<Record<string, string>>;
  backend: BackendName;
  spec: Spec;
}

/** @throws BerthError `refused_by_policy` with the `rule` that a workspace would break. */
export function requirePolicy(
  { policy = null }: Pick<RequestContext, "policy">,
  wanted: Wanted,
  { ofTenant = false }: Pick<Requester, "ofTenant">,
): void {
  const broken = brokenRule(policy, wanted, ofTenant);
  if (broken === null) return;
  throw refused(broken.rule, `policy ${broken.rule}: expected ${broken.expected}`);
}

/** Where a new workspace may go: what the policy says of places is added. @throws BerthError `refused_by_policy`. */
export function wishUnderPolicy<W extends Wanted & { place_labels?: Record<string, string> | undefined }>(
  { policy = null }: Pick<RequestContext, "policy">,
  wish: W,
): W {
  const forced = placeLabelsOf(policy, wish);
  if (Object.keys(forced).length === 0) return wish;
  for (const [key, value] of Object.entries(forced))
    if ((wish.place_labels?.[key] ?? value) !== value)
      throw refused("place_labels", `policy place_labels: expected a place with ${key}:${value}`);
  return { ...wish, place_labels: { ...wish.place_labels, ...forced } };
}

function refused(rule: string, message: string): BerthError {
  return new BerthError("refused_by_policy", message, { rule });
}
