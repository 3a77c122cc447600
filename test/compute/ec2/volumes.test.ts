import {
  AttachVolumeCommand,
  CreateVolumeCommand,
  RunInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { describe, expect, test, vi } from "vitest";
import { failure } from "../conformance/harness.js";
import { IMAGE } from "./harness.js";
import { type Lab, openLab } from "./lab.js";

const volumesOf = (lab: Lab) => {
  lab.sim.world.schedule.settle();
  return lab.sim
    .regions()
    .flatMap(({ volumes }) => [...volumes.values()])
    .filter(({ tags }) => tags.get("berth:role") === "data")
    .map(({ id, az, state, attachment }) => ({ id, az, state, on: attachment?.instance.id ?? null }));
};

describe("the data volume", () => {
  test("is kept across a restart, and its next instance is launched in its zone ([D] Volumes)", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    const [first, second] = [workspace.instance(1), workspace.instance(2)];
    await workspace.launch(first);
    const [volume] = volumesOf(lab);
    expect(volume).toMatchObject({ az: "eu-west-1a", on: first.providerId });
    expect(await lab.backend.stop(first, lab.call)).toBe("gone");
    await workspace.launch(second);
    expect(volumesOf(lab)).toEqual([{ ...volume, on: second.providerId }]);
    expect(second.details).toMatchObject({ az: "eu-west-1a" });
  });

  test("never moves once it was used: without room in its zone the launch says so and makes nothing", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    const first = workspace.instance(1);
    await workspace.launch(first);
    expect(await lab.backend.stop(first, lab.call)).toBe("gone");
    lab.fault({ kind: "capacity", az: "eu-west-1a" });
    await expect(workspace.launch(workspace.instance(2))).rejects.toThrow(failure("capacity", "transient"));
    const subnets = { ec2: { subnet_ids: [subnetIn(lab, "eu-west-1b")] } };
    await expect(workspace.launch(workspace.instance(2), subnets)).rejects.toMatchObject({
      kind: "permanent",
      providerCode: "InvalidVolume.ZoneMismatch",
    });
    expect(lab.alive()).toEqual([]);
    expect(volumesOf(lab)).toMatchObject([{ az: "eu-west-1a", state: "available" }]);
  });

  test("is never taken from an instance that isn't terminated, and the newcomer goes again (I8)", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    const holder = await lab.operator.send(
      new RunInstancesCommand({
        MinCount: 1,
        MaxCount: 1,
        ImageId: IMAGE,
        InstanceType: "t3.micro",
        Placement: { AvailabilityZone: "eu-west-1a" },
      }),
    );
    const id = holder.Instances![0]!.InstanceId!;
    await vi.waitFor(() =>
      lab.operator.send(
        new AttachVolumeCommand({
          VolumeId: workspace.volume.providerId!,
          InstanceId: id,
          Device: "/dev/sdz",
        }),
      ),
    );
    await lab.operator.send(new StopInstancesCommand({ InstanceIds: [id] }));
    await expect(workspace.launch(workspace.instance())).rejects.toThrow(
      failure("other_generation", "transient"),
    );
    expect(lab.alive()).toEqual([id]);
    expect(volumesOf(lab)).toMatchObject([{ on: id }]);
    expect(await lab.backend.removeVolume(workspace.volume, lab.call)).toBe("in_use");
    expect(lab.calls("DetachVolume")).toEqual([]);
  });

  test("is waited for until the instance that ended has let go of it, and then attached again", async () => {
    const lab = await openLab({ delays: { attaching: 300 } });
    const workspace = await lab.workspace();
    const first = workspace.instance(1);
    await workspace.launch(first);
    await lab.operator.send(new TerminateInstancesCommand({ InstanceIds: [first.providerId!] }));
    await expect.poll(() => lab.alive()).toEqual([]);
    const second = workspace.instance(2);
    await workspace.launch(second);
    expect(volumesOf(lab)).toMatchObject([{ on: second.providerId }]);
  });

  test("attached already by an earlier attempt is attached ([M] VolumeInUse)", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    lab.fault({ kind: "drop_after", action: "AttachVolume", count: 1 });
    const instance = workspace.instance();
    await workspace.launch(instance);
    expect(volumesOf(lab)).toMatchObject([{ on: instance.providerId }]);
    expect(lab.calls("AttachVolume")).toEqual(["dropped", "VolumeInUse"]);
  });

  test("whose reply was lost is one volume, also if the next attempt would choose another zone ([I] IdempotentParameterMismatch)", async () => {
    const lab = await openLab();
    const workspace = lab.unmade();
    lab.fault({ kind: "drop_after", action: "CreateVolume" });
    await expect(lab.backend.createVolume(workspace.volume, lab.call)).rejects.toThrow(
      failure("backend_unreachable"),
    );
    lab.clearFaults();
    const [made] = volumesOf(lab);
    lab.fault({ kind: "hidden", action: "DescribeVolumes", count: 2 });
    const away = lab.open({
      defaults: { image_id: IMAGE, subnet_ids: [subnetIn(lab, "eu-west-1c")], volume_gb: 1 },
    });
    const { providerId, details } = await away.createVolume(workspace.volume, lab.call);
    expect(providerId).toBe(made!.id);
    expect(details).toMatchObject({ az: "eu-west-1a" });
    expect(volumesOf(lab)).toHaveLength(1);
  });

  test("that vanished is never replaced by an empty one", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    expect(await lab.backend.removeVolume(workspace.volume, lab.call)).toBe("gone");
    const lost = { ...workspace.volume, details: {} };
    await expect(lab.backend.createVolume(lost, lab.call)).rejects.toMatchObject({
      kind: "permanent",
      providerCode: "InvalidVolume.NotFound",
    });
  });
});

