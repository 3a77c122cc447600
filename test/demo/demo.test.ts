import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { openHost } from "../places/hosts.js";
import { newDirectory, preparedDirectory, startStandalone } from "../e2e/standalone-process.js";
import { BUSYBOX_IMAGE } from "../support/images.js";
import { startProcess } from "../support/worker-process.js";
import { startBrokenBerth, type Fault } from "./broken-berth.js";

const MAIN = new URL("../../apps/demo/src/main.ts", import.meta.url);

async function demo(env: Record<string, string>, args: string[] = []) {
  await using run = startProcess(MAIN, env, args);
  const { code } = await run.exited;
  return { code, output: run.output() };
}

describe("the demo", () => {
  it("ends clean on processes: fifty restarts are at most two cycles, and nothing is left (I1, I2, I4)", async () => {
    const output = await demoOnStandalone({}, []);
    expect(output).toContain("Left at the provider: nothing; while they ran it had 4 things of them");
  });

  it("ends clean on Docker, by the word of Docker itself (I1, I2, I4)", async ({ skip }) => {
    const docker = inject("docker");
    if (docker === null) return skip("no Docker daemon in this run");
    const host = { DOCKER_HOST: `unix://${docker.socketPath}` };
    const output = await demoOnStandalone(
      { ...host, BERTH_BACKENDS: "docker", BERTH_DOCKER_NETWORK: "none", BERTH_DEPLOYMENT_ID: "demo" },
      ["--image", BUSYBOX_IMAGE],
      host,
    );
    // Four containers and four volumes.
    expect(output).toContain("Left at the provider: nothing; while they ran it had 8 things of them");
  });

  it("spreads its tree over two daemons, and ends clean by the word of both (I1, I4, I12)", async ({
    skip,
  }) => {
    if (inject("docker") === null) return skip("no Docker daemon in this run");
    const hosts = [await openHost("docker-a"), await openHost("docker-b")];
    const file = join(await newDirectory(), "places.yaml");
    const places = hosts.map(
      (one) => `  ${one.place}: {backend: docker, host: "unix://${one.socketPath}"}\n`,
    );
    await writeFile(file, `places:\n${places.join("")}`);
    const asked = hosts.flatMap((one) => ["--docker-host", `unix://${one.socketPath}`]);
    const output = await demoOnStandalone(
      {
        BERTH_PLACES_FILE: file,
        BERTH_BACKENDS: "docker",
        BERTH_DOCKER_NETWORK: "none",
        BERTH_DEPLOYMENT_ID: "demo",
      },
      ["--image", BUSYBOX_IMAGE, "--places", "2", ...asked],
    );
    expect(output).toContain("A tree of four workspaces over docker-a and docker-b");
    expect(output).toContain("Left at the provider: nothing; while they ran it had 8 things of them");
    expect((await Promise.all(hosts.map((one) => one.left()))).flat()).toEqual([]);
  });

  it("says which places there are where they are fewer than asked for", async () => {
    await using berth = await startBrokenBerth("none");
    const { code, output } = await demo({ BERTH_URL: berth.url, BERTH_KEY: "any" }, ["--places", "2"]);
    expect([code, output]).toEqual([1, expect.stringContaining("--places 2: Berth reaches none")]);
  });

  it.each<[Fault, RegExp]>([
    ["leak", /left in the ledger: instance ws-\S+ \(releasing\)/],
    ["overlap", /provision \S+ and \w+ \S+ overlapped/],
    ["lost_request", /50 restarts were asked for, and 1 are accounted for/],
    ["failure", /restart \S+ failed: no capacity/],
    ["forgotten_child", /took 2 descendants with it and not 3/],
  ])("ends with 1 on a Berth with a %s", async (fault, reason) => {
    await using berth = await startBrokenBerth(fault);
    const { code, output } = await demo({ BERTH_URL: berth.url, BERTH_KEY: "any" });
    expect(output).toMatch(reason);
    expect(code).toBe(1);
  });

  it("doesn't call it nothing where it can't ask the provider", async () => {
    await using berth = await startBrokenBerth("none");
    const { code, output } = await demo({ BERTH_URL: berth.url, BERTH_KEY: "any" });
    expect(output).toContain("Left at the provider: not asked");
    expect(code, output).toBe(0);
  });

  it("says in one line why it can't begin", async () => {
    const nowhere = join(await newDirectory(), "none");
    expect(await demo({ BERTH_DATA_DIR: nowhere })).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^\s*demo: no key: set BERTH_KEY.*\n$/),
    });
    const { url } = await closedPort();
    const unreachable = await demo({ BERTH_URL: url, BERTH_KEY: "any" });
    expect(unreachable.output).toMatch(/demo: Berth doesn't answer at \S+ \(ECONNREFUSED\)/);
    expect(unreachable.code).toBe(1);
    expect((await demo({ BERTH_KEY: "any" }, ["--restarts", "none"])).output).toContain(
      "--restarts: got none",
    );
  });
});

/** Runs the demo against a standalone of its own. @returns what it wrote, having checked what is true anywhere. */
async function demoOnStandalone(
  standaloneEnv: Record<string, string>,
  args: string[],
  demoEnv: Record<string, string> = {},
): Promise<string> {
  const dataDir = await preparedDirectory();
  // Only what a busy machine makes slow would be refused here.
  const standalone = startStandalone(dataDir, { BERTH_OVERLOAD_POOL_WAIT_MS: "60000", ...standaloneEnv });
  try {
    const { url } = await standalone.ready;
    const { code, output } = await demo({ BERTH_URL: url, BERTH_DATA_DIR: dataDir, ...demoEnv }, args);
    expect(code, output).toBe(0);
    expect(output).toMatch(/50 requests became [12] cycles?; ended/);
    expect(output.match(/\bdelete\b.* succeeded/g)).toHaveLength(4);
    expect(output).toContain("Overlaps within a workspace: none");
    expect(output).toContain("Left in the ledger: nothing");
    return output;
  } finally {
    await standalone.interrupt();
  }
}

/** An address where nobody listens any more. */
async function closedPort(): Promise<{ url: string }> {
  await using berth = await startBrokenBerth("none");
  return { url: berth.url };
}
