import { DescribeInstanceAttributeCommand, RunInstancesCommand } from "@aws-sdk/client-ec2";
import { getWorkspace } from "@berth/core/db/workspaces";
import { createExternalBackend } from "@berth/core/compute/external";
import { removeWorkspace } from "@berth/core/requests/delete";
import { createWorkspace } from "@berth/core/requests/create";
import { requestRestart } from "@berth/core/requests/restart";
import { describe, expect, test } from "vitest";
import { CREDENTIALS, IMAGE, ZONE_ID } from "./harness.js";
import { BY_TEST } from "../../support/fleet.js";
import { ended } from "../../support/wait.js";
import { NOTHING, openEc2Fleet, type Ec2Fleet } from "./fleet.js";

const NAMED = { dns: { zoneId: ZONE_ID, suffix: "sim.example" }, urlTemplate: "http://{host}" };
const PASSWORD = "hunter2-of-the-workspace";

/** Every row of every table, as text. */
async function dump(fleet: Ec2Fleet): Promise<string> {
  const { rows: tables } = await fleet.pool.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'public'",
  );
  const contents = await Promise.all(
    tables.map(({ name }) => fleet.pool.query(`select to_jsonb(t) as row from "${name}" t`)),
  );
  return JSON.stringify(contents.map(({ rows }) => rows as unknown[]));
}

