#!/usr/bin/env node
// Not in dist: npm links a command only if its file exists when it installs, which is before the build.
await import("../dist/main.js");
