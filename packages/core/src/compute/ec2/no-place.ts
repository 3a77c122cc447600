import { BackendError } from "../backend-error.js";
import { outcomeOf } from "./capacity.js";
import { MEANINGS, type Refusal } from "./launch-errors.js";
import { typeName, type Wanted } from "./wanted.js";

/**
 * The error where each type was refused in all of `zones`: what it comes to is what may pass first. With `movable`,
 * another zone may have what these don't, and `capacity` tells the caller to try there.
 */
export function noPlaceLeft(
  { types }: Wanted,
  zones: readonly string[],
  refusals: readonly Refusal[],
  { movable }: { movable: boolean },
): BackendError {
  const { lack, code, message } = outcomeOf(refusals) ?? {
    lack: "no_room",
    code: "InsufficientInstanceCapacity",
    message: "there was no room a moment ago",
  };
  const elsewhere = movable && refusals.some((one) => one.lack === "unsupported");
  const [kindOfFailure, kind, passing] = MEANINGS[elsewhere ? "no_room" : lack];
  return new BackendError(
    kindOfFailure,
    kind,
    `no place for ${types.map(typeName).join(", ")} in ${zones.join(", ")}: ${message}`,
    { providerCode: code, passing },
  );
}