describe("a workspace on EC2", () => {
  test("has a name while it runs, keeps its volume through a restart, and leaves nothing", async () => {
    const fleet = await openEc2Fleet({ workers: 2, ec2: NAMED });
    const id = await fleet.provisioned();
    expect(await getWorkspace(fleet.pool, id)).toMatchObject({
      status: "online",
      url: `http://ws-${id}.sim.example`,
    });
    const { operation } = await requestRestart(fleet.context, id, BY_TEST);
    expect(await ended(fleet.pool, [operation.id])).toMatchObject([{ state: "succeeded", attempt: 1 }]);
    expect(fleet.lab.calls("CreateVolume")).toEqual(["ok"]);
    expect(await fleet.left()).toEqual({ instances: 1, volumes: 2, records: 2 });
    const removal = await removeWorkspace(fleet.context, id, { cascade: false, ...BY_TEST });
    await ended(fleet.pool, [removal.operation!.id]);
    expect(await fleet.left()).toEqual(NOTHING);
  });

  test("whose zone has no room gets its unused volume anew in the next zone, within one attempt", async () => {
    const fleet = await openEc2Fleet();
    fleet.lab.fault({ kind: "capacity", az: "eu-west-1a" });
    const { id, operation } = await fleet.create();
    expect(await ended(fleet.pool, [operation])).toMatchObject([{ state: "succeeded", attempt: 1 }]);
    expect(await fleet.events("workspace.instance.launched")).toMatchObject([
      { workspace_id: id, payload: { az: "eu-west-1b" } },
    ]);
    expect(fleet.lab.calls("RunInstances")).toEqual([
      "InsufficientInstanceCapacity",
      "InsufficientInstanceCapacity",
      "ok",
    ]);
    // One data volume and one root disk.
    expect(await fleet.left()).toMatchObject({ instances: 1, volumes: 2 });
  });

  test("on spot that is reclaimed keeps AWS's reason in the event of its end", async () => {
    const fleet = await openEc2Fleet();
    const id = await fleet.provisioned(null, { ec2: { spot: true } });
    await fetch(`${fleet.lab.url}/_sim/instances/${fleet.lab.alive()[0]!}/reclaim`, { method: "POST" });
    await expect.poll(() => fleet.lab.alive()).toEqual([]);
    const { operation } = await requestRestart(fleet.context, id, BY_TEST);
    await ended(fleet.pool, [operation.id]);
    expect(await fleet.events("workspace.instance.gone")).toMatchObject([
      { workspace_id: id, payload: { provider_reason: "Server.SpotInstanceTermination" } },
    ]);
  });

  test("that is deleted while it is launched leaves nothing", async () => {
    const fleet = await openEc2Fleet({ server: { delays: { pending: 300 } } });
    const { id } = await fleet.create();
    await expect.poll(() => fleet.lab.alive()).toHaveLength(1);
    const removal = await removeWorkspace(fleet.context, id, { cascade: false, ...BY_TEST });
    await ended(fleet.pool, [removal.operation!.id]);
    expect(await fleet.left()).toEqual(NOTHING);
  });

  test("leaves its token, its environment and our credentials in no table, log line, event or error", async () => {
    const fleet = await openEc2Fleet({ env: { BERTH_RETRY_ATTEMPTS: "2" }, ec2: NAMED });
    // AWS repeats what it was sent in some of its messages.
    const told = `key ${CREDENTIALS.accessKeyId} Signature=abcdef0123456789`;
    fleet.lab.fault({
      kind: "error",
      action: "RunInstances",
      code: "InternalError",
      message: `${told} ${PASSWORD}`,
      count: 5,
    });
    const id = await fleet.provisioned(null, { env: { PASSWORD } });
    fleet.lab.fault({ kind: "error", action: "TerminateInstances", code: "InternalError", message: told });
    const { operations } = await removeWorkspace(fleet.context, id, { cascade: false, ...BY_TEST });
    await ended(
      fleet.pool,
      operations.map((operation) => operation.id),
    );

    const { UserData } = await fleet.lab.operator.send(
      new DescribeInstanceAttributeCommand({ InstanceId: fleet.lab.alive()[0]!, Attribute: "userData" }),
    );
    const userData = UserData!.Value!;
    const script = Buffer.from(userData, "base64").toString();
    const token = /export BERTH_TOKEN='([^']{20,})'/.exec(script)![1]!;
    expect(script).toContain(PASSWORD);

    const logs = fleet.logged.join("");
    expect(logs).toContain(id);
    for (const [name, text] of Object.entries({ logs, database: await dump(fleet) })) {
      expect(text, name).toContain("[redacted]");
      for (const secret of [
        token,
        userData,
        CREDENTIALS.accessKeyId,
        CREDENTIALS.secretAccessKey,
        "abcdef0123456789",
      ])
        expect(text.includes(secret), `${name} hold ${secret}`).toBe(false);
    }
    // The spec is what a user gave and may read again; nothing else repeats it.
    const { rows } = await fleet.pool.query<{ text: string }>(
      `select coalesce(string_agg(t, ''), '') as text from (
         select to_jsonb(o)::text as t from operations o union all select to_jsonb(r)::text from resources r
         union all select to_jsonb(e)::text from structure_events e) as x`,
    );
    expect(rows[0]!.text).not.toContain(PASSWORD);
    expect(logs).not.toContain(PASSWORD);
  });
});

