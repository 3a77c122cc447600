import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createClient } from "@berth/client";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { BUSYBOX_IMAGE } from "../support/images.js";
import { commandsUnder } from "../support/pages.js";
import { type Compose, openCompose } from "./compose.js";
import { alertsOf, healthOfTargets } from "./prometheus.js";

/** Of the images, which npm ci takes most of. */
const BUILD_MS = 2_400_000;
const CAN = process.platform === "linux" && process.arch === "x64" && process.getuid?.() === 0;

describe.skipIf(!CAN)("docker-compose.yml and the Dockerfile, built and started", () => {
  let fleet: Compose;
  let berth: ReturnType<typeof createClient>;
  beforeAll(async () => {
    fleet = await openCompose();
    await fleet.shell(commandsUnder("docs/deployment.md", "With Docker Compose"));
    const [, key] = /^BERTH_ADMIN_KEY=(\w+)$/m.exec(await readFile(join(fleet.project, ".env"), "utf8"))!;
    berth = createClient({ url: fleet.url, key: key!, retry: { tries: 30 } });
    // As `berth login` would keep it.
    await writeFile(join(fleet.project, "keys.env"), `BERTH_ADMIN_KEY=${key}\n`);
  }, BUILD_MS);
  afterAll(async () => expect(await fleet?.end(), "left in the daemon").toEqual([]), 300_000);

  const containersOf = async (service: string) =>
    (await fleet.shell(`docker compose ps --quiet ${service}`)).trim().split("\n");
  const inspect = async (id: string, format: string) => await fleet.docker("inspect", "--format", format, id);

  const create = async (name: string) => {
    const body = { name, spec: { image: BUSYBOX_IMAGE, command: ["sleep", "86400"] } };
    const { data } = await berth.POST("/workspaces", { body });
    await berth.waitForOperation(data.operation);
    return data.id;
  };
  const restart = async (id: string) =>
    (await berth.POST("/workspaces/{id}/restart", { params: { path: { id } } })).data.operation;
  const remove = async (id: string) =>
    berth.waitForOperation(
      (await berth.DELETE("/workspaces/{id}", { params: { path: { id } } })).data.operation!,
    );

  it("brings up API, three workers, PostgreSQL and Redis, all healthy, none of ours as root", async () => {
    await fleet.shell("docker compose up --no-recreate --detach --wait --scale worker=3");
    expect(await containersOf("worker")).toHaveLength(3);
    for (const id of [...(await containersOf("api")), ...(await containersOf("worker"))]) {
      expect(
        await inspect(id, "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.State.Health.Status}}"),
      ).toBe("node true healthy");
      expect(await fleet.docker("exec", id, "id", "-u")).toBe("1000");
      const { components } = JSON.parse(await fleet.docker("exec", id, "cat", "sbom.json")) as {
        components: object[];
      };
      expect(components.length).toBeGreaterThan(100);
      expect(await inspect(id, '{{index .Config.Labels "org.opencontainers.image.base.name"}}')).toBe(
        "node:24-bookworm-slim",
      );
    }
  }, 300_000);

  it("creates, restarts and deletes a workspace, of which nothing is left (I4)", async () => {
    const id = await create("one");
    const operation = await berth.waitForOperation(await restart(id));
    expect(operation).toMatchObject({ state: "succeeded", generation: 2 });
    const mine = () => fleet.docker("ps", "--all", "--quiet", "--filter", `name=ws-${id}`);
    expect(await mine()).not.toBe("");
    await remove(id);
    expect(await mine()).toBe("");
  });

  it("lets workers out: a webhook is told of what happens", async () => {
    const told: string[] = [];
    const server = createServer((request, response) => {
      void request.toArray().then((parts) => told.push(Buffer.concat(parts).toString()));
      response.end();
    });
    await once(server.listen(0), "listening");
    onTestFinished(() => void server.close());
    const args = ["network", "inspect", "berth_outside", "--format"];
    const gateway = await fleet.docker(...args, "{{(index .IPAM.Config 0).Gateway}}");
    const { port } = server.address() as AddressInfo;
    await berth.POST("/webhooks", { body: { url: `http://${gateway}:${port}/` } });
    const id = await create("told");
    await vi.waitFor(() => expect(told.join("\n")).toContain(id));
    await remove(id);
  });

  it("carries on what a killed worker had begun, and starts that one again (I6)", async () => {
    const ids = await Promise.all(["a", "b", "c", "d"].map((name) => create(name)));
    const operations = await Promise.all(ids.map((id) => restart(id)));
    const [victim] = await containersOf("worker");
    // By its process: what is ended by a command of Docker's stays ended.
    process.kill(Number(await inspect(victim!, "{{.State.Pid}}")), "SIGKILL");
    const ended = await Promise.all(operations.map((operation) => berth.waitForOperation(operation)));
    expect(ended.map(({ state }) => state)).toEqual(ids.map(() => "succeeded"));
    await vi.waitFor(async () =>
      expect(await inspect(victim!, "{{.RestartCount}} {{.State.Health.Status}}")).toBe("1 healthy"),
    );
    await Promise.all(ids.map((id) => remove(id)));
  }, 300_000);

  it("is upgraded as docs/deployment.md says, while restarts go on, of which none is lost (I6)", async () => {
    const ids = await Promise.all(["e", "f", "g"].map((name) => create(name)));
    const old = await containersOf("worker");
    await fleet.label("newer");
    const over = new AbortController();
    const accepted: Awaited<ReturnType<typeof restart>>[] = [];
    const callers = ids.map(async (id) => {
      while (!over.signal.aborted) {
        const operation = await restart(id);
        accepted.push(operation);
        expect(await berth.waitForOperation(operation)).toMatchObject({ state: "succeeded" });
      }
    });
    await fleet.shell(commandsUnder("docs/deployment.md", "An upgrade"));
    over.abort();
    await Promise.all(callers);
    expect(new Set(accepted.map(({ id }) => id)).size).toBeGreaterThan(ids.length);
    for (const id of [...(await containersOf("api")), ...(await containersOf("worker"))])
      expect(await inspect(id, '{{index .Config.Labels "try"}}')).toBe("newer");
    for (const id of old) await expect(inspect(id, "{{.Id}}")).rejects.toThrow(/no such/i);
    await Promise.all(ids.map((id) => remove(id)));
  }, 400_000);

  it("has a profile whose Prometheus finds the API and each worker, with a key of its own, and knows the alerts", async () => {
    // There is no Grafana among what Debian has; its part Compose reads.
    const services = await fleet.shell("docker compose --profile figures config --services");
    expect(services.trim().split("\n").toSorted()).toEqual([
      "api",
      "grafana",
      "postgres",
      "prometheus",
      "redis",
      "worker",
    ]);
    const here = { "up -d ": "up -d prometheus " };
    await fleet.shell(commandsUnder("docs/metrics.md", "Figures", here));
    const [prometheus] = await containersOf("prometheus");
    const address = await inspect(prometheus!, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    await vi.waitFor(async () =>
      expect(await healthOfTargets(`http://${address}:9090`)).toEqual([
        "berth-api up",
        ...(await containersOf("worker")).map(() => "berth-worker up"),
      ]),
    );
    expect(await alertsOf(`http://${address}:9090`)).toContain("BerthDown");
  }, 300_000);
});
