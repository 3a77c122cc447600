import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startSimulator } from "berth-ec2-simulator/server";
import { expect, onTestFinished, test } from "vitest";
import { preparedDirectory, startStandalone } from "./standalone-process.js";

test("who is told that Berth is ready finds its places reached, the slow ones, too; one that doesn't answer holds that up for seconds only", async () => {
  const simulator = await startSimulator();
  const dataDir = await preparedDirectory();
  const regions = { quick: "eu-west-1", slow: "us-east-1", silent: "us-west-2" };
  const places = Object.fromEntries(
    Object.entries(regions).map(([name, region]) => [name, { backend: "ec2", region }]),
  );
  await writeFile(join(dataDir, "places.json"), JSON.stringify({ places }));
  const { faults } = simulator.sim.world;
  faults.add({ kind: "latency", region: regions.slow, ms: 500 });
  faults.add({ kind: "latency", region: regions.silent, ms: 3_600_000 });
  const { ready, interrupt } = startStandalone(dataDir, {
    BERTH_BACKENDS: "ec2",
    BERTH_PLACES_FILE: join(dataDir, "places.json"),
    AWS_ENDPOINT_URL: simulator.url,
    AWS_ACCESS_KEY_ID: "AKIAONE",
    AWS_SECRET_ACCESS_KEY: "none",
  });
  onTestFinished(async () => {
    await interrupt();
    await simulator.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  const { url, key } = await ready;
  const answer = await fetch(`${url}/places`, { headers: { authorization: `Bearer ${key}` } });
  const said = (await answer.json()) as { name: string; workers: { state: string }[] }[];
  expect(
    Object.fromEntries(said.map(({ name, workers }) => [name, workers.map(({ state }) => state)])),
  ).toMatchObject({ quick: ["confirmed"], slow: ["confirmed"], silent: [] });
});
