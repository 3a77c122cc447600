import { runDemo } from "./demo.js";
import { DemoError } from "./demo-error.js";
import { readSettings } from "./settings.js";

try {
  await runDemo(readSettings(process.argv.slice(2)));
} catch (error) {
  console.error(`\ndemo: ${error instanceof DemoError ? error.message : String(error)}`);
  process.exitCode = 1;
}
