import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { createClient } from "@berth/client";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { BUSYBOX_IMAGE } from "../support/images.js";
import { type Compose, openCompose } from "./compose.js";

/** Of the images, which npm ci takes most of. */
const BUILD_MS = 1_500_000;
const CAN = process.platform === "linux" && process.arch === "x64" && process.getuid?.() === 0;

describe.skipIf(!CAN)("docker-compose.yml and the Dockerfile, built and started", () => {
  let fleet: Compose;
  let berth: ReturnType<typeof createClient>;
  beforeAll(async () => {
    fleet = await openCompose();
    berth = createClient({ url: fleet.url, key: fleet.adminKey, retry: { tries: 30 } });
  }, BUILD_MS);
  afterAll(async () => expect(await fleet?.end(), "left in the daemon").toEqual([]), 300_000);

  const containersOf = async (service: string) =>
    (await fleet.compose("ps", "--quiet", service)).split("\n").filter((id) => /^[0-9a-f]{64}$/.test(id));
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
    await fleet.compose("up", "--no-build", "--detach", "--wait", "--scale", "worker=3");
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

  it("is upgraded as docs/upgrades.md says, while restarts go on, of which none is lost (I6)", async () => {
    const ids = await Promise.all(["e", "f", "g"].map((name) => create(name)));
    const old = await containersOf("worker");
    for (const image of ["berth-api", "berth-worker"]) await newerImage(image);
    const over = new AbortController();
    const accepted: Awaited<ReturnType<typeof restart>>[] = [];
    const callers = ids.map(async (id) => {
      while (!over.signal.aborted) {
        const operation = await restart(id);
        accepted.push(operation);
        expect(await berth.waitForOperation(operation)).toMatchObject({ state: "succeeded" });
      }
    });
    const args = "up --no-build --no-deps --no-recreate --detach --wait --scale worker=6 worker";
    await fleet.compose(...args.split(" "));
    await fleet.docker("stop", "--time", "40", ...old);
    await fleet.docker("rm", ...old);
    await fleet.compose("up", "--no-build", "--no-deps", "--detach", "--wait", "api");
    over.abort();
    await Promise.all(callers);
    expect(new Set(accepted.map(({ id }) => id)).size).toBeGreaterThan(ids.length);
    for (const id of [...(await containersOf("api")), ...(await containersOf("worker"))])
      expect(await inspect(id, '{{index .Config.Labels "try"}}')).toBe("newer");
    for (const id of old) await expect(inspect(id, "{{.Id}}")).rejects.toThrow(/no such/i);
    await Promise.all(ids.map((id) => remove(id)));
  }, 400_000);

  it("has a profile for Prometheus and Grafana that Compose takes", async () => {
    const config = await fleet.compose("--profile", "figures", "config", "--format", "json");
    expect(Object.keys((JSON.parse(config) as { services: object }).services).toSorted()).toEqual([
      "api",
      "grafana",
      "postgres",
      "prometheus",
      "redis",
      "worker",
    ]);
  });

  /** The same program in an image of its own. */
  async function newerImage(image: string): Promise<void> {
    const build = promisify(execFile)(
      "docker",
      ["--host", `unix://${fleet.socketPath}`, "build", "--tag", image, "-"],
      {
        env: { ...process.env, DOCKER_BUILDKIT: "0" },
      },
    );
    build.child.stdin!.end(`FROM ${image}\nLABEL try=newer\n`);
    await build;
  }
});
