import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { startSimulator } from "berth-ec2-simulator/server";
import { expect, onTestFinished, test } from "vitest";
import { QUICK_DELAYS } from "../compute/ec2/harness.js";
import { aliveOn } from "../support/ec2-witness.js";
import { blocksUnder, commandsUnder, ROOT } from "../support/pages.js";
import { newDirectory, startStandalone } from "./standalone-process.js";

const KEYS = { AWS_ACCESS_KEY_ID: "AKIAONE", AWS_SECRET_ACCESS_KEY: "none" };

/** A standalone of the test's own. @returns what the commands of a page need to know of it */
async function start(env: Record<string, string>, args: readonly string[] = []) {
  const dataDir = await newDirectory();
  const standalone = startStandalone(dataDir, env, {}, args);
  onTestFinished(async () => {
    await standalone.interrupt();
    await rm(dataDir, { recursive: true, force: true });
  });
  const { url, key, text } = await standalone.ready;
  return { text, env: { ...process.env, BERTH_URL: url, BERTH_KEY: key } };
}

test("without an account Berth starts as docs/ec2.md says, and the demo finds nothing left at the simulated EC2 (I4)", async () => {
  const [begin, round] = blocksUnder("docs/ec2.md", "Without an account").map(({ text }) => text.trim());
  const [npm, ...args] = begin!.split(" -- ");
  // What it does before is in test/e2e/npm.test.ts.
  expect(npm).toBe("npm start");
  const { text, env } = await start({}, args[0]!.split(" "));
  const [, simulator] = /simulated at (\S+)/.exec(text)!;
  const commands = round!.replace("<address>", simulator!);
  const { stdout } = await promisify(execFile)("sh", ["-e", "-c", commands], { cwd: ROOT, env });
  expect(stdout).toMatch(/Left at the provider: nothing; while they ran it had [1-9]/);
});

test.each([
  ["the README", () => commandsUnder("README.md", "On AWS").trim().split(" ")],
  ["docs/ec2.md", () => commandsUnder("docs/ec2.md", "With an account").trim().split("\n")],
])("a worker that has the settings of %s makes and ends a workspace on EC2", async (_, lines) => {
  const simulator = await startSimulator({ delays: QUICK_DELAYS });
  onTestFinished(() => simulator.close());
  const said = Object.fromEntries(
    lines().map((line) => /^(\w+)=(.*)$/.exec(line)!.slice(1) as [string, string]),
  );
  const client = new EC2Client({
    endpoint: simulator.url,
    region: said["AWS_REGION"]!,
    credentials: { accessKeyId: KEYS.AWS_ACCESS_KEY_ID, secretAccessKey: KEYS.AWS_SECRET_ACCESS_KEY },
  });
  onTestFinished(() => client.destroy());
  const { Subnets = [] } = await client.send(new DescribeSubnetsCommand({}));
  const { env } = await start({
    ...said,
    ...KEYS,
    BERTH_EC2_IMAGE: said["BERTH_EC2_IMAGE"]!.replace("…", "0123456789abcdef0"),
    BERTH_EC2_SUBNETS: Subnets.slice(0, said["BERTH_EC2_SUBNETS"]!.split(",").length)
      .map(({ SubnetId }) => SubnetId)
      .join(","),
    AWS_ENDPOINT_URL: simulator.url,
    BERTH_EC2_SETTLE_MS: "400",
    BERTH_EC2_ABSENCE_MS: "300",
  });
  const bin = join(ROOT, "node_modules/.bin");
  const { stdout } = await promisify(execFile)(
    "sh",
    ["-e", "-c", "berth create one --readiness running; berth rm one"],
    {
      env: { ...env, PATH: `${bin}:${process.env.PATH}` },
    },
  );
  expect(stdout).toMatch(/^one is online: \S+\none is removed\n$/);
  expect(aliveOn(simulator.sim)).toEqual([]);
});
