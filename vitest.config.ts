import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { WholeBerthsFirst } from "./test/support/sequencer.js";

/** As in test/support/patience.ts, in ms. */
const PATIENCE_MS = 100_000;

/** `npm test` has just built this checkout: then what is shipped is tested, and Node loads it without a transform. */
const IS_BUILT = process.env["BERTH_TEST_BUILT"] === "1";

export default defineConfig({
  ...(IS_BUILT ? {} : { ssr: { resolve: { conditions: ["source"] } } }),
  test: {
    server: { deps: { external: [/\/(?:apps|packages)\/[^/]+\/dist\//] } },
    include: ["test/**/*.test.ts", "packages/*/test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    setupFiles: ["test/support/setup.ts"],
    // To load everything anew for each file was a third of what tests compute. No module of ours keeps state.
    isolate: false,
    // Only what hangs meets these limits, on however slow a machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: PATIENCE_MS } },
    sequence: { sequencer: WholeBerthsFirst },
    // Tests wait more than they compute; and each has connections to the one PostgreSQL, which bears 400.
    maxWorkers: Math.max(4, Math.ceil(availableParallelism() * 1.5)),
  },
});
