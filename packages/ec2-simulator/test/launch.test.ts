import {
  CreateLaunchTemplateCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
  type RunInstancesCommandInput,
} from "@aws-sdk/client-ec2";
import { expect, test } from "vitest";
import { IMAGE, refusal, startLab } from "./support/simulator.js";

const ONE: RunInstancesCommandInput = { ImageId: IMAGE, MinCount: 1, MaxCount: 1, InstanceType: "t3.micro" };

test("FACTS Idempotency [D]: the same token with the same parameters makes one instance, concurrently too", async () => {
  const { ec2, sim } = await startLab();
  const replies = await Promise.all(
    Array.from({ length: 10 }, () => ec2.send(new RunInstancesCommand({ ...ONE, ClientToken: "launch-1" }))),
  );
  expect(new Set(replies.map(({ Instances }) => Instances?.[0]?.InstanceId)).size).toBe(1);
  expect(new Set(replies.map(({ ReservationId }) => ReservationId)).size).toBe(1);
  expect(sim.regions()[0]!.instances.size).toBe(1);
});

test("FACTS Idempotency [V]: two sends without a token of one's own make two instances", async () => {
  const { ec2, sim } = await startLab();
  await ec2.send(new RunInstancesCommand(ONE));
  await ec2.send(new RunInstancesCommand(ONE));
  expect(sim.regions()[0]!.instances.size).toBe(2);
});

test("FACTS Idempotency [V]: a reply lost after the launch costs no second instance inside one send", async () => {
  const { sim, client } = await startLab();
  sim.world.faults.add({ kind: "drop_after", action: "RunInstances", count: 1 });
  const { Instances } = await client({ maxAttempts: 3 }).send(new RunInstancesCommand(ONE));
  expect(sim.regions()[0]!.instances.size).toBe(1);
  expect(sim.calls.list().map(({ outcome, effect }) => `${outcome}: ${effect}`)).toEqual([
    `dropped: launched ${Instances?.[0]?.InstanceId}`,
    `ok: replayed ${Instances?.[0]?.InstanceId}`,
  ]);
});

test("FACTS Idempotency [I]: the same token with other parameters is IdempotentParameterMismatch", async () => {
  const { ec2, launch, sim } = await startLab();
  await launch({ ClientToken: "launch-1" });
  const other = ec2.send(
    new RunInstancesCommand({ ...ONE, InstanceType: "t3.small", ClientToken: "launch-1" }),
  );
  expect(await refusal(other)).toEqual({ code: "IdempotentParameterMismatch", status: 400 });
  expect(sim.regions()[0]!.instances.size).toBe(1);
});

test("FACTS Idempotency [I]: the token of a terminated instance is IdempotentInstanceTerminated", async () => {
  const { ec2, launch, sim } = await startLab();
  const ids = await launch({ ClientToken: "launch-1" });
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  sim.advance(10_000);
  expect((await refusal(launch({ ClientToken: "launch-1" }))).code).toBe("IdempotentInstanceTerminated");
  sim.advance(2 * 3_600_000);
  expect((await refusal(launch({ ClientToken: "launch-1" }))).code).toBe("IdempotentInstanceTerminated");
});

test("FACTS Idempotency [I]: in the older behaviour it answers with the dead instance", async () => {
  const { ec2, launch, sim } = await startLab({ terminatedToken: "instance" });
  const ids = await launch({ ClientToken: "launch-1" });
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  sim.advance(10_000);
  const { Instances } = await ec2.send(new RunInstancesCommand({ ...ONE, ClientToken: "launch-1" }));
  expect(Instances?.[0]).toMatchObject({ InstanceId: ids[0], State: { Name: "terminated" } });
});

test("FACTS Idempotency [D]: a token is at most 64 ASCII characters", async () => {
  const { launch } = await startLab();
  await launch({ ClientToken: "x".repeat(64) });
  expect((await refusal(launch({ ClientToken: "x".repeat(65) }))).code).toBe("InvalidParameterValue");
  expect((await refusal(launch({ ClientToken: "é" }))).code).toBe("InvalidParameterValue");
});

test("FACTS Idempotency [D]: a token belongs to its Region", async () => {
  const { client, sim } = await startLab();
  for (const region of ["eu-west-1", "us-east-1"])
    await client({ region }).send(new RunInstancesCommand({ ...ONE, ClientToken: "launch-1" }));
  expect(sim.regions().map(({ instances }) => instances.size)).toEqual([1, 1]);
});

test("FACTS Tags [D]: instance and volumes carry the tags of the launch from the first moment", async () => {
  const { ec2, launch } = await startLab();
  const [id] = await launch({
    TagSpecifications: [
      { ResourceType: "instance", Tags: [{ Key: "Name", Value: '<ws> & "co"' }] },
      { ResourceType: "volume", Tags: [{ Key: "owner", Value: "berth" }] },
    ],
    BlockDeviceMappings: [{ DeviceName: "/dev/sdf", Ebs: { VolumeSize: 20, VolumeType: "gp3" } }],
  });
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id!] }));
  expect(Reservations?.[0]?.Instances?.[0]?.Tags).toEqual([{ Key: "Name", Value: '<ws> & "co"' }]);
  const { Volumes } = await ec2.send(
    new DescribeVolumesCommand({ Filters: [{ Name: "attachment.instance-id", Values: [id!] }] }),
  );
  expect(Volumes?.map(({ Size, Tags }) => [Size, Tags])).toEqual([
    [8, [{ Key: "owner", Value: "berth" }]],
    [20, [{ Key: "owner", Value: "berth" }]],
  ]);
});

