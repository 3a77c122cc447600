import {
  DescribeInstancesCommand,
  GetConsoleOutputCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
  type Instance,
} from "@aws-sdk/client-ec2";
import { expect, test } from "vitest";
import { refusal, startLab, type Lab } from "./support/simulator.js";

async function see({ ec2 }: Lab, id: string): Promise<Instance> {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations![0]!.Instances![0]!;
}

test("FACTS States [D]: pending 0, running 16, stopping 64, stopped 80, shutting-down 32, terminated 48", async () => {
  const lab = await startLab();
  const { ec2, launch, sim } = lab;
  const [id] = await launch();
  const codes: (number | undefined)[] = [];
  const look = async () => codes.push((await see(lab, id!)).State?.Code);
  await look();
  sim.advance(2_000);
  await look();
  await ec2.send(new StopInstancesCommand({ InstanceIds: [id!] }));
  await look();
  sim.advance(2_000);
  await look();
  await ec2.send(new StartInstancesCommand({ InstanceIds: [id!] }));
  sim.advance(2_000);
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id!] }));
  await look();
  sim.advance(2_000);
  await look();
  expect(codes).toEqual([0, 16, 64, 80, 32, 48]);
});

test("FACTS States [I]: stop while pending is IncorrectInstanceState in some accounts", async () => {
  const { ec2, launch } = await startLab();
  const InstanceIds = await launch();
  expect(await refusal(ec2.send(new StopInstancesCommand({ InstanceIds })))).toEqual({
    code: "IncorrectInstanceState",
    status: 400,
  });
});

test("FACTS States [I]: stop while pending succeeds in others, and the instance never comes up", async () => {
  const lab = await startLab({ stopPending: "accept" });
  const [id] = await lab.launch();
  await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id!] }));
  lab.sim.advance(60_000);
  expect((await see(lab, id!)).State?.Name).toBe("stopped");
});

test("an instance ended while pending never comes up [M]", async () => {
  const lab = await startLab({ delays: { pending: 2_000, shuttingDown: 10_000 } });
  const [id] = await lab.launch();
  await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id!] }));
  lab.sim.advance(5_000);
  expect((await see(lab, id!)).State?.Name).toBe("shutting-down");
  lab.sim.advance(10_000);
  expect((await see(lab, id!)).State?.Name).toBe("terminated");
});

test("FACTS States [M]: stop of a stopped and start of a running instance change nothing", async () => {
  const lab = await startLab();
  const id = await lab.running();
  const started = await lab.ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
  expect(started.StartingInstances?.[0]).toMatchObject({
    PreviousState: { Name: "running" },
    CurrentState: { Name: "running" },
  });
  await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
  lab.sim.advance(5_000);
  const stopped = await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
  expect(stopped.StoppingInstances?.[0]?.CurrentState?.Name).toBe("stopped");
});

test("start while stopping is IncorrectInstanceState [M]", async () => {
  const { ec2, running } = await startLab();
  const InstanceIds = [await running()];
  await ec2.send(new StopInstancesCommand({ InstanceIds }));
  expect((await refusal(ec2.send(new StartInstancesCommand({ InstanceIds })))).code).toBe(
    "IncorrectInstanceState",
  );
});

test("FACTS States: the public address changes on stop and start, the private one stays", async () => {
  const lab = await startLab();
  const id = await lab.running();
  const before = await see(lab, id);
  await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
  lab.sim.advance(5_000);
  expect((await see(lab, id)).PublicIpAddress).toBeUndefined();
  await lab.ec2.send(new StartInstancesCommand({ InstanceIds: [id] }));
  lab.sim.advance(5_000);
  const after = await see(lab, id);
  expect(after.PrivateIpAddress).toBe(before.PrivateIpAddress);
  expect(after.PublicIpAddress).toEqual(expect.any(String));
  expect(after.PublicIpAddress).not.toBe(before.PublicIpAddress);
});

test("FACTS States [D]: a stop that is stuck ends by Force, and not by itself", async () => {
  const lab = await startLab();
  const id = await lab.running();
  lab.sim.world.faults.add({ kind: "stuck", state: "stopping", count: 1 });
  await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
  lab.sim.advance(3_600_000);
  await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
  expect((await see(lab, id)).State?.Name).toBe("stopping");
  await lab.ec2.send(new StopInstancesCommand({ InstanceIds: [id], Force: true }));
  expect((await see(lab, id)).State?.Name).toBe("stopped");
});

