import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Operation } from "@berth/core/db/operations";
import type { Resource } from "@berth/core/db/resources";
import type { Workspace } from "@berth/core/db/workspaces";
import { dockerCli } from "../support/docker-cli.js";
import { fleetEnvironment } from "../support/fleet.js";
import { BUSYBOX_IMAGE } from "../support/images.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import { ended } from "../support/wait.js";
import { startProcess, type TestProcess } from "../support/worker-process.js";

const docker = inject("docker");

interface Answer extends Workspace {
  operation: Operation;
}

/** The tests of a whole fleet on a backend, `restarts` of which come at once. */
export function testFleet(backend: "process" | "docker", restarts: number): void {
  describe(`two APIs and two workers, each a process of its own, on backend ${backend}`, () => {
    let database: TestDatabase;
    let dataDir: string;
    let env: Record<string, string>;
    let urls: string[];
    const running: TestProcess[] = [];
    const deployment = `e2e-${backend}-${process.pid}`;

    beforeAll(async () => {
      database = await createTestDatabase();
      dataDir = await mkdtemp(join(tmpdir(), "fleet-"));
      env = fleetEnvironment(database.url, inject("redis").url, {
        BERTH_BACKENDS: backend,
        BERTH_DATA_DIR: dataDir,
        BERTH_DEPLOYMENT_ID: deployment,
        BERTH_STOP_GRACE_MS: "1000",
        HOST: "127.0.0.1",
        PORT: "0",
        LOG_LEVEL: "info",
        ...(docker === null ? {} : { DOCKER_HOST: `unix://${docker.socketPath}` }),
      });
      const apis = [start("api"), start("api")];
      await Promise.all([startWorker(), startWorker()]);
      urls = await Promise.all(apis.map(async (api) => (await api.said(/http:\/\/127\.0\.0\.1:\d+/))[0]));
    });
    afterAll(async () => {
      await Promise.all(running.map((one) => one.kill()));
      await rm(dataDir, { recursive: true, force: true });
      await database.drop();
    });

    function start(app: "api" | "worker", extra: Record<string, string> = {}): TestProcess {
      const one = startProcess(new URL(`../../apps/${app}/src/main.ts`, import.meta.url), {
        ...env,
        ...extra,
      });
      running.push(one);
      return one;
    }
    async function startWorker(extra: Record<string, string> = {}): Promise<TestProcess> {
      const worker = start("worker", extra);
      await worker.said(/worker started/);
      return worker;
    }
    async function call<T>(api: number, method: string, path: string, body?: unknown): Promise<T> {
      const response = await fetch(`${urls[api]}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${env["BERTH_ADMIN_KEY"]}`,
          prefer: method === "GET" ? "" : "wait=60",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const answer = (await response.json()) as T;
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
      return answer;
    }
    const create = (parentId: string | null = null) =>
      call<Answer>(0, "POST", "/workspaces", {
        name: "e2e",
        parent_id: parentId,
        spec: { ...(backend === "docker" ? { image: BUSYBOX_IMAGE } : {}), command: ["sleep", "3600"] },
      });

    /** What the provider has of this deployment, asked without any of Berth's code. */
    async function atProvider(): Promise<string[]> {
      if (backend === "docker") {
        const cli = dockerCli(docker!.socketPath);
        const filter = `label=berth.deployment=${deployment}`;
        const containers = await cli("ps", "--all", "--quiet", "--filter", filter);
        const volumes = await cli("volume", "ls", "--quiet", "--filter", filter);
        return [containers, volumes].flatMap((text) => text.split("\n").filter(Boolean));
      }
      const things = await Promise.all(
        ["instances", "volumes"].map((kind) =>
          readdir(join(dataDir, "process", deployment, kind)).catch(() => [] as string[]),
        ),
      );
      return things.flat();
    }

    it(`in a storm of ${restarts} restarts one cycle runs and one waits, and each operation begins after it was asked for (I1, I2)`, async () => {
      const { id } = await create();
      const answers = await Promise.all(
        Array.from({ length: restarts }, async (_, n) => {
          const askedAt = Date.now();
          const response = await fetch(`${urls[n % 2]}/workspaces/${id}/restart`, {
            method: "POST",
            headers: { authorization: `Bearer ${env["BERTH_ADMIN_KEY"]}` },
          });
          return { askedAt, status: response.status, answer: (await response.json()) as Answer };
        }),
      );
      expect(answers.filter((one) => one.status !== 202)).toEqual([]);
      const ids = [...new Set(answers.map((one) => one.answer.operation.id))];
      const operations = new Map((await ended(database.pool, ids)).map((one) => [one.id, one]));
      // While requests still come in, a cycle may end and the next begin: never two waiting, never two running.
      const order = [...operations.values()].toSorted((a, b) => a.ticket - b.ticket);
      for (const [n, one] of order.entries()) {
        expect(one).toMatchObject({ state: "succeeded", attempt: 1 });
        if (n > 0)
          expect(one.started_at!.getTime()).toBeGreaterThanOrEqual(order[n - 1]!.finished_at!.getTime());
      }
      expect(order.reduce((sum, one) => sum + one.coalesced, 0)).toBe(restarts);
      const early = answers.filter(
        (one) => operations.get(one.answer.operation.id)!.started_at!.getTime() < one.askedAt,
      );
      expect(early).toEqual([]);
      await call(1, "DELETE", `/workspaces/${id}`);
      expect(await atProvider()).toEqual([]);
    });

    it.each(["provision/launch/after", "restart/stop/after", "restart/launch/after", "delete/stop/after"])(
      "a worker killed at %s is taken over: one instance, the same volume, a true ledger, nothing left (I1, I4)",
      async (fault) => {
        // All the others end, so that the one that kills itself gets the work; then one that lives takes over.
        await Promise.all(
          running.filter((one) => one.output().includes("worker started")).map((one) => one.kill()),
        );
        await startWorker({ BERTH_FAULT_AT_STEP: fault });
        const kind = fault.split("/")[0];
        const [doomed] = running.slice(-1);
        const takeOver = async () => {
          await doomed!.exited;
          await startWorker();
        };
        const steps = async () => {
          const { id } = await create();
          if (kind !== "provision") await call(0, "POST", `/workspaces/${id}/restart`);
          return id;
        };
        const made = steps();
        if (kind !== "delete") await takeOver();
        const id = await made;
        if (kind !== "delete") {
          expect(await call(1, "GET", `/workspaces/${id}`)).toMatchObject({
            status: "online",
            generation: kind === "provision" ? 1 : 2,
          });
          const ledger = await call<Resource[]>(1, "GET", `/workspaces/${id}/resources`);
          expect(
            ledger
              .filter((row) => row.state === "present")
              .map((row) => row.kind)
              .toSorted(),
          ).toEqual(["instance", "volume"]);
          expect(await atProvider(), "one instance and one volume").toHaveLength(2);
        }
        const removal = call(0, "DELETE", `/workspaces/${id}`);
        if (kind === "delete") await takeOver();
        await removal;
        expect(await atProvider()).toEqual([]);
        const ledger = await call<Resource[]>(1, "GET", `/workspaces/${id}/resources`);
        expect(ledger.filter((row) => row.state !== "gone")).toEqual([]);
      },
      90_000,
    );

    it("names, environment, images, commands and paths reach no shell and no SQL, and what is written can be read", async () => {
      const nasty = `'; drop table workspaces; -- $(touch ${dataDir}/pwned) \`touch ${dataDir}/pwned\` "\\`;
      const { id } = await call<Answer>(0, "POST", "/workspaces", {
        name: nasty.slice(0, 128),
        labels: { team: nasty },
        spec: {
          ...(backend === "docker" ? { image: BUSYBOX_IMAGE, volume_path: "/data/a b" } : {}),
          command: ["sh", "-c", 'printf "%s|%s\n" "$1" "$NASTY"; exec sleep 3600', "sh", nasty],
          env: { NASTY: nasty },
        },
      });
      expect(await call(1, "GET", `/workspaces/${id}`)).toMatchObject({
        name: nasty.slice(0, 128).trim(),
        labels: { team: nasty },
      });
      const logs = () => call<{ lines: object[] }>(1, "GET", `/workspaces/${id}/logs`);
      await expect
        .poll(logs)
        .toMatchObject({ backend, generation: 1, lines: [{ text: `${nasty}|${nasty}` }] });
      expect(await readdir(dataDir)).not.toContain("pwned");
      await call(0, "DELETE", `/workspaces/${id}`);
      expect(await atProvider()).toEqual([]);
    });
  });
}
