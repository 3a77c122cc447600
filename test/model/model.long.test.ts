import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { commandsUnder, ROOT } from "../support/pages.js";

it("the gate's protocol, searched as docs/model.md says, is exclusive (I1), ordered (I2) and ends (I6, I7) whatever goes wrong", async () => {
  const lines = commandsUnder("docs/model.md", "The model of the gate");
  // It ends with 1, and with the story of it, where it finds a flaw.
  const { stdout } = await promisify(execFile)("sh", ["-e", "-c", lines], { cwd: ROOT });
  expect(stdout.match(/^[A-Z]+: \d+ states/gm)).toHaveLength(4);
}, 900_000);
