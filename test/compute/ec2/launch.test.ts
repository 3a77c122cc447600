import {
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  type Instance,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { describe, expect, test } from "vitest";
import { failure } from "../conformance/harness.js";
import { type Lab, openLab } from "./lab.js";

const SLOW_TO_SHOW = { delays: { visibility: 250 } };

describe("one launch makes one instance", () => {
  test("a launch whose reply was lost makes one instance ([V] docs/ec2-facts.md, Idempotency: 2 without a token of our own)", async () => {
    const lab = await openLab(SLOW_TO_SHOW);
    const workspace = await lab.workspace();
    lab.fault({ kind: "drop_after", action: "RunInstances", count: 1 });
    const instance = workspace.instance();
    const id = await workspace.launch(instance);
    expect(lab.alive()).toEqual([id]);
    expect(lab.calls("RunInstances")).toEqual(["dropped", "ok"]);
    expect(new Set(lab.params("RunInstances", "ClientToken"))).toEqual(new Set([instance.clientToken]));
  });

  test("a worker killed between launch and record: the next one adopts by the token, although nobody sees the instance yet ([D] Eventual consistency)", async () => {
    const lab = await openLab(SLOW_TO_SHOW);
    const workspace = await lab.workspace();
    const instance = workspace.instance();
    lab.fault({ kind: "drop_after", action: "RunInstances", count: 4 });
    await expect(workspace.launch(instance)).rejects.toThrow(failure("backend_unreachable", "transient"));
    const [made] = lab.alive();
    lab.fault({ kind: "hidden", action: "DescribeInstances", count: 2 });
    expect(await workspace.launch(instance, {}, lab.open())).toBe(made);
    expect(lab.alive()).toEqual([made]);
  });

  test("a launch that waits for its turn is noted as asked for when that comes, since it may be hidden from then on (I4)", async () => {
    // Its RunInstances bucket holds one.
    const lab = await openLab({}, { apiShare: 0.2 });
    const noted = new Map<string, number>();
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const workspace = await lab.workspace();
        const instance = workspace.instance();
        const request = workspace.request(instance);
        const save: typeof request.save = async (change) => {
          noted.set(workspace.id, Date.now());
          await request.save(change);
        };
        await lab.backend.launch({ ...request, save }, lab.call);
      }),
    );
    const calls = lab.sim.calls.list({ action: "RunInstances" });
    expect(calls).toHaveLength(4);
    expect(calls.at(-1)!.at - calls[0]!.at).toBeGreaterThan(1_000);
    // As far apart as the calls: noted when they began to wait, they would all be of one moment.
    const times = [...noted.values()].toSorted((a, b) => a - b);
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(1_000);
  });

  test("two workers with one operation make one instance ([D] ClientToken)", async () => {
    const lab = await openLab(SLOW_TO_SHOW);
    const workspace = await lab.workspace();
    const instance = workspace.instance();
    const ids = await Promise.all(
      [lab.open(), lab.open()].map((by) => workspace.launch({ ...instance }, {}, by)),
    );
    expect(new Set(ids).size).toBe(1);
    expect(lab.alive()).toHaveLength(1);
  });
});

