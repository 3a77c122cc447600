import { explore } from "./explore.js";
import { SCOPES } from "./scopes.js";
import { story } from "./sentences.js";

// The search by hand, within other bounds: npm run model -- MENDED '{"operations": 3, "faultsAtMost": 2}'
const [name, bounds = "{}"] = process.argv.slice(2);
for (const [scope, usual] of Object.entries(SCOPES)) {
  if (name !== undefined && name !== scope) continue;
  const since = performance.now();
  const { states, steps, depth, flaw } = explore({ ...usual, ...(JSON.parse(bounds) as object) });
  const seconds = ((performance.now() - since) / 1000).toFixed(1);
  console.log(`${scope}: ${states} states, ${steps} steps, depth ${depth}, ${seconds} s`);
  if (flaw === null) continue;
  console.log(story(flaw));
  process.exitCode = 1;
}