describe("removing a volume", () => {
  test("a delete that answers 200 and never happens is not gone (I4)", async () => {
    const lab = await openLab({}, { callTimeoutMs: 300 });
    const workspace = await lab.workspace();
    lab.fault({ kind: "no_effect", action: "DeleteVolume" });
    await expect(lab.backend.removeVolume(workspace.volume, lab.call)).rejects.toThrow(
      failure("backend_timeout", "transient"),
    );
    lab.clearFaults();
    expect(await lab.backend.removeVolume(workspace.volume, lab.call)).toBe("gone");
    expect(volumesOf(lab)).toEqual([]);
  });

  test("one that a listing didn't have once is looked for again, and not taken for gone (I4)", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    const known = { ...workspace.volume, details: {} };
    lab.fault({ kind: "hidden", action: "DescribeVolumes", count: 1 });
    expect(await lab.backend.removeVolume(known, lab.call)).toBe("gone");
    expect(lab.calls("DeleteVolume")).toEqual(["ok"]);
    expect(volumesOf(lab)).toEqual([]);
  });

  test("one that is stuck in `deleting` is not gone until it isn't there (I4)", async () => {
    const lab = await openLab({}, { callTimeoutMs: 300 });
    const workspace = await lab.workspace();
    lab.fault({ kind: "stuck", state: "deleting" });
    await expect(lab.backend.removeVolume(workspace.volume, lab.call)).rejects.toThrow(
      failure("backend_timeout", "transient"),
    );
    await fetch(`${lab.url}/_sim/volumes/${workspace.volume.providerId!}/release`, { method: "POST" });
    expect(await lab.backend.removeVolume(workspace.volume, lab.call)).toBe("gone");
  });

  test("one that is still being detached is waited for", async () => {
    const lab = await openLab({ delays: { detaching: 150 } });
    const workspace = await lab.workspace();
    const instance = workspace.instance();
    await workspace.launch(instance);
    await lab.operator.send(new TerminateInstancesCommand({ InstanceIds: [instance.providerId!] }));
    expect(await lab.backend.stop(instance, lab.call)).toBe("gone");
    expect(await lab.backend.removeVolume(workspace.volume, lab.call)).toBe("gone");
  });

  test("a foreign volume is never removed, whatever the ledger says (I10)", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    const { VolumeId } = await lab.operator.send(
      new CreateVolumeCommand({ AvailabilityZone: "eu-west-1a", Size: 1 }),
    );
    const wrong = { ...workspace.volume, providerId: VolumeId! };
    await expect(lab.backend.removeVolume(wrong, lab.call)).rejects.toThrow(
      failure("name_taken", "permanent"),
    );
    expect(lab.calls("DeleteVolume")).toEqual([]);
  });
});

function subnetIn(lab: Lab, az: string): string {
  const [region] = lab.sim.regions();
  return [...region!.network.subnets.values()].find((subnet) => subnet.az === az)!.id;
}
