import {
  AttachVolumeCommand,
  CreateVolumeCommand,
  DeleteVolumeCommand,
  DescribeVolumesCommand,
  DetachVolumeCommand,
  ModifyInstanceAttributeCommand,
  paginateDescribeVolumes,
  StopInstancesCommand,
  TerminateInstancesCommand,
  waitUntilVolumeAvailable,
  waitUntilVolumeDeleted,
  waitUntilVolumeInUse,
  type CreateVolumeCommandInput,
} from "@aws-sdk/client-ec2";
import { expect, test } from "vitest";
import { refusal, startLab, type Lab } from "./support/simulator.js";

const ZONE = "eu-west-1a";
const IN_ZONE = { Placement: { AvailabilityZone: ZONE } };

async function make({ ec2 }: Lab, input: Partial<CreateVolumeCommandInput> = {}): Promise<string> {
  const { VolumeId } = await ec2.send(
    new CreateVolumeCommand({ AvailabilityZone: ZONE, Size: 10, ...input }),
  );
  return VolumeId!;
}

async function see({ ec2 }: Lab, id: string) {
  const { Volumes } = await ec2.send(new DescribeVolumesCommand({ VolumeIds: [id] }));
  return Volumes![0]!;
}

function attach({ ec2 }: Lab, VolumeId: string, InstanceId: string, Device = "/dev/sdf") {
  return ec2.send(new AttachVolumeCommand({ VolumeId, InstanceId, Device }));
}

test("a volume is made, attached, detached and deleted, step by step [M]", async () => {
  const lab = await startLab();
  const instance = await lab.running(IN_ZONE);
  const volume = await make(lab, { VolumeType: "gp3", Encrypted: true });
  expect(await see(lab, volume)).toMatchObject({
    State: "creating",
    Size: 10,
    VolumeType: "gp3",
    Encrypted: true,
  });
  lab.sim.advance(1_000);
  expect((await see(lab, volume)).State).toBe("available");
  expect((await attach(lab, volume, instance)).State).toBe("attaching");
  lab.sim.advance(1_000);
  expect(await see(lab, volume)).toMatchObject({
    State: "in-use",
    Attachments: [
      { InstanceId: instance, Device: "/dev/sdf", State: "attached", DeleteOnTermination: false },
    ],
  });
  await lab.ec2.send(new DetachVolumeCommand({ VolumeId: volume, InstanceId: instance }));
  expect(await see(lab, volume)).toMatchObject({ State: "in-use", Attachments: [{ State: "detaching" }] });
  lab.sim.advance(1_000);
  expect(await see(lab, volume)).toMatchObject({ State: "available", Attachments: [] });
  await lab.ec2.send(new DeleteVolumeCommand({ VolumeId: volume }));
  expect((await see(lab, volume)).State).toBe("deleting");
  lab.sim.advance(1_000);
  expect((await refusal(see(lab, volume))).code).toBe("InvalidVolume.NotFound");
});

test("FACTS Volumes [D]: the root goes with the instance, an attached volume survives and is free only then", async () => {
  const lab = await startLab();
  const instance = await lab.running(IN_ZONE);
  const volume = await make(lab);
  lab.sim.advance(1_000);
  await attach(lab, volume, instance);
  lab.sim.advance(1_000);
  await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [instance] }));
  expect((await see(lab, volume)).State).toBe("in-use");
  expect((await refusal(lab.ec2.send(new DeleteVolumeCommand({ VolumeId: volume })))).code).toBe(
    "VolumeInUse",
  );
  lab.sim.advance(5_000);
  const { Volumes } = await lab.ec2.send(new DescribeVolumesCommand({}));
  expect(Volumes?.map(({ VolumeId, State }) => [VolumeId, State])).toEqual([[volume, "available"]]);
});

test("FACTS Volumes [D]: with DeleteOnTermination, set at launch or later, it goes too", async () => {
  const lab = await startLab();
  const instance = await lab.running({
    BlockDeviceMappings: [
      { DeviceName: "/dev/sdf", Ebs: { VolumeSize: 5, DeleteOnTermination: true } },
      { DeviceName: "/dev/sdg", Ebs: { VolumeSize: 6 } },
      { DeviceName: "/dev/sdh", Ebs: { VolumeSize: 7 } },
    ],
  });
  const mapping = { DeviceName: "/dev/sdg", Ebs: { DeleteOnTermination: true } };
  await lab.ec2.send(
    new ModifyInstanceAttributeCommand({ InstanceId: instance, BlockDeviceMappings: [mapping] }),
  );
  await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [instance] }));
  lab.sim.advance(5_000);
  const { Volumes } = await lab.ec2.send(new DescribeVolumesCommand({}));
  expect(Volumes?.map(({ Size }) => Size)).toEqual([7]);
});

test("FACTS Volumes [I]: a volume of another zone is InvalidVolume.ZoneMismatch", async () => {
  const lab = await startLab();
  const instance = await lab.running(IN_ZONE);
  const volume = await make(lab, { AvailabilityZone: "eu-west-1b" });
  lab.sim.advance(1_000);
  expect((await refusal(attach(lab, volume, instance))).code).toBe("InvalidVolume.ZoneMismatch");
});

