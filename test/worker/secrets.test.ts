import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { LaunchRequest } from "@berth/core/compute/backend";
import { listEvents } from "@berth/core/db/events";
import { getOperation } from "@berth/core/db/operations";
import { getWorkspace } from "@berth/core/db/workspaces";
import type { Spec } from "@berth/core/domain/spec";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { BY_TEST, newWorkspace, startFleet, type Fleet } from "../support/fleet.js";
import { liveThings } from "../support/recorded-backend.js";
import { ended } from "../support/wait.js";

let fleet: Fleet;
let directory: string;
const launched: LaunchRequest[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "secrets-"));
  launched.length = 0;
  fleet = await startFleet({
    redisUrl: null,
    env: { BERTH_SECRETS_DIR: directory, BERTH_RETRY_ATTEMPTS: "2" },
  });
  const { backend } = fleet;
  const launch: typeof backend.launch = (request, options) => {
    launched.push(request);
    return backend.launch(request, options);
  };
  fleet.startWorker({ backends: new Map([["process", { ...backend, launch }]]) });
});
afterEach(async () => {
  await fleet.close();
  await rm(directory, { recursive: true });
});

const SPEC: Spec = {
  command: ["run", { secret: "marked-as-one" }],
  env: { PASSWORD: { secretRef: { file: "password" } } },
  readiness: "running",
};
const put = () => writeFile(join(directory, "password"), "hunter2-and-more\n");
const create = async () => {
  const { operation } = await createWorkspace(fleet.context, { ...newWorkspace(), spec: SPEC }, BY_TEST);
  return await outcome(operation.id);
};
const restart = async (id: string) =>
  outcome((await requestRestart(fleet.context, id, BY_TEST)).operation.id);
const outcome = async (operationId: string) => {
  await ended(fleet.pool, [operationId]);
  const operation = (await getOperation(fleet.pool, operationId))!;
  return { operation, workspace: (await getWorkspace(fleet.pool, operation.workspace_id))! };
};

it("looks a reference up at each launch; one that isn't there fails it, and says which", async () => {
  const first = await create();
  expect(first.operation).toMatchObject({
    state: "failed",
    attempt: 1,
    error: {
      code: "secret_not_found",
      message: expect.stringContaining('spec.env.PASSWORD: the file "password"'),
    },
  });
  expect(first.workspace.status).toBe("failed");
  expect(launched).toEqual([]);

  await put();
  expect((await restart(first.workspace.id)).workspace.status).toBe("online");
  expect(launched[0]).toMatchObject({
    spec: { command: ["run", "marked-as-one"], env: { PASSWORD: "hunter2-and-more" } },
    secretArguments: ["marked-as-one"],
  });
  expect(JSON.stringify((await getWorkspace(fleet.pool, first.workspace.id))!.spec)).not.toMatch(/hunter2/);
});

it("stops nothing for a restart whose secret isn't there: what runs goes on", async () => {
  await put();
  const { workspace: before } = await create();
  await rm(join(directory, "password"));
  const { operation, workspace } = await restart(before.id);
  expect(operation).toMatchObject({ state: "failed", error: { code: "secret_not_found" } });
  expect(workspace).toMatchObject({
    status: "online",
    generation: before.generation,
    instance_id: before.instance_id,
  });
  expect(await liveThings(fleet.pool)).toMatchObject([{ kind: "instance" }, { kind: "volume" }]);
  const events = await listEvents(fleet.pool, { workspaceId: before.id, limit: 100 });
  expect(events.map(({ event_type }) => event_type)).not.toContain("workspace.failed");
});

it("tells the last words of a program without its secrets: who reads operations may not read logs", async () => {
  await put();
  fleet.backend.faults.onProbe = (states) => new Map([...states.keys()].map((id) => [id, "stopped"]));
  fleet.backend.faults.onLogs = ({ generation }) => ({
    lines: ["password hunter2-and-more", "argument marked-as-one", `refused ${generation}`].map((text) => ({
      stream: null,
      time: null,
      text,
    })),
    cursor: null,
    truncated: false,
  });
  const { operation, workspace } = await create();
  expect(operation.error?.message).toMatch(/password \[redacted\]\s+argument \[redacted\]\s+refused 1/);
  const { rows } = await fleet.pool.query("select payload from structure_events");
  expect(JSON.stringify([workspace, operation, rows])).not.toMatch(/hunter2/);
});
