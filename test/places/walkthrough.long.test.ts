import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { DescribeSubnetsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { freePort } from "@berth/standalone/postgres/free-port";
import { startSimulator } from "berth-ec2-simulator/server";
import { expect, inject, it, onTestFinished } from "vitest";
import { QUICK_DELAYS } from "../compute/ec2/harness.js";
import { blocksUnder, ROOT } from "../support/pages.js";
import { newDirectory, startStandalone } from "../e2e/standalone-process.js";
import { aliveOn } from "../support/ec2-witness.js";
import { BUSYBOX_IMAGE } from "../support/images.js";
import { openHost } from "./hosts.js";

const CLI = join(ROOT, "node_modules/.bin");

/** A standalone that is started as the page says. @returns what the page's commands need to know of it */
async function startAs(command: string, env: Readonly<Record<string, string>>) {
  const said = [...command.matchAll(/(BERTH_\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!]);
  const standalone = startStandalone(await newDirectory(), { ...env, ...Object.fromEntries(said) });
  onTestFinished(async () => void (await standalone.interrupt()));
  const { url, key } = await standalone.ready;
  return { BERTH_URL: url, BERTH_KEY: key };
}

async function shell(commands: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const path = `${CLI}:${process.env.PATH}`;
  const run = promisify(execFile)("sh", ["-e", "-c", commands], {
    env: { ...process.env, ...env, PATH: path },
  });
  return (await run).stdout;
}

/** Each of these lines, in this order. */
function expectLines(output: string, ...lines: RegExp[]): void {
  const all = output.split("\n");
  let at = 0;
  for (const line of lines) {
    const found = all.findIndex((text, n) => n >= at && line.test(text));
    expect(found, `${line} in ${all.slice(at).join("\n")}`).toBeGreaterThanOrEqual(at);
    at = found + 1;
  }
}

it("a second Docker host is added as docs/places.md says, word for word", async ({ skip }) => {
  if (inject("docker") === null) return skip("no Docker daemon in this run");
  const directory = await newDirectory();
  const port = await freePort();
  const first = await openHost("docker");
  const here = {
    "/etc/berth": directory,
    "unix:///var/run/docker.sock": `unix://${first.socketPath}`,
    "docker-b.example.com:2376": `localhost:${port}`,
    "0.0.0.0:2376": `127.0.0.1:${port}`,
    "docker-b.example.com": "localhost",
    busybox: BUSYBOX_IMAGE,
  };
  const blocks = blocksUnder("docs/places.md", "A second Docker host", here);
  expect(blocks.map(({ language }) => language)).toEqual(["sh", "json", "yaml", "sh", "sh"]);
  const [certificates, daemon, file, start, commands] = blocks.map(({ text }) => text) as [
    string,
    string,
    string,
    string,
    string,
  ];
  await shell(certificates);
  const { hosts, ...settings } = JSON.parse(daemon) as { hosts: string[] } & Record<string, string | true>;
  const args = [
    `--host=${hosts[1]}`,
    ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
  ];
  const second = await openHost("docker-b", args);
  await writeFile(join(directory, "places.yaml"), file);
  const berth = await startAs(start, { BERTH_DOCKER_NETWORK: "none", BERTH_DEPLOYMENT_ID: "walk" });
  const output = await shell(commands, berth);
  expectLines(
    output,
    /^docker +docker +served +0 /,
    /^docker-b +docker +served +0 of 50 .*zone:b/,
    /^here is online: /,
    /^there is online: /,
    /^there +online +docker-b +1 /,
    /^there is online$/,
    /^docker-b is changed: weight, capacity$/,
    /^here is removed$/,
    /^there is removed$/,
  );
  expect([await first.left(), await second.left()]).toEqual([[], []]);
});

it("a second Region is added as docs/places.md says, word for word", async () => {
  const directory = await newDirectory();
  const simulator = await startSimulator({ delays: QUICK_DELAYS });
  onTestFinished(() => simulator.close());
  const keys = { AWS_ACCESS_KEY_ID: "AKIAONE", AWS_SECRET_ACCESS_KEY: "none" };
  const client = new EC2Client({
    endpoint: simulator.url,
    region: "us-east-1",
    credentials: { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY },
  });
  onTestFinished(() => client.destroy());
  const { Subnets = [] } = await client.send(new DescribeSubnetsCommand({}));
  const blocks = blocksUnder("docs/places.md", "A second Region", {
    "/etc/berth": directory,
    "subnet-0a1b2c3d": Subnets[0]!.SubnetId!,
    "subnet-4e5f6a7b": Subnets[1]!.SubnetId!,
  });
  expect(blocks.map(({ language }) => language)).toEqual(["yaml", "sh", "sh"]);
  const [file, start, commands] = blocks.map(({ text }) => text) as [string, string, string];
  await writeFile(join(directory, "places.yaml"), file);
  const env = {
    ...keys,
    AWS_ENDPOINT_URL: simulator.url,
    BERTH_EC2_SETTLE_MS: "400",
    BERTH_EC2_ABSENCE_MS: "300",
    BERTH_DEPLOYMENT_ID: "walk",
  };
  const output = await shell(commands, await startAs(start, env));
  expectLines(
    output,
    /^ec2 +ec2 +served +0 /,
    /^us +ec2 +served +0 /,
    /^near is online: /,
    /^far is online: /,
    /^far +online +us +1 /,
    /^far is online$/,
    /^near is removed$/,
    /^far is removed$/,
  );
  const made = simulator.sim.regions().map(({ name, instances }) => [name, instances.size]);
  expect(made.toSorted()).toEqual([
    ["eu-west-1", 1],
    ["us-east-1", 2],
  ]);
  expect(aliveOn(simulator.sim)).toEqual([]);
});
