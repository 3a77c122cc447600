import {
  DescribeInstanceAttributeCommand,
  ModifyInstanceAttributeCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { expect, test } from "vitest";
import { refusal, startLab, type Lab } from "./support/simulator.js";

const UNKNOWN = "i-0123456789abcdef0";

function states({ sim }: Lab, ids: readonly string[]): (string | undefined)[] {
  return ids.map((id) => sim.regions()[0]!.instances.get(id)?.state);
}

function terminate({ ec2 }: Lab, InstanceIds: string[], more = {}) {
  return ec2.send(new TerminateInstancesCommand({ InstanceIds, ...more }));
}

test("FACTS Terminate [D]: it is idempotent", async () => {
  const lab = await startLab();
  const id = await lab.running();
  const first = await terminate(lab, [id]);
  expect(first.TerminatingInstances).toEqual([
    {
      InstanceId: id,
      PreviousState: { Code: 16, Name: "running" },
      CurrentState: { Code: 32, Name: "shutting-down" },
    },
  ]);
  lab.sim.advance(10_000);
  const again = await terminate(lab, [id]);
  expect(again.TerminatingInstances?.[0]?.CurrentState?.Name).toBe("terminated");
});

test("FACTS Terminate [D]: one unknown id fails the whole call", async () => {
  const lab = await startLab();
  const ids = await lab.launch({ MinCount: 3, MaxCount: 3 });
  expect(await refusal(terminate(lab, [...ids, UNKNOWN]))).toEqual({
    code: "InvalidInstanceID.NotFound",
    status: 400,
  });
  expect(states(lab, ids)).toEqual(["pending", "pending", "pending"]);
});

test("FACTS Terminate [D]: so does a malformed one", async () => {
  const lab = await startLab();
  const ids = await lab.launch();
  expect((await refusal(terminate(lab, [...ids, "i-nonsense"]))).code).toBe("InvalidInstanceID.Malformed");
  expect(states(lab, ids)).toEqual(["pending"]);
});

test("FACTS Terminate [D]: at most 1,000 ids", async () => {
  const lab = await startLab();
  const ids = await lab.launch({ MinCount: 1_000, MaxCount: 1_000 });
  expect((await refusal(terminate(lab, [...ids, ids[0]!]))).code).toBe("InvalidParameterValue");
  await terminate(lab, ids);
  expect(new Set(states(lab, ids))).toEqual(new Set(["shutting-down"]));
});

test("FACTS Terminate [D]: one protected instance saves those of its zone; the others end although the call fails", async () => {
  const lab = await startLab();
  const inZone = (zone: string, more = {}) =>
    lab.launch({ Placement: { AvailabilityZone: `eu-west-1${zone}` }, ...more });
  const [protectedOne] = await inZone("a", { DisableApiTermination: true });
  const [neighbour] = await inZone("a");
  const [elsewhere] = await inZone("b");
  const ids = [protectedOne!, neighbour!, elsewhere!];
  expect(await refusal(terminate(lab, ids))).toEqual({ code: "OperationNotPermitted", status: 400 });
  expect(states(lab, ids)).toEqual(["pending", "pending", "shutting-down"]);
});

test("protection can be read and taken away, then it ends [M]", async () => {
  const lab = await startLab();
  const id = await lab.running({ DisableApiTermination: true });
  const read = async () => {
    const command = new DescribeInstanceAttributeCommand({
      InstanceId: id,
      Attribute: "disableApiTermination",
    });
    return (await lab.ec2.send(command)).DisableApiTermination?.Value;
  };
  expect(await read()).toBe(true);
  await lab.ec2.send(
    new ModifyInstanceAttributeCommand({ InstanceId: id, DisableApiTermination: { Value: false } }),
  );
  expect(await read()).toBe(false);
  await terminate(lab, [id]);
  expect(states(lab, [id])).toEqual(["shutting-down"]);
});

test("a terminate that answers 200 and never happens", async () => {
  const lab = await startLab();
  const id = await lab.running();
  lab.sim.world.faults.add({ kind: "no_effect", action: "TerminateInstances", count: 1 });
  const lie = await terminate(lab, [id]);
  expect(lie.TerminatingInstances?.[0]?.CurrentState?.Name).toBe("shutting-down");
  lab.sim.advance(60_000);
  expect(states(lab, [id])).toEqual(["running"]);
  expect(lab.sim.calls.list({ action: "TerminateInstances" })[0]?.effect).toBe(`ignored ${id}`);
  await terminate(lab, [id]);
  expect(states(lab, [id])).toEqual(["shutting-down"]);
});

test("stuck shutting-down stays so until it is released", async () => {
  const lab = await startLab();
  const id = await lab.running();
  lab.sim.world.faults.add({ kind: "stuck", state: "shutting-down", instance: id });
  await terminate(lab, [id]);
  lab.sim.advance(86_400_000);
  await terminate(lab, [id]);
  expect(states(lab, [id])).toEqual(["shutting-down"]);
  const released = await fetch(`${lab.url}/_sim/instances/${id}/release`, { method: "POST" });
  expect(released.status).toBe(200);
  expect(states(lab, [id])).toEqual(["terminated"]);
});

test("a NotFound on terminate is no deletion: the instance may be hidden and alive", async () => {
  const lab = await startLab();
  const id = await lab.running();
  lab.sim.world.faults.add({ kind: "hidden", action: "TerminateInstances", instance: id, count: 1 });
  expect((await refusal(terminate(lab, [id]))).code).toBe("InvalidInstanceID.NotFound");
  expect(states(lab, [id])).toEqual(["running"]);
});

test("DryRun changes nothing [M]", async () => {
  const lab = await startLab();
  const id = await lab.running();
  expect(await refusal(terminate(lab, [id], { DryRun: true }))).toEqual({
    code: "DryRunOperation",
    status: 412,
  });
  expect(states(lab, [id])).toEqual(["running"]);
});
