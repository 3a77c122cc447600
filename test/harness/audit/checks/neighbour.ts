import type { Check } from "../check.js";
import { NEIGHBOUR } from "../record.js";
import { effectsOf } from "../view.js";

export const neighbour: Check = {
  name: "neighbour",
  invariant: "I10",
  promise: "A second installation under the same deployment's name changes nothing at the providers",
  find: ({ provider }) =>
    provider.calls
      .filter((call) => call.key?.startsWith(`${NEIGHBOUR}.`) === true && effectsOf(call).length > 0)
      .map(({ at, action, effect }) => ({ workspace: null, at, what: `its ${action} did: ${effect}` })),
};