test("FACTS Volumes [M]: attach to a pending instance is IncorrectState, of an attached volume VolumeInUse", async () => {
  const lab = await startLab();
  const volume = await make(lab);
  lab.sim.advance(1_000);
  const [pending] = await lab.launch(IN_ZONE);
  expect((await refusal(attach(lab, volume, pending!))).code).toBe("IncorrectState");
  lab.sim.advance(5_000);
  await attach(lab, volume, pending!);
  expect((await refusal(attach(lab, volume, pending!, "/dev/sdg"))).code).toBe("VolumeInUse");
});

test("a device name is taken once, and a volume that is still being made can't be attached [M]", async () => {
  const lab = await startLab();
  const instance = await lab.running(IN_ZONE);
  const [first, second] = [await make(lab), await make(lab)];
  expect((await refusal(attach(lab, first, instance))).code).toBe("IncorrectState");
  lab.sim.advance(1_000);
  await attach(lab, first, instance);
  expect((await refusal(attach(lab, second, instance))).code).toBe("InvalidParameterValue");
});

test("a root volume is detached from a stopped instance only; what isn't attached can't be detached [M]", async () => {
  const lab = await startLab();
  const id = await lab.running(IN_ZONE);
  const root = lab.sim.regions()[0]!.instances.get(id)!.volumes[0]!.id;
  const detach = (VolumeId: string) => lab.ec2.send(new DetachVolumeCommand({ VolumeId }));
  expect((await refusal(detach(root))).code).toBe("OperationNotPermitted");
  await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
  lab.sim.advance(5_000);
  await detach(root);
  lab.sim.advance(5_000);
  expect((await refusal(detach(root))).code).toBe("IncorrectState");
});

test("CreateVolume's token makes one volume, and other parameters with it are a mismatch [M]", async () => {
  const lab = await startLab();
  const first = await make(lab, { ClientToken: "data-1" });
  expect(await make(lab, { ClientToken: "data-1" })).toBe(first);
  expect((await refusal(make(lab, { ClientToken: "data-1", Size: 11 }))).code).toBe(
    "IdempotentParameterMismatch",
  );
  expect(lab.sim.regions()[0]!.volumes.size).toBe(1);
});

test.each<[string, Partial<CreateVolumeCommandInput>, string]>([
  ["an unknown zone", { AvailabilityZone: "mars-1a" }, "InvalidZone.NotFound"],
  ["neither size nor snapshot", { Size: undefined }, "MissingParameter"],
  ["no size at all", { Size: 0 }, "InvalidParameterValue"],
  ["io2 without iops", { VolumeType: "io2" }, "MissingParameter"],
  ["iops for gp2", { VolumeType: "gp2", Iops: 3_000 }, "InvalidParameterCombination"],
])("%s is refused [M]", async (_, input, code) => {
  const lab = await startLab();
  expect((await refusal(make(lab, input))).code).toBe(code);
  expect(lab.sim.regions()[0]!.volumes.size).toBe(0);
});

test("the SDK's waiters and paginator of volumes end as they do on AWS [M]", async () => {
  const lab = await startLab({
    clock: "real",
    delays: {
      pending: 30,
      visibility: 20,
      creatingVolume: 50,
      attaching: 30,
      detaching: 30,
      deletingVolume: 30,
    },
  });
  const waiter = { client: lab.ec2, maxWaitTime: 20, minDelay: 0.02, maxDelay: 0.05 };
  const VolumeIds = await Promise.all(Array.from({ length: 12 }, () => make(lab)));
  const [VolumeId] = VolumeIds;
  await expect.poll(() => lab.sim.regions()[0]!.volumes.get(VolumeIds[11]!)?.state).toBe("available");
  await waitUntilVolumeAvailable(waiter, { VolumeIds });
  const [InstanceId] = await lab.launch(IN_ZONE);
  await expect.poll(() => lab.sim.regions()[0]!.instances.get(InstanceId!)?.state).toBe("running");
  await attach(lab, VolumeId!, InstanceId!);
  await waitUntilVolumeInUse(waiter, { VolumeIds: [VolumeId!] });
  const seen: string[] = [];
  const filter = { Filters: [{ Name: "volume-id", Values: VolumeIds }] };
  for await (const page of paginateDescribeVolumes({ client: lab.ec2, pageSize: 5 }, filter))
    seen.push(...(page.Volumes ?? []).map((volume) => volume.VolumeId!));
  expect(seen.toSorted()).toEqual(VolumeIds.toSorted());
  await lab.ec2.send(new DetachVolumeCommand({ VolumeId }));
  await waitUntilVolumeAvailable(waiter, { VolumeIds: [VolumeId!] });
  await lab.ec2.send(new DeleteVolumeCommand({ VolumeId }));
  await waitUntilVolumeDeleted(waiter, { VolumeIds: [VolumeId!] });
});