test("FACTS States [D]: a terminated instance stays visible for about an hour", async () => {
  const lab = await startLab();
  const id = await lab.running();
  await lab.ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  lab.sim.advance(59 * 60_000);
  expect(await see(lab, id)).toMatchObject({
    State: { Name: "terminated" },
    StateReason: { Code: "Client.UserInitiatedShutdown" },
    StateTransitionReason: expect.stringMatching(/^User initiated \(.* GMT\)$/) as unknown,
  });
  lab.sim.advance(2 * 60_000);
  expect((await refusal(see(lab, id))).code).toBe("InvalidInstanceID.NotFound");
  expect(lab.sim.regions()[0]!.instances.size).toBe(0);
});

test("FACTS Spot [D]: a reclaimed spot instance ends with Server.SpotInstanceTermination", async () => {
  const lab = await startLab();
  lab.sim.world.faults.add({ kind: "spot_reclaim", afterMs: 1_000, count: 1 });
  const onDemand = await lab.running();
  const [spot] = await lab.launch({ InstanceMarketOptions: { MarketType: "spot" } });
  expect(await see(lab, spot!)).toMatchObject({ InstanceLifecycle: "spot", State: { Name: "pending" } });
  lab.sim.advance(1_000);
  expect(await see(lab, spot!)).toMatchObject({
    State: { Name: "shutting-down" },
    StateReason: { Code: "Server.SpotInstanceTermination" },
  });
  lab.sim.advance(60_000);
  expect((await see(lab, spot!)).State?.Name).toBe("terminated");
  expect((await see(lab, onDemand)).State?.Name).toBe("running");
});

test("FACTS Spot [D]: a persistent one that is kept on interruption stops with Server.SpotInstanceShutdown", async () => {
  const lab = await startLab();
  lab.sim.world.faults.add({ kind: "spot_reclaim", afterMs: 5_000 });
  const id = await lab.running({
    InstanceMarketOptions: {
      MarketType: "spot",
      SpotOptions: { SpotInstanceType: "persistent", InstanceInterruptionBehavior: "stop" },
    },
  });
  expect(await see(lab, id)).toMatchObject({
    State: { Name: "stopping" },
    StateReason: { Code: "Server.SpotInstanceShutdown" },
  });
});

test("FACTS Spot [I]: a one-time spot instance can't be stopped", async () => {
  const { ec2, running } = await startLab();
  const InstanceIds = [await running({ InstanceMarketOptions: { MarketType: "spot" } })];
  expect((await refusal(ec2.send(new StopInstancesCommand({ InstanceIds })))).code).toBe(
    "UnsupportedOperation",
  );
});

test.each([
  ["stop", "stopped"],
  ["terminate", "terminated"],
] as const)("FACTS Spot [D]: a shutdown from inside, set to %s, leaves it %s", async (behavior, state) => {
  const lab = await startLab();
  lab.sim.world.faults.add({ kind: "os_shutdown", afterMs: 4_000 });
  const id = await lab.running({ InstanceInitiatedShutdownBehavior: behavior });
  lab.sim.advance(10_000);
  expect(await see(lab, id)).toMatchObject({
    State: { Name: state },
    StateReason: { Code: "Client.InstanceInitiatedShutdown" },
  });
});

test.each(["Server.InternalError", "Client.VolumeLimitExceeded", "Server.InsufficientInstanceCapacity"])(
  "FACTS Spot [D]: a launch that was accepted may still end terminated with %s",
  async (code) => {
    const lab = await startLab();
    lab.sim.world.faults.add({ kind: "launch_failure", code });
    const id = await lab.running();
    expect(await see(lab, id)).toMatchObject({ State: { Name: "terminated" }, StateReason: { Code: code } });
  },
);

test("the console shows a boot, or what was written to it, in base64 [M]", async () => {
  const { ec2, running, url } = await startLab();
  const id = await running({ UserData: Buffer.from("TOKEN=hunter2").toString("base64") });
  const read = async () => {
    const { Output = "" } = await ec2.send(new GetConsoleOutputCommand({ InstanceId: id }));
    return Buffer.from(Output, "base64").toString();
  };
  expect(await read()).toContain("user-data found");
  expect(await read()).not.toContain("hunter2");
  await fetch(`${url}/_sim/instances/${id}/console`, { method: "PUT", body: "agent started\n" });
  expect(await read()).toBe("agent started\n");
});
