import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createClient } from "@berth/client";
import { afterEach, expect, inject, test } from "vitest";
import { BUSYBOX_IMAGE } from "../support/images.js";
import { newDirectory, startStandalone, type StandaloneProcess } from "./standalone-process.js";

const running: StandaloneProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((standalone) => standalone.interrupt()));
});

test("a data directory that was copied to another machine touches nothing where its original works, and both say so (I10)", async (context) => {
  const daemon = inject("docker");
  if (daemon === null) return context.skip("needs a Docker daemon");
  const env = {
    BERTH_BACKENDS: "docker",
    DOCKER_HOST: `unix://${daemon.socketPath}`,
    BERTH_STOP_GRACE_MS: "500",
    BERTH_SWEEP_DOCKER_ORPHANS_EVERY_MS: "1000",
    BERTH_SWEEP_INSTANCE_STATE_EVERY_MS: "1000",
    BERTH_LEAK_GRACE_MS: "1",
    BERTH_LEAK_SECOND_SIGHTING_MS: "0",
  };
  const start = async (dataDir: string) => {
    const standalone = startStandalone(dataDir, env);
    running.push(standalone);
    const { url, key } = await standalone.ready;
    const client = createClient({ url, key, timeoutMs: 60_000 });
    // Also where its sweeps are silent, since they may not run.
    const degraded = async () =>
      ((await (await fetch(`${url}/ready`)).json()) as { degraded: string[] }).degraded.join("\n");
    const create = async (name: string) => {
      const spec = { image: BUSYBOX_IMAGE, command: ["sleep", "3600"], readiness: "running" };
      const { data } = await client.POST("/workspaces", { body: { name, backend: "docker", spec } as never });
      return client.waitFor(data as { id: string }, "online", { timeoutMs: 60_000 } as never);
    };
    return { standalone, client, degraded, create };
  };
  const [here, there] = [await newDirectory(), `${await newDirectory()}-copy`];
  const before = await start(here);
  await before.create("both-know-it");
  await running.pop()!.interrupt();
  const docker = (...args: string[]) =>
    promisify(execFile)("docker", ["-H", env.DOCKER_HOST, ...args]).then(({ stdout }) => stdout);
  const notes = () => docker("volume", "ls", "--quiet", "--filter", "label=berth.note.role=at-work");
  await promisify(execFile)("cp", ["-a", here, there]);
  const whenCopied = await notes();
  const home = JSON.parse(await readFile(join(there, "home.json"), "utf8")) as object;
  await writeFile(join(there, "home.json"), JSON.stringify({ ...home, machine: "another" }));

  const original = await start(here);
  const later = await original.create("only-one-knows-it");
  // Until then the two have the same note, and neither can know (docs/adr/0015).
  await expect.poll(notes, { timeout: 60_000, interval: 500 }).not.toBe(whenCopied);
  const copy = await start(there);
  expect(await copy.degraded()).toContain("is looked after by another copy of this installation's database");
  await expect
    .poll(() => original.degraded(), { timeout: 60_000, interval: 500 })
    .toContain("a copy of this installation's database has been started");
  // The copy would have seen it gone, and started it again.
  const { data } = await original.client.GET("/workspaces", {} as never);
  const paused = (data as { id: string; name: string }[]).find(({ name }) => name === "both-know-it")!;
  await original.client.POST("/workspaces/{id}/pause", { params: { path: { id: paused.id } } } as never);
  await original.client.waitFor(paused, "paused", { timeoutMs: 60_000 } as never);
  const { data: places } = await copy.client.GET("/places", {} as never);
  const workers = [expect.objectContaining({ state: "copied" })];
  expect(places).toContainEqual(expect.objectContaining({ name: "docker", served: false, workers }));

  expect(await docker("ps", "--format", "{{.Names}}")).toContain(`ws-${later.id}`);
  expect(await docker("ps", "--all", "--format", "{{.Names}}")).not.toContain(`ws-${paused.id}`);
  for (const one of [paused, later]) {
    await original.client.DELETE("/workspaces/{id}", { params: { path: { id: one.id } } } as never);
    await original.client.waitFor(one, "removed", { timeoutMs: 60_000 } as never);
  }
}, 240_000);