describe("a token is never used for anything else", () => {
  test("changed parameters wait for what the old request made, and adopt it ([I] IdempotentParameterMismatch)", async () => {
    // It is seen at the fourth look, on a slow machine long after the usual 400 ms.
    const lab = await openLab(SLOW_TO_SHOW, { settleMs: 30_000 });
    const workspace = await lab.workspace();
    const instance = workspace.instance();
    lab.fault({ kind: "drop_after", action: "RunInstances", count: 4 });
    await expect(workspace.launch(instance)).rejects.toThrow(failure("backend_unreachable"));
    const [made] = lab.alive();
    lab.fault({ kind: "hidden", action: "DescribeInstances", count: 3 });
    expect(await workspace.launch(instance, { env: { CHANGED: "yes" } })).toBe(made);
    expect(lab.calls("RunInstances")).not.toContain("IdempotentParameterMismatch");
    expect(lab.alive()).toEqual([made]);
  });

  test("changed parameters whose old request made nothing get a new token, saved before the call (I3)", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    const instance = workspace.instance();
    lab.fault({ kind: "drop_before", action: "RunInstances", count: 4 });
    await expect(workspace.launch(instance)).rejects.toThrow(failure("backend_unreachable"));
    const first = instance.clientToken;
    const id = await workspace.launch(instance, { env: { CHANGED: "yes" } });
    expect(instance.clientToken).not.toBe(first);
    expect(lab.params("RunInstances", "ClientToken").at(-1)).toBe(instance.clientToken);
    expect(lab.calls("RunInstances")).toHaveLength(5);
    expect(lab.alive()).toEqual([id]);
  });

  test("a mismatch that comes all the same ends with the earlier instance or a new token, never in a loop ([I])", async () => {
    const lab = await openLab(SLOW_TO_SHOW);
    const workspace = await lab.workspace();
    const instance = workspace.instance();
    const forgotten = { ...instance };
    lab.fault({ kind: "drop_after", action: "RunInstances", count: 4 });
    await expect(workspace.launch(instance)).rejects.toThrow(failure("backend_unreachable"));
    const [made] = lab.alive();
    lab.fault({ kind: "hidden", action: "DescribeInstances", count: 3 });
    // The crash lost what was saved of the request, not its token.
    expect(await workspace.launch(forgotten, { env: { CHANGED: "yes" } })).toBe(made);
    expect(lab.calls("RunInstances").slice(4)).toEqual(["IdempotentParameterMismatch"]);
    expect(lab.alive()).toEqual([made]);
  });

  test.each(["error", "instance"] as const)(
    "the token of a terminated instance gets a successor, also where AWS answers with the dead instance (%s) ([I])",
    async (terminatedToken) => {
      const lab = await openLab({ terminatedToken });
      const workspace = await lab.workspace();
      const instance = workspace.instance();
      const first = await workspace.launch(instance);
      await lab.operator.send(new TerminateInstancesCommand({ InstanceIds: [first] }));
      await expect.poll(() => lab.alive()).toEqual([]);
      // As an hour later, when it can't be described any more: only its token still knows of it.
      lab.fault({ kind: "hidden", instance: first });
      const token = instance.clientToken;
      const second = await workspace.launch({ ...instance, providerId: null });
      expect(second).not.toBe(first);
      expect(lab.alive()).toEqual([second]);
      expect(lab.params("RunInstances", "ClientToken").slice(-2)[0]).toBe(token);
      expect(lab.params("RunInstances", "ClientToken").at(-1)).not.toBe(token);
    },
  );
});

describe("no capacity ([I] InsufficientInstanceCapacity is HTTP 500)", () => {
  test("goes to the next type with one call each, under a token of its own", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    lab.fault({ kind: "capacity", type: "t3.small" });
    const instance = workspace.instance();
    await workspace.launch(instance);
    expect(instance.details).toMatchObject({ type: "t3a.small", az: "eu-west-1a" });
    expect(lab.calls("RunInstances")).toEqual(["InsufficientInstanceCapacity", "ok"]);
    expect(new Set(lab.params("RunInstances", "ClientToken")).size).toBe(2);
    // The next workspace needn't find out again.
    const other = await lab.workspace();
    await other.launch(other.instance());
    expect(lab.calls("RunInstances")).toHaveLength(3);
  });

  test("in the whole zone of the volume is told as such, and the next volume is made in another zone", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    lab.fault({ kind: "capacity", az: "eu-west-1a" });
    const full = failure("capacity", "transient");
    await expect(workspace.launch(workspace.instance())).rejects.toThrow(full);
    expect(lab.calls("RunInstances")).toHaveLength(2);
    expect(lab.alive()).toEqual([]);
    const elsewhere = await lab.workspace();
    expect(elsewhere.volume.details).toMatchObject({ az: "eu-west-1b" });
    await elsewhere.launch(elsewhere.instance());
  });

  test("everywhere doesn't cost a call for each workspace: the places are asked again only after a while", async () => {
    const lab = await openLab(
      {},
      { defaults: { image_id: "ami-0123456789abcdef0", instance_types: ["t3.small"] } },
    );
    lab.fault({ kind: "capacity" });
    for (let zone = 0; zone < 3; zone++) {
      const workspace = await lab.workspace();
      await expect(workspace.launch(workspace.instance())).rejects.toThrow(failure("capacity"));
    }
    await expect(lab.workspace()).rejects.toThrow(failure("capacity", "transient"));
    expect(lab.calls("RunInstances")).toHaveLength(3);
    expect(lab.calls("CreateVolume")).toHaveLength(3);
  });

  test("found only after the launch was accepted is remembered for the next attempt ([D] StateReason)", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    const instance = workspace.instance();
    lab.fault({ kind: "launch_failure", code: "Server.InsufficientInstanceCapacity", count: 1 });
    await expect(workspace.launch(instance)).rejects.toMatchObject({
      code: "start_failed",
      providerCode: "Server.InsufficientInstanceCapacity",
    });
    await workspace.launch(instance);
    expect(instance.details).toMatchObject({ type: "t3a.small" });
    expect(lab.alive()).toHaveLength(1);
  });
});

