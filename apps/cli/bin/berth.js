#!/usr/bin/env node
// Not in dist: npm links a command only if its file exists when it installs, which is before the build.
import { existsSync } from "node:fs";

if (existsSync(new URL("../dist/main.js", import.meta.url))) await import("../dist/main.js");
else {
  process.stderr.write('berth: it isn\'t built yet; run "npm ci && npm run build" in the repository\n');
  process.exitCode = 1;
}
