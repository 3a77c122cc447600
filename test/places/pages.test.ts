import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  newDirectory,
  preparedDirectory,
  type StandaloneProcess,
  startStandalone,
} from "../e2e/standalone-process.js";
import { commandsUnder, ROOT } from "../support/pages.js";

// The places of docs/places.md, each a directory instead of a daemon.
const NAMES = ["here", "docker-a", "docker-b"];

let berth: StandaloneProcess;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  const directory = await preparedDirectory();
  const places = await Promise.all(
    NAMES.map(async (name) => [name, { backend: "process", data_dir: await newDirectory() }]),
  );
  const file = join(directory, "places.json");
  await writeFile(file, JSON.stringify({ places: Object.fromEntries(places) }));
  berth = startStandalone(directory, { BERTH_BACKENDS: "process", BERTH_PLACES_FILE: file });
  const { url, key } = await berth.ready;
  env = {
    PATH: `${join(ROOT, "node_modules/.bin")}:${process.env.PATH}`,
    BERTH_URL: url,
    BERTH_KEY: key,
    BERTH: url,
    KEY: key,
  };
  for (const place of ["docker-a", "docker-b"])
    await shell(`berth create on-${place} --place ${place} -- sleep 600`);
});
afterAll(async () => {
  await shell("berth rm on-docker-a; berth rm on-docker-b");
  await berth?.interrupt();
});

const shell = async (commands: string) =>
  (await promisify(execFile)("sh", ["-e", "-c", commands], { env })).stdout;

it("places are looked at, changed and closed as docs/places.md says", async () => {
  const said = await shell(commandsUnder("docs/places.md", "Where a workspace goes"));
  expect(said).toMatch(/^docker-b is changed: weight, capacity, labels$/m);
  expect(said).toMatch(/^docker-a takes no more workspaces$/m);
  expect(said).toMatch(/^on-docker-a +online +docker-a /m);
  await shell("berth places uncordon docker-a");
});

it("who answers is confirmed as docs/places.md says", async () => {
  const places = JSON.parse(await shell('curl -sS -H "Authorization: Bearer $KEY" $BERTH/places')) as {
    name: string;
    workers: { identity: string }[];
  }[];
  const { workers } = places.find(({ name }) => name === "here")!;
  const identity = workers[0]!.identity;
  const said = await shell(
    commandsUnder("docs/places.md", "The first contact", {
      "docker:…": identity,
      "places/docker/": "places/here/",
    }),
  );
  expect(said).toContain(identity);
});

it("a place is emptied, and another given up, as docs/places.md says", async () => {
  expect(await shell(commandsUnder("docs/places.md", "Emptying a place"))).toMatch(/docker-a/);
  // What ran there would run on, whoever says that it is gone.
  await shell("berth pause on-docker-b");
  const lost = await shell(commandsUnder("docs/places.md", "A place that is gone for good"));
  expect(lost).toMatch(/docker-b/);
  expect(await shell("berth get on-docker-b --resources")).toMatch(/^volume +lost /m);
});
