import {
  DescribeInstancesCommand,
  ModifyInstanceAttributeCommand,
  DeleteTagsCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import type { InstanceRef } from "@berth/core/compute/backend";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { failure } from "../conformance/harness.js";
import { IMAGE } from "./harness.js";
import { type Lab, openLab } from "./lab.js";

async function launched(lab: Lab): Promise<InstanceRef & { providerId: string }> {
  const workspace = await lab.workspace();
  const instance = workspace.instance();
  await workspace.launch(instance);
  return { ...instance, providerId: instance.providerId! };
}

const stateOf = async (lab: Lab, ref: InstanceRef) =>
  (await lab.backend.probe([ref], lab.call)).get(ref.resourceId);

describe("an instance that was made and is missing, whose end nobody saw, is in doubt (I4, I5)", () => {
  // Beyond any settle time; what counts is how long clean answers haven't had it.
  const LONG_AGO = -86_400_000;

  test("it isn't gone before it has been missing for `absenceMs`, whichever worker looks, and is what it is once it shows again", async () => {
    const lab = await openLab({}, { absenceMs: 1_500 });
    const ref = { ...(await launched(lab)), askedAt: LONG_AGO };
    lab.fault({ kind: "hidden", action: "DescribeInstances", instance: ref.providerId, forMs: 1_000 });
    const began = performance.now();
    for (let look = 0; performance.now() - began < 700; look++) {
      expect(await stateOf(lab, ref)).toBe("unknown");
      expect(await lab.open().stop(ref, lab.call)).toBe("stopping");
    }
    await expect.poll(() => stateOf(lab, ref), { timeout: 5_000 }).toBe("running");
    expect(lab.calls("TerminateInstances")).toEqual([]);
    // What was noted is over: the next absence begins anew.
    lab.fault({ kind: "hidden", action: "DescribeInstances", instance: ref.providerId });
    expect(await stateOf(lab, ref)).toBe("unknown");
    expect(lab.alive()).toEqual([ref.providerId]);
  });

  test("one that stays missing is gone in the end, so that every delete ends (I7)", async () => {
    const lab = await openLab({}, { absenceMs: 500 });
    const ref = { ...lab.unmade().instance(), providerId: "i-0123456789abcdef0", askedAt: LONG_AGO };
    expect(await lab.backend.stop(ref, lab.call)).toBe("stopping");
    await vi.waitFor(async () => expect(await lab.backend.stop(ref, lab.call)).toBe("gone"), {
      timeout: 5_000,
    });
    expect(await stateOf(lab, ref)).toBe("gone");
    expect(lab.calls("TerminateInstances")).toEqual([]);
  });

  test("one that was seen terminated is gone, also when AWS has forgotten it", async () => {
    const lab = await openLab({ delays: { terminatedVisible: 300 } }, { absenceMs: 3_600_000 });
    const ref = { ...(await launched(lab)), askedAt: LONG_AGO };
    await lab.operator.send(new TerminateInstancesCommand({ InstanceIds: [ref.providerId] }));
    await vi.waitFor(async () => expect(await stateOf(lab, ref)).toBe("gone"));
    await expect
      .poll(() => lab.sim.regions().some(({ instances }) => instances.has(ref.providerId)), {
        timeout: 5_000,
      })
      .toBe(false);
    expect(await stateOf(lab, ref)).toBe("gone");
    expect(await lab.backend.stop(ref, lab.call)).toBe("gone");
  });

  test("what can't be noted is no end either", async () => {
    const lab = await openLab(
      {},
      {
        absenceMs: 1,
        absences: { note: () => Promise.reject(new Error("no database")), forget: async () => {} },
      },
    );
    const ref = { ...(await launched(lab)), askedAt: LONG_AGO };
    lab.fault({ kind: "hidden", action: "DescribeInstances", instance: ref.providerId });
    expect(await stateOf(lab, ref)).toBe("unknown");
    await expect(lab.backend.stop(ref, lab.call)).rejects.toThrow("no database");
  });
});

describe("an absence is no end (I4)", () => {
  test("an instance that can't be seen right after its launch is unknown, not gone ([D] Eventual consistency)", async () => {
    const lab = await openLab({}, { settleMs: 600 });
    const ref = await launched(lab);
    // Another worker, which has never seen it.
    const other = lab.open();
    lab.fault({ kind: "hidden", instance: ref.providerId });
    const asked = { ...ref, askedAt: performance.now() };
    expect((await other.probe([asked], lab.call)).get(ref.resourceId)).toBe("unknown");
    expect(await other.stop(asked, lab.call)).toBe("stopping");
    // Once nothing can be hidden any more it is what the listing says.
    await vi.waitFor(async () =>
      expect((await other.probe([asked], lab.call)).get(ref.resourceId)).toBe("gone"),
    );
  });

  test("an instance that was seen a moment ago can't have vanished", async () => {
    const lab = await openLab();
    const ref = { ...(await launched(lab)), askedAt: null };
    lab.fault({ kind: "hidden", instance: ref.providerId });
    expect(await stateOf(lab, ref)).toBe("unknown");
    expect(await lab.backend.stop(ref, lab.call)).toBe("stopping");
  });

  test("an instance whose id was never learned must be missing twice, however long ago it was asked for", async () => {
    const lab = await openLab();
    const ref = {
      ...(await launched(lab)),
      providerId: null,
      askedAt: performance.now() - 86_400_000,
    };
    lab.fault({ kind: "hidden", action: "DescribeInstances", count: 1 });
    expect(await lab.backend.stop(ref, lab.call)).toBe("stopping");
    expect(await lab.backend.stop(ref, lab.call)).toBe("gone");
    expect(lab.alive()).toEqual([]);
  });

  test("an instance whose id was never learned may be hidden for a while: until then its absence is none", async () => {
    const lab = await openLab({}, { settleMs: 600 });
    const ref = {
      ...(await launched(lab)),
      providerId: null,
      askedAt: performance.now(),
    };
    lab.fault({ kind: "hidden", action: "DescribeInstances" });
    expect(await lab.backend.stop(ref, lab.call)).toBe("stopping");
    expect(await stateOf(lab, ref)).toBe("unknown");
    lab.clearFaults();
    expect(await lab.backend.stop(ref, lab.call)).toBe("gone");
    expect(lab.alive()).toEqual([]);
  });

  test("what may still be hidden doesn't depend on this machine's wall clock, which may be an hour ahead of others'", async () => {
    const lab = await openLab({}, { settleMs: 600 });
    const ref = { ...(await launched(lab)), providerId: null, askedAt: performance.now() };
    lab.fault({ kind: "hidden", action: "DescribeInstances" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await stateOf(lab, ref)).toBe("unknown");
    expect(await lab.backend.stop(ref, lab.call)).toBe("stopping");
    lab.clearFaults();
    expect(await lab.backend.stop(ref, lab.call)).toBe("gone");
  });

  test("NotFound on terminate is no deletion ([D]): the instance is asked again until it is seen terminated", async () => {
    const lab = await openLab();
    const ref = await launched(lab);
    lab.fault({
      kind: "error",
      action: "TerminateInstances",
      code: "InvalidInstanceID.NotFound",
      status: 400,
      count: 1,
    });
    expect(await lab.backend.stop(ref, lab.call)).toBe("stopping");
    expect(lab.alive()).toEqual([ref.providerId]);
    expect(await lab.backend.stop(ref, lab.call)).toBe("gone");
  });

  test("a malformed id is a permanent error and never an absence", async () => {
    const lab = await openLab();
    const ref = { ...lab.unmade().instance(), providerId: "i-nonsense" };
    await expect(lab.backend.stop(ref, lab.call)).rejects.toMatchObject({
      kind: "permanent",
      providerCode: "InvalidInstanceID.Malformed",
    });
    expect(await stateOf(lab, ref)).toBe("unknown");
  });

  test("a terminate that answers 200 and never happens is not gone", async () => {
    const lab = await openLab({}, { stopGraceMs: 100 });
    const ref = await launched(lab);
    lab.fault({ kind: "no_effect", action: "TerminateInstances" });
    expect(await lab.backend.stop(ref, lab.call)).toBe("stopping");
    expect(await lab.backend.stop(ref, lab.call)).toBe("stopping");
    expect(await stateOf(lab, ref)).toBe("running");
    lab.clearFaults();
    await vi.waitFor(async () => expect(await lab.backend.stop(ref, lab.call)).toBe("gone"));
  });

  test("one that is stuck shutting down stays `stopping`, and is not asked again and again", async () => {
    const lab = await openLab({}, { stopGraceMs: 100 });
    const ref = await launched(lab);
    lab.fault({ kind: "stuck", state: "shutting-down" });
    for (let time = 0; time < 3; time++) expect(await lab.backend.stop(ref, lab.call)).toBe("stopping");
    expect(await stateOf(lab, ref)).toBe("stopped");
    expect(lab.calls("TerminateInstances")).toHaveLength(1);
  });

  test("a state's high byte is AWS's own and is masked off ([D] States)", async () => {
    const lab = await openLab({ stateCodeHighByte: 3 });
    const ref = await launched(lab);
    expect(await stateOf(lab, ref)).toBe("running");
    expect(await lab.backend.stop(ref, lab.call)).toBe("gone");
  });
});

describe("many at once", () => {
  test("a batch with one bad and one protected id ends all others, and each gets its own answer ([D] Terminate)", async () => {
    const lab = await openLab({}, { stopGraceMs: 400 });
    const refs = await Promise.all(Array.from({ length: 6 }, () => launched(lab)));
    const [hidden, guarded] = refs;
    lab.fault({ kind: "hidden", action: "TerminateInstances", instance: hidden!.providerId });
    await lab.operator.send(
      new ModifyInstanceAttributeCommand({
        InstanceId: guarded!.providerId,
        DisableApiTermination: { Value: true },
      }),
    );
    const answers = await Promise.allSettled(refs.map((ref) => lab.backend.stop(ref, lab.call)));
    expect(answers[0]).toMatchObject({ status: "fulfilled", value: "stopping" });
    expect(answers[1]).toMatchObject({
      status: "rejected",
      reason: { code: "termination_protected", kind: "transient", providerCode: "OperationNotPermitted" },
    });
    for (const answer of answers.slice(2))
      expect(answer).toMatchObject({ status: "fulfilled", value: "gone" });
    expect(lab.alive().toSorted()).toEqual([hidden!.providerId, guarded!.providerId].toSorted());
  });

  test("200 instances deleted at once stay inside the terminate bucket and take a few calls ([D] Throttling)", async () => {
    const lab = await openLab({ buckets: true }, { stopGraceMs: 5_000 });
    const refs = await fleetOf(lab, 200);
    lab.sim.calls.clear();
    const answers = await Promise.all(refs.map((ref) => lab.backend.stop(ref, lab.call)));
    expect(new Set(answers)).toEqual(new Set(["gone"]));
    const terminates = lab.calls("TerminateInstances");
    expect(terminates.length).toBeLessThan(10);
    expect([...terminates, ...lab.calls("DescribeInstances")]).not.toContain("RequestLimitExceeded");
    expect(lab.alive()).toEqual([]);
  });

  test("a storm of 503 ends without a duplicate, and the calls stay within the buckets ([V] SDK client, [I] 503)", async () => {
    const lab = await openLab({ buckets: true });
    lab.fault({ kind: "throttle", probability: 0.4 });
    const workspaces = await Promise.all(Array.from({ length: 4 }, () => eventually(() => lab.workspace())));
    const refs = workspaces.map((workspace) => ({ workspace, instance: workspace.instance() }));
    await Promise.all(refs.map(({ workspace, instance }) => eventually(() => workspace.launch(instance))));
    lab.clearFaults();
    expect(lab.alive()).toHaveLength(4);
    const { counters } = (await (await fetch(`${lab.url}/_sim/calls`)).json()) as {
      counters: Record<string, { calls: number }>;
    };
    // A third of the calls was refused, and nobody hammers on: at most some five tries for each success.
    expect(counters["RunInstances"]!.calls).toBeLessThan(4 * 6);
  });
});

describe("states that aren't ours to choose", () => {
  test("a stop while it is pending, or while somebody stops or starts it, ends it all the same ([I] States)", async () => {
    const lab = await openLab({ delays: { pending: 400, stopping: 300 } });
    const pending = await lab.workspace();
    const instance = pending.instance();
    const launching = pending.launch(instance).catch((error: unknown) => error);
    await expect.poll(() => lab.alive()).toHaveLength(1);
    expect(await lab.backend.stop({ ...instance, providerId: lab.alive()[0]! }, lab.call)).toBe("gone");
    expect(await launching).toEqual(failure("start_failed", "transient"));

    const other = await launched(lab);
    await lab.operator.send(new StopInstancesCommand({ InstanceIds: [other.providerId] }));
    await expect(
      lab.operator.send(new StartInstancesCommand({ InstanceIds: [other.providerId] })),
    ).rejects.toThrow(/state/);
    expect(await stateOf(lab, other)).toBe("stopped");
    expect(await lab.backend.stop(other, lab.call)).toBe("gone");
    expect(lab.alive()).toEqual([]);
  });

  test("no generation is launched beside one that is still shutting down (I1)", async () => {
    const lab = await openLab({ delays: { shuttingDown: 60_000 } });
    const workspace = await lab.workspace();
    const id = await workspace.launch(workspace.instance(1));
    await lab.operator.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    await expect(workspace.launch(workspace.instance(2))).rejects.toThrow(
      failure("other_generation", "transient"),
    );
    expect(lab.alive()).toEqual([id]);
  });

  test("one stopped from outside by spot or by hand is told with AWS's own reason ([D] Spot)", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    const instance = workspace.instance();
    await workspace.launch(instance, { ec2: { spot: true } });
    await fetch(`${lab.url}/_sim/instances/${instance.providerId!}/reclaim`, { method: "POST" });
    await vi.waitFor(async () => expect(await stateOf(lab, instance)).toBe("gone"));
    expect(lab.backend.reasonOf?.(instance)).toBe("Server.SpotInstanceTermination");
  });
});

describe("what isn't ours (I10)", () => {
  test("foreign instances, also with a ws- name or another deployment's tags, are neither listed nor touched", async () => {
    const lab = await openLab();
    const ref = await launched(lab);
    const foreign = await lab.operator.send(
      new RunInstancesCommand({
        MinCount: 1,
        MaxCount: 1,
        ImageId: IMAGE,
        InstanceType: "t3.micro",
        TagSpecifications: [
          {
            ResourceType: "instance",
            Tags: [
              { Key: "Name", Value: ref.name },
              { Key: "berth:workspace", Value: ref.workspaceId },
            ],
          },
        ],
      }),
    );
    const id = foreign.Instances![0]!.InstanceId!;
    const owned = await lab.backend.listOwned(lab.call);
    expect(owned.map(({ providerId }) => providerId)).not.toContain(id);
    // Even if the ledger were wrong about it.
    await expect(lab.backend.stop({ ...ref, providerId: id }, lab.call)).rejects.toThrow(
      failure("name_taken", "permanent"),
    );
    expect(await lab.backend.stop({ ...ref, providerId: null }, lab.call)).toBe("gone");
    expect(lab.alive()).toEqual([id]);
  });

  test("an instance whose tags were taken off is reported and never counts as gone (I4)", async () => {
    const lab = await openLab();
    const ref = await launched(lab);
    await lab.operator.send(
      new DeleteTagsCommand({ Resources: [ref.providerId], Tags: [{ Key: "berth:deployment" }] }),
    );
    expect(await stateOf(lab, ref)).toBe("unknown");
    await expect(lab.backend.stop(ref, lab.call)).rejects.toMatchObject({ providerCode: "tags_missing" });
    const { Reservations } = await lab.operator.send(
      new DescribeInstancesCommand({ InstanceIds: [ref.providerId] }),
    );
    expect(Reservations![0]!.Instances![0]!.State?.Name).toBe("running");
  });
});

/** Instances as the backend would have made them, without the wait for the RunInstances bucket. */
async function fleetOf(lab: Lab, count: number): Promise<InstanceRef[]> {
  const refs = Array.from({ length: count }, () => lab.unmade().instance());
  lab.sim.world.settings.buckets = false;
  const made = await Promise.all(
    refs.map(async (ref): Promise<InstanceRef> => {
      const { Instances } = await lab.operator.send(
        new RunInstancesCommand({
          MinCount: 1,
          MaxCount: 1,
          ImageId: IMAGE,
          InstanceType: "t3.micro",
          TagSpecifications: [
            {
              ResourceType: "instance",
              Tags: [
                { Key: "berth:deployment", Value: "conformance" },
                { Key: "berth:workspace", Value: ref.workspaceId },
                { Key: "berth:generation", Value: "1" },
              ],
            },
          ],
        }),
      );
      return { ...ref, providerId: Instances![0]!.InstanceId! };
    }),
  );
  lab.sim.world.settings.buckets = true;
  return made;
}

/** As the lifecycle's attempts do. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (let times = 0; ; times++)
    try {
      return await attempt();
    } catch (error) {
      if (times === 5) throw error;
    }
}