describe("what a launch asks for", () => {
  test("IMDSv2 with one hop, tags on instance and disk from the first moment, and no secret in any of it but the user-data", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    const id = await workspace.launch(workspace.instance(), {
      command: ["run", "it's"],
      env: { PASSWORD: "hunter2-hunter2" },
      ec2: { tags: { team: "red" } },
    });
    const state = (await (await fetch(`${lab.url}/_sim/state`)).json()) as {
      instances: { tags: Record<string, string> }[];
    };
    expect(state.instances[0]!.tags).toMatchObject({
      Name: `ws-${workspace.id}`,
      "berth:deployment": "conformance",
      "berth:workspace": workspace.id,
      "berth:generation": "1",
      team: "red",
    });
    const { MetadataOptions } = await described(lab, id);
    expect(MetadataOptions).toMatchObject({ HttpTokens: "required", HttpPutResponseHopLimit: 1 });
    const { UserData } = await lab.operator.send(
      new DescribeInstanceAttributeCommand({ InstanceId: id, Attribute: "userData" }),
    );
    const script = Buffer.from(UserData!.Value!, "base64").toString();
    expect(script).toContain(`export BERTH_TOKEN='token-of-${workspace.id}'`);
    expect(script).toContain(`exec 'run' 'it'\\''s'`);
    expect(JSON.stringify(lab.sim.calls.list())).not.toMatch(/hunter2|token-of/);
  });

  test("two hops where the agent runs in a container", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    const id = await workspace.launch(workspace.instance(), { ec2: { containers: true } });
    expect((await described(lab, id)).MetadataOptions?.HttpPutResponseHopLimit).toBe(2);
  });

  test("a spec that EC2 can't take is refused before any call, by field and without values", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    const huge = {
      env: { BIG: Buffer.from(crypto.getRandomValues(new Uint8Array(30_000))).toString("base64") },
    };
    await expect(workspace.launch(workspace.instance(), huge)).rejects.toThrow(/16384/);
    const bad = { ec2: { instance_types: ["enormous"] } };
    await expect(workspace.launch(workspace.instance(), bad)).rejects.toThrow(/spec\.ec2\.instance_types\.0/);
    expect(lab.calls("RunInstances")).toEqual([]);
  });
});

test("a spot instance reclaimed while it is provisioned is told with its reason, and the next attempt replaces it ([D] Spot)", async () => {
  const lab = await openLab();
  const workspace = await lab.workspace();
  const instance = workspace.instance();
  lab.fault({ kind: "spot_reclaim", afterMs: 5, count: 1 });
  await expect(workspace.launch(instance, { ec2: { spot: true } })).rejects.toMatchObject({
    code: "start_failed",
    kind: "transient",
    providerCode: "Server.SpotInstanceTermination",
  });
  const id = await workspace.launch(instance, { ec2: { spot: true } });
  expect(lab.alive()).toEqual([id]);
  expect(instance.details).toMatchObject({ spot: true });
});

async function described(lab: Lab, id: string): Promise<Instance> {
  const { Reservations } = await lab.operator.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations![0]!.Instances![0]!;
}
