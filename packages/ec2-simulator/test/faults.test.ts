import {
  DescribeInstancesCommand,
  paginateDescribeInstances,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import type { FaultSpec } from "berth-ec2-simulator/faults/fault";
import { expect, test } from "vitest";
import { refusal, startLab } from "./support/simulator.js";

test("FACTS Throttling [I]: a throttled call is RequestLimitExceeded with 503, as often as was asked for", async () => {
  const { launch, sim } = await startLab();
  sim.world.faults.add({ kind: "throttle", action: "RunInstances", count: 2 });
  expect(await refusal(launch())).toEqual({ code: "RequestLimitExceeded", status: 503 });
  expect(await refusal(launch())).toEqual({ code: "RequestLimitExceeded", status: 503 });
  expect(await launch()).toHaveLength(1);
  expect(sim.world.faults.list()[0]).toMatchObject({ fired: 2, matched: 2 });
});

test("FACTS SDK v3 client [V]: the SDK gets through two throttled attempts by itself", async () => {
  const { client, sim } = await startLab();
  sim.world.faults.add({ kind: "throttle", action: "Describe*", count: 2 });
  await client({ maxAttempts: 3 }).send(new DescribeInstancesCommand({}));
  expect(sim.calls.counters()["DescribeInstances"]).toEqual({
    calls: 3,
    ok: 1,
    errors: { RequestLimitExceeded: 2 },
  });
});

test("FACTS SDK v3 client [I]: no capacity is InsufficientInstanceCapacity with 500, by zone and type", async () => {
  const { launch, sim } = await startLab();
  sim.world.faults.add({ kind: "capacity", az: "eu-west-1a", type: "m5.*" });
  const into = (zone: string, InstanceType: "m5.large" | "t3.micro") =>
    launch({ Placement: { AvailabilityZone: `eu-west-1${zone}` }, InstanceType });
  expect(await refusal(into("a", "m5.large"))).toEqual({ code: "InsufficientInstanceCapacity", status: 500 });
  expect(await into("a", "t3.micro")).toHaveLength(1);
  expect(await into("b", "m5.large")).toHaveLength(1);
});

test("without a zone the launch finds the one that has capacity [M]", async () => {
  const { launch, sim } = await startLab();
  sim.world.faults.add({ kind: "capacity", az: "eu-west-1a" });
  sim.world.faults.add({ kind: "capacity", az: "eu-west-1b" });
  for (let turn = 0; turn < 10; turn++) await launch();
  const zones = [...sim.regions()[0]!.instances.values()].map(({ launch: { subnet } }) => subnet.az);
  expect(new Set(zones)).toEqual(new Set(["eu-west-1c"]));
});

test("a start may lack capacity as well, and the instance stays stopped [M]", async () => {
  const { ec2, running, sim } = await startLab();
  const InstanceIds = [await running()];
  await ec2.send(new StopInstancesCommand({ InstanceIds }));
  sim.advance(5_000);
  sim.world.faults.add({ kind: "capacity", action: "StartInstances", count: 1 });
  expect((await refusal(ec2.send(new StartInstancesCommand({ InstanceIds })))).code).toBe(
    "InsufficientInstanceCapacity",
  );
  expect(sim.regions()[0]!.instances.get(InstanceIds[0]!)?.state).toBe("stopped");
});

test("a failed token can be used again: what launched nothing is not remembered [M]", async () => {
  const { launch, sim } = await startLab();
  sim.world.faults.add({ kind: "capacity", count: 3 });
  expect((await refusal(launch({ ClientToken: "t" }))).code).toBe("InsufficientInstanceCapacity");
  expect(await launch({ ClientToken: "t", InstanceType: "m5.large" })).toHaveLength(1);
});

test("a connection cut before the effect leaves nothing, one cut after it leaves the instance", async () => {
  const { launch, sim } = await startLab();
  sim.world.faults.add({ kind: "drop_before", action: "RunInstances", count: 1 });
  expect((await refusal(launch())).status).toBeUndefined();
  expect(sim.regions()[0]!.instances.size).toBe(0);
  sim.world.faults.add({ kind: "drop_after", action: "RunInstances", count: 1 });
  expect((await refusal(launch())).status).toBeUndefined();
  expect(sim.regions()[0]!.instances.size).toBe(1);
  const calls = sim.calls.list();
  expect(calls.map(({ outcome, status, fault }) => [outcome, status, fault])).toEqual([
    ["dropped", null, "fault-1"],
    ["dropped", null, "fault-2"],
  ]);
});

test("a page fails in the middle of a listing, and only that one", async () => {
  const { ec2, launch, sim } = await startLab();
  await launch({ MinCount: 15, MaxCount: 15 });
  sim.world.faults.add({ kind: "page", page: 2, action: "DescribeInstances" });
  let pages = 0;
  const read = async () => {
    for await (const page of paginateDescribeInstances({ client: ec2, pageSize: 5 }, {}))
      pages += page.Reservations ? 1 : 0;
  };
  expect(await refusal(read())).toEqual({ code: "InternalError", status: 500 });
  expect(pages).toBe(1);
});

test("latency holds a call up in real time", async () => {
  const { ec2, sim } = await startLab();
  sim.world.faults.add({ kind: "latency", ms: 150, count: 1 });
  const start = performance.now();
  await ec2.send(new DescribeInstancesCommand({}));
  expect(performance.now() - start).toBeGreaterThan(140);
});

test("an error may be any, and hits the instance, key or zone it names", async () => {
  const { ec2, client, running, sim } = await startLab();
  const [a, b] = [await running(), await running()];
  sim.world.faults.add({ kind: "error", code: "UnauthorizedOperation", message: "no", key: "AKIAOTHER" });
  sim.world.faults.add({ kind: "error", code: "ServiceUnavailable", instance: a });
  const end = (id: string) => new TerminateInstancesCommand({ InstanceIds: [id] });
  expect(await refusal(client({ key: "AKIAOTHER" }).send(end(b)))).toEqual({
    code: "UnauthorizedOperation",
    status: 403,
  });
  expect(await refusal(ec2.send(end(a)))).toEqual({ code: "ServiceUnavailable", status: 503 });
  await ec2.send(end(b));
});

test("skip lets the first matches through, and probability follows the seed", async () => {
  const hits = async (seed: number, fault: FaultSpec) => {
    const { ec2, sim } = await startLab({ seed });
    sim.world.faults.add(fault);
    const outcomes: string[] = [];
    for (let turn = 0; turn < 40; turn++)
      outcomes.push(
        await ec2.send(new DescribeInstancesCommand({})).then(
          () => ".",
          () => "x",
        ),
      );
    return outcomes.join("");
  };
  expect(await hits(1, { kind: "error", skip: 3, count: 2 })).toBe(`...xx${".".repeat(35)}`);
  const some = await hits(7, { kind: "error", probability: 0.3 });
  expect(await hits(7, { kind: "error", probability: 0.3 })).toBe(some);
  expect(await hits(8, { kind: "error", probability: 0.3 })).not.toBe(some);
  expect(some.replaceAll(".", "").length).toBeGreaterThan(4);
  expect(some.replaceAll(".", "").length).toBeLessThan(22);
});

test("an instance ends behind the platform's back, protected or not", async () => {
  const { running, sim } = await startLab();
  sim.world.faults.add({ kind: "terminate", afterMs: 60_000, count: 1 });
  const id = await running({ DisableApiTermination: true });
  expect(sim.regions()[0]!.instances.get(id)?.state).toBe("running");
  sim.advance(60_000);
  expect(sim.regions()[0]!.instances.get(id)?.state).toBe("terminated");
});

test("stuck pending stays pending, and what was planned for it is forgotten once it ends", async () => {
  const { ec2, running, sim } = await startLab();
  sim.world.faults.add({ kind: "stuck", state: "pending", type: "t3.micro", count: 1 });
  const id = await running();
  expect(sim.regions()[0]!.instances.get(id)?.state).toBe("pending");
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  sim.advance(5_000);
  expect(sim.regions()[0]!.instances.get(id)?.state).toBe("terminated");
});

test.each<[unknown, RegExp]>([
  [{ kind: "gremlin" }, /kind must be one of/],
  [{ kind: "throttle", colour: "red" }, /unknown field "colour"/],
  [{ kind: "throttle", probability: 2 }, /probability must be a number from 0 to 1/],
  [{ kind: "throttle", ms: 5 }, /ms isn't used by a fault of kind throttle/],
  [{ kind: "stuck" }, /needs a state/],
  [{ kind: "stuck", state: "running" }, /state must be pending/],
  [{ kind: "latency" }, /needs ms/],
  ["throttle", /must be an object/],
])("the fault %j is refused with what is wrong", async (fault, message) => {
  const { sim } = await startLab();
  expect(() => sim.world.faults.add(fault as FaultSpec)).toThrow(message);
});

test("a shortage of one type in one zone is over by itself after so long", async () => {
  const { launch, sim } = await startLab();
  sim.world.faults.add({ kind: "capacity", az: "eu-west-1a", type: "m5.*", forMs: 200_000 });
  const into = (InstanceType: "m5.large" | "t3.micro") =>
    launch({ Placement: { AvailabilityZone: "eu-west-1a" }, InstanceType });
  sim.advance(199_999);
  expect((await refusal(into("m5.large"))).code).toBe("InsufficientInstanceCapacity");
  expect(await into("t3.micro")).toHaveLength(1);
  sim.advance(1);
  expect(await into("m5.large")).toHaveLength(1);
});

test("one instance is left out of listings for a while though it runs", async () => {
  const { ec2, running, sim } = await startLab();
  const [hidden, other] = [await running(), await running()];
  sim.world.faults.add({ kind: "hidden", action: "DescribeInstances", instance: hidden, forMs: 16_000 });
  const listed = async () => {
    const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({}));
    return Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId }) => InstanceId));
  };
  expect(await listed()).toEqual([other]);
  sim.advance(16_000);
  expect(await listed()).toEqual([hidden, other]);
});

test("a fault keeps to its Region", async () => {
  const { client, sim } = await startLab();
  sim.world.faults.add({ kind: "error", code: "ExpiredToken", region: "eu-*" });
  const list = (region: string) => client({ region }).send(new DescribeInstancesCommand({}));
  expect(await refusal(list("eu-west-1"))).toEqual({ code: "ExpiredToken", status: 400 });
  await list("us-east-1");
});

test.each([502, 200])(
  "a proxy's page of HTML comes with its status, %i, and nothing was done",
  async (status) => {
    const { sim, url, launch } = await startLab();
    sim.world.faults.add({ kind: "html", status, count: 1 });
    const answer = await fetch(`${url}/?Action=DescribeInstances&Version=2016-11-15`, {
      headers: { authorization: "Credential=AKIATEST/20260101/eu-west-1/ec2/aws4_request" },
    });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([status, "text/html"]);
    expect(await answer.text()).toContain("<html>");
    sim.world.faults.add({ kind: "html", status: 503, action: "RunInstances" });
    expect((await refusal(launch())).status).toBe(503);
    expect(sim.calls.counters()["RunInstances"]).toMatchObject({ errors: { html: 1 } });
  },
);