test("a tree that is made, restarted and deleted while 30 % of all calls fail ends with zero instances, volumes and records", async () => {
  const fleet = await openEc2Fleet({
    workers: 2,
    ec2: NAMED,
    server: { delays: { visibility: [0, 100] } },
    env: {
      BERTH_RETRY_ATTEMPTS: "20",
      BERTH_SWEEP_REMOVED_INSTANCES_EVERY_MS: "1000",
      BERTH_SWEEPS_PAUSED: "leaked-instances,docker-orphans,instance-state",
    },
  });
  fleet.lab.fault({ kind: "error", code: "InternalError", status: 500, probability: 0.1 });
  fleet.lab.fault({ kind: "drop_before", probability: 0.1 });
  fleet.lab.fault({ kind: "drop_after", probability: 0.1 });
  const root = await fleet.create();
  const children = await Promise.all([fleet.create(root.id), fleet.create(root.id)]);
  const grandchild = await fleet.create(children[0]!.id);
  const all = [root, ...children, grandchild];
  await ended(
    fleet.pool,
    all.map(({ operation }) => operation),
  );
  const restarts = await Promise.all(
    Array.from({ length: 20 }, () => requestRestart(fleet.context, children[1]!.id, BY_TEST)),
  );
  await ended(fleet.pool, [...new Set(restarts.map(({ operation }) => operation.id))]);
  // Never two of one workspace, whatever became of the answers (I1).
  const owners = fleet.lab.sim
    .regions()
    .flatMap(({ instances }) => [...instances.values()])
    .filter(({ state }) => state !== "terminated")
    .map(({ tags }) => tags.get("berth:workspace"));
  expect(new Set(owners).size).toBe(owners.length);

  const { operations } = await removeWorkspace(fleet.context, root.id, { cascade: true, ...BY_TEST });
  await ended(
    fleet.pool,
    operations.map((operation) => operation.id),
  );
  await expect.poll(() => fleet.left()).toEqual(NOTHING);
  const counters = Object.values(fleet.lab.sim.calls.counters());
  const asked = counters.reduce((sum, { calls }) => sum + calls, 0);
  const ok = counters.reduce((sum, one) => sum + one.ok, 0);
  // How many they are depends on how often it had to look: on an idle machine hardly twenty.
  expect(asked).toBeGreaterThan(30);
  expect((asked - ok) / asked, `of ${asked} calls`).toBeGreaterThan(0.1);
}, 300_000);

test("an instance with a volume that no ledger row claims is found by its tags and ended, a foreign one isn't (I10)", async () => {
  const fleet = await openEc2Fleet({
    env: {
      BERTH_SWEEPS_PAUSED: "docker-orphans,instance-state",
      BERTH_SWEEP_LEAKED_INSTANCES_EVERY_MS: "300",
      BERTH_LEAK_GRACE_CLOUD_MS: "1",
      BERTH_LEAK_SECOND_SIGHTING_MS: "0",
    },
  });
  // As after the loss of a database that was restored from an older state.
  const lost = await fleet.lab.workspace();
  await lost.launch(lost.instance());
  const { Instances } = await fleet.lab.operator.send(
    new RunInstancesCommand({ MinCount: 1, MaxCount: 1, ImageId: IMAGE, InstanceType: "t3.micro" }),
  );
  const foreign = Instances![0]!.InstanceId!;
  await expect.poll(() => fleet.lab.alive()).toEqual([foreign]);
  await expect.poll(() => fleet.left()).toMatchObject({ instances: 1, volumes: 1 });
});

describe("a workspace that runs elsewhere", () => {
  test("awaits its agent at once, can't be restarted, and a delete just removes it", async () => {
    const fleet = await openEc2Fleet({ workers: 0 });
    fleet.startWorker({ backends: new Map([["external", createExternalBackend()]]) });
    const { workspace, operation, token } = await createWorkspace(
      fleet.context,
      {
        name: "away",
        parent_id: null,
        backend: "external",
        spec: {},
        labels: {},
        hibernate_after_minutes: null,
        expires_at: null,
      },
      BY_TEST,
    );
    await ended(fleet.pool, [operation.id]);
    expect(await getWorkspace(fleet.pool, workspace.id)).toMatchObject({
      status: "awaiting_agent",
      generation: 1,
      instance_id: null,
    });
    const { rows } = await fleet.pool.query<{ same: boolean }>(
      "select token_hash = sha256($2::bytea) as same from workspaces where id = $1",
      [workspace.id, Buffer.from(token!)],
    );
    expect(rows, "the token that the creator was given is its agent's").toEqual([{ same: true }]);
    await expect(requestRestart(fleet.context, workspace.id, BY_TEST)).rejects.toMatchObject({
      code: "illegal_transition",
      message: expect.stringContaining("runs elsewhere") as string,
    });
    const removal = await removeWorkspace(fleet.context, workspace.id, { cascade: false, ...BY_TEST });
    expect(await ended(fleet.pool, [removal.operation!.id])).toMatchObject([{ state: "succeeded" }]);
  });
});
