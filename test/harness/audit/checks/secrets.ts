import type { Check } from "../check.js";

export const secrets: Check = {
  name: "secrets",
  invariant: "security",
  promise: "No key, token or password is in any log, any row or any job",
  find: ({ exposures }) =>
    exposures.map(({ where, excerpt }) => ({ workspace: null, at: null, what: `${where}: ${excerpt}` })),
};
