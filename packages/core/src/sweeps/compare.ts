import type { OwnedResource } from "../compute/backend.js";
import type { Claim } from "../db/sightings.js";

/** The things listed at a provider that nothing in the ledger claims. */
export function unclaimedOf(listed: readonly OwnedResource[], claims: readonly Claim[]): OwnedResource[] {
  const byId = new Set<string>();
  const byWorkspace = new Map<string, Claim[]>();
  for (const claim of claims) {
    if (claim.provider_id !== null) byId.add(`${claim.kind} ${claim.provider_id}`);
    else {
      const key = `${claim.kind} ${claim.workspace_id}`;
      byWorkspace.set(key, [...(byWorkspace.get(key) ?? []), claim]);
    }
  }
  return listed.filter(
    (thing) =>
      !byId.has(`${thing.kind} ${thing.providerId}`) &&
      !byWorkspace.get(`${thing.kind} ${thing.workspaceId}`)?.some((claim) => isClaimedBy(thing, claim)),
  );
}

/**
 * A row claims the thing with its provider id. One whose provider never answered claims whatever could be
 * the fruit of that call: the workspace's volume, or its instance of that generation. What doesn't tell its
 * generation could be it.
 */
export function isClaimedBy(thing: OwnedResource, claim: Claim): boolean {
  if (thing.kind !== claim.kind) return false;
  if (claim.provider_id !== null) return claim.provider_id === thing.providerId;
  return (
    claim.workspace_id === thing.workspaceId &&
    (thing.kind !== "instance" || thing.generation === null || thing.generation === claim.generation)
  );
}

/** True if it is still the same thing, and not another under its name. */
export function isSame(one: OwnedResource, other: OwnedResource): boolean {
  return (
    one.kind === other.kind &&
    one.providerId === other.providerId &&
    one.workspaceId === other.workspaceId &&
    one.generation === other.generation &&
    one.createdAt?.getTime() === other.createdAt?.getTime()
  );
}

/** True if the workspace has a volume that its provider has made, and this isn't it. */
export function hasOther(thing: OwnedResource, claims: readonly Claim[]): boolean {
  return claims.some(
    (claim) =>
      claim.kind === "volume" &&
      claim.workspace_id === thing.workspaceId &&
      claim.provider_id !== null &&
      claim.provider_id !== thing.providerId,
  );
}