test("a launch shows what it was asked for, as the SDK reads it [M]", async () => {
  const { ec2, sim, launch } = await startLab();
  const [subnet] = [...sim.regionOf({ key: "AKIATEST", region: "eu-west-1" }).network.subnets.values()];
  const [id] = await launch({
    NetworkInterfaces: [
      {
        DeviceIndex: 0,
        SubnetId: subnet!.id,
        Groups: ["sg-0123456789abcdef0"],
        AssociatePublicIpAddress: false,
      },
    ],
    MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 2 },
    IamInstanceProfile: { Name: "workspace" },
    KeyName: "ops",
    Monitoring: { Enabled: true },
  });
  sim.advance(5_000);
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id!] }));
  const instance = Reservations?.[0]?.Instances?.[0];
  expect(instance).toMatchObject({
    InstanceId: id,
    ImageId: IMAGE,
    InstanceType: "t3.micro",
    State: { Code: 16, Name: "running" },
    SubnetId: subnet!.id,
    VpcId: subnet!.vpcId,
    Placement: { AvailabilityZone: subnet!.az },
    SecurityGroups: [{ GroupId: "sg-0123456789abcdef0" }],
    MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 2 },
    IamInstanceProfile: { Arn: "arn:aws:iam::123456789012:instance-profile/workspace" },
    KeyName: "ops",
    Monitoring: { State: "enabled" },
    PrivateIpAddress: expect.stringMatching(/^10\./) as unknown,
    BlockDeviceMappings: [
      { DeviceName: "/dev/xvda", Ebs: { Status: "attached", DeleteOnTermination: true } },
    ],
  });
  expect(instance?.LaunchTime).toBeInstanceOf(Date);
  expect(instance?.PublicIpAddress).toBeUndefined();
});

test("user-data can be read back, and is in no log [M]", async () => {
  const { ec2, launch, sim } = await startLab();
  const secret = Buffer.from("#!/bin/sh\nTOKEN=hunter2\n").toString("base64");
  const [id] = await launch({ UserData: secret });
  const { UserData } = await ec2.send(
    new DescribeInstanceAttributeCommand({ InstanceId: id!, Attribute: "userData" }),
  );
  expect(UserData?.Value).toBe(secret);
  expect(JSON.stringify(sim.calls.list())).not.toContain(secret);
  expect(sim.calls.list({ action: "RunInstances" })[0]?.params["UserData"]).toBe(
    `(${secret.length} characters)`,
  );
});

test("a launch template gives what the request leaves out, and tags of both are merged [M]", async () => {
  const { ec2 } = await startLab();
  await ec2.send(
    new CreateLaunchTemplateCommand({
      LaunchTemplateName: "workspace",
      LaunchTemplateData: {
        ImageId: IMAGE,
        InstanceType: "m5.large",
        TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "team", Value: "red" }] }],
      },
    }),
  );
  const { Instances } = await ec2.send(
    new RunInstancesCommand({
      MinCount: 1,
      MaxCount: 1,
      LaunchTemplate: { LaunchTemplateName: "workspace", Version: "$Latest" },
      InstanceType: "m5.xlarge",
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "Name", Value: "a" }] }],
    }),
  );
  expect(Instances?.[0]).toMatchObject({
    ImageId: IMAGE,
    InstanceType: "m5.xlarge",
    Tags: [
      { Key: "team", Value: "red" },
      { Key: "Name", Value: "a" },
    ],
  });
});

test.each<[string, Partial<RunInstancesCommandInput>, string]>([
  ["no image", { ImageId: undefined }, "MissingParameter"],
  ["a malformed image", { ImageId: "ubuntu" }, "InvalidAMIID.Malformed"],
  ["more wanted at least than at most", { MinCount: 2 }, "InvalidParameterValue"],
  ["an unknown subnet", { SubnetId: "subnet-0000000000000000f" }, "InvalidSubnetID.NotFound"],
  ["an unknown zone", { Placement: { AvailabilityZone: "mars-1a" } }, "InvalidParameterValue"],
  ["a malformed security group", { SecurityGroupIds: ["default"] }, "InvalidGroupId.Malformed"],
  ["user-data that isn't base64", { UserData: "#!/bin/sh" }, "InvalidUserData.Malformed"],
  ["user-data over 16 KB", { UserData: Buffer.alloc(16_385).toString("base64") }, "InvalidParameterValue"],
  [
    "an unknown launch template",
    { LaunchTemplate: { LaunchTemplateId: "lt-0123456789abcdef0" } },
    "InvalidLaunchTemplateId.NotFound",
  ],
  [
    "a key that is tagged twice",
    { TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "a" }, { Key: "a" }] }] },
    "InvalidParameterValue",
  ],
  ["DryRun of what would work", { DryRun: true }, "DryRunOperation"],
])("%s is refused and launches nothing [M]", async (_, input, code) => {
  const { launch, sim } = await startLab();
  expect((await refusal(launch(input as Partial<RunInstancesCommandInput>))).code).toBe(code);
  expect(sim.regions()[0]!.instances.size).toBe(0);
});
