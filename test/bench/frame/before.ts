import { hasCommit, oldCheckout } from "../../support/old-checkout.js";

/** The last one before the work on speed, of 28 November 2026. */
const COMMIT = "4894440411d56a03e780d8f48055e3280eebd5aa";
export const BEFORE = "Berth before";

let checkout: Promise<string> | undefined;

/** The sources of Berth as it was. @throws if this checkout has no such commit */
export function before(): Promise<string> {
  checkout ??= hasCommit(COMMIT).then((is) => {
    if (!is) throw new Error(`commit ${COMMIT.slice(0, 7)} is not in this checkout`);
    return oldCheckout(COMMIT);
  });
  return checkout;
}
