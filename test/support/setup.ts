// Run before each file. What it imports is run once for all files that share a process.
await import("./patience.js");
