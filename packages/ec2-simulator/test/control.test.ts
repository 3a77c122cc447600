import { StopInstancesCommand } from "@aws-sdk/client-ec2";
import { ChangeResourceRecordSetsCommand } from "@aws-sdk/client-route-53";
import { expect, test } from "vitest";
import { refusal, startLab, type Lab } from "./support/simulator.js";

async function control({ url }: Lab, method: string, path: string, body?: unknown) {
  const response = await fetch(`${url}/_sim/${path}`, {
    method,
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const json = (await response.json()) as Record<string, any>;
  return { status: response.status, json };
}

test("the virtual clock is moved over HTTP, and everything due happens", async () => {
  const lab = await startLab();
  const [id] = await lab.launch();
  const before = await control(lab, "GET", "clock");
  const after = await control(lab, "POST", "clock", { advanceMs: 2_000 });
  expect(after.json["nowMs"] - before.json["nowMs"]).toBe(2_000);
  expect((await control(lab, "GET", `instances/${id}`)).json).toMatchObject({ id, state: "running" });
});

test("a real clock can't be moved", async () => {
  const lab = await startLab({ clock: "real" });
  const { status, json } = await control(lab, "POST", "clock", { advanceMs: 1 });
  expect([status, json["error"]]).toEqual([409, expect.stringContaining("real")]);
});

test("faults are set, listed and removed over HTTP, one or many at once", async () => {
  const lab = await startLab();
  const one = await control(lab, "POST", "faults", { kind: "throttle", action: "RunInstances" });
  expect([one.status, one.json["id"]]).toEqual([201, "fault-1"]);
  const many = await control(lab, "POST", "faults", [{ kind: "drop_before" }, { kind: "latency", ms: 1 }]);
  expect(many.json).toHaveLength(2);
  expect((await control(lab, "GET", "faults")).json).toHaveLength(3);
  expect((await control(lab, "DELETE", "faults/fault-2")).status).toBe(200);
  expect((await control(lab, "DELETE", "faults/fault-2")).status).toBe(404);
  expect((await refusal(lab.launch())).code).toBe("RequestLimitExceeded");
  await control(lab, "DELETE", "faults");
  expect(await lab.launch()).toHaveLength(1);
  const bad = await control(lab, "POST", "faults", { kind: "throttle", count: -1 });
  expect([bad.status, bad.json["error"]]).toEqual([400, "count must be a whole number >= 1"]);
});

test("a list of faults with a bad one sets none of them", async () => {
  const lab = await startLab();
  expect((await control(lab, "POST", "faults", [{ kind: "throttle" }, { kind: "gremlin" }])).status).toBe(
    400,
  );
  expect((await control(lab, "GET", "faults")).json).toEqual([]);
});

test("the log tells who called what, how it ended and what it changed, and is bounded", async () => {
  const lab = await startLab({ callLogSize: 3 });
  const ids: string[] = [];
  for (let turn = 0; turn < 5; turn++) ids.push(...(await lab.launch({ ClientToken: `t${turn}` })));
  await refusal(lab.ec2.send(new StopInstancesCommand({ InstanceIds: ["i-0123456789abcdef0"] })));
  const { json } = await control(lab, "GET", "calls");
  expect(json["counters"]).toEqual({
    RunInstances: { calls: 5, ok: 5, errors: {} },
    StopInstances: { calls: 1, ok: 0, errors: { "InvalidInstanceID.NotFound": 1 } },
  });
  expect(json["calls"]).toMatchObject([
    { seq: 4, action: "RunInstances", key: "AKIATEST", region: "eu-west-1", effect: `launched ${ids[3]}` },
    { seq: 5, outcome: "ok", status: 200, params: { ClientToken: "t4", MaxCount: "1" } },
    { seq: 6, action: "StopInstances", outcome: "InvalidInstanceID.NotFound", status: 400, effect: "" },
  ]);
  expect((await control(lab, "GET", "calls?action=RunInstances&since=4")).json["calls"]).toHaveLength(1);
  expect((await control(lab, "GET", "calls?limit=2")).json["calls"]).toHaveLength(2);
  await control(lab, "DELETE", "calls");
  expect((await control(lab, "GET", "calls")).json).toEqual({ counters: {}, calls: [] });
});

test("the state counts what costs money, and a reset leaves nothing of it", async () => {
  const lab = await startLab();
  const id = await lab.running();
  const [ended] = await lab.launch();
  await control(lab, "POST", `instances/${ended}/terminate`);
  await control(lab, "POST", "clock", { advanceMs: 5_000 });
  const set = { Name: "a.sim.example", Type: "A" as const, TTL: 1, ResourceRecords: [{ Value: "10.0.0.1" }] };
  const Changes = [{ Action: "CREATE" as const, ResourceRecordSet: set }];
  await lab.route53.send(
    new ChangeResourceRecordSetsCommand({ HostedZoneId: "ZSIMULATOR", ChangeBatch: { Changes } }),
  );
  const { json } = await control(lab, "GET", "state");
  expect(json["counts"]).toEqual({
    instances: 1,
    volumes: 1,
    records: 1,
    instancesByState: { running: 1, terminated: 1 },
    volumesByState: { "in-use": 1 },
  });
  expect(json["instances"].map((one: { id: string }) => one.id)).toEqual([id, ended]);
  expect(json["records"]).toMatchObject([
    { zone: "ZSIMULATOR", name: "a.sim.example.", values: ["10.0.0.1"] },
  ]);
  await control(lab, "POST", "faults", { kind: "throttle" });
  await control(lab, "POST", "reset");
  const empty = await control(lab, "GET", "state?counts=true");
  expect(empty.json["counts"]).toMatchObject({ instances: 0, volumes: 0, records: 0, instancesByState: {} });
  expect((await control(lab, "GET", "faults")).json).toEqual([]);
});

test("an instance is ended, reclaimed and shut down from outside; what can't be is 409, what isn't there 404", async () => {
  const lab = await startLab();
  const onDemand = await lab.running();
  const spot = await lab.running({ InstanceMarketOptions: { MarketType: "spot" } });
  expect((await control(lab, "POST", `instances/${onDemand}/reclaim`)).status).toBe(409);
  expect((await control(lab, "POST", `instances/${spot}/reclaim`)).json["state"]).toBe("shutting-down");
  expect((await control(lab, "POST", `instances/${onDemand}/shutdown`)).json["state"]).toBe("stopping");
  expect((await control(lab, "POST", `instances/${onDemand}/terminate`)).json["state"]).toBe("shutting-down");
  expect((await control(lab, "POST", `instances/${onDemand}/terminate`)).status).toBe(409);
  expect((await control(lab, "POST", `instances/${onDemand}/release`)).status).toBe(409);
  expect((await control(lab, "POST", "instances/i-0123456789abcdef0/terminate")).status).toBe(404);
  const seen = (await control(lab, "GET", "transitions")).json as unknown as { id: string; to: string }[];
  expect(seen.filter(({ id }) => id === spot).map(({ to }) => to)).toEqual([
    "pending",
    "running",
    "shutting-down",
  ]);
});

test("delays and buckets change while it runs", async () => {
  const lab = await startLab();
  const changed = await control(lab, "PATCH", "settings", {
    delays: { pending: 60_000 },
    buckets: { scale: 0.2 },
  });
  expect(changed.json).toMatchObject({
    delays: { pending: 60_000, stopping: 2_000 },
    buckets: { scale: 0.2 },
  });
  const id = await lab.running();
  expect((await control(lab, "GET", `instances/${id}`)).json["state"]).toBe("pending");
  expect((await control(lab, "PATCH", "settings", { delays: { lunch: 1 } })).status).toBe(400);
  expect((await control(lab, "PATCH", "settings", { buckets: "some" })).status).toBe(400);
});

test.each([
  ["GET", "nonsense", undefined, 404],
  ["DELETE", "health", undefined, 405],
  ["POST", "faults", "{", 400],
  ["POST", "clock", { advanceMs: -1 }, 400],
  ["GET", "calls?limit=x", undefined, 400],
])("%s /_sim/%s with %j is %i with a sentence", async (method, path, body, status) => {
  const lab = await startLab();
  const reply = await control(lab, method, path, body);
  expect([reply.status, typeof reply.json["error"]]).toEqual([status, "string"]);
});

test("in-process, each change of a state can be watched, and stops being told when unwatched", async () => {
  const lab = await startLab();
  const seen: string[] = [];
  const unwatch = lab.sim.watch(({ id, to }) => seen.push(`${id} ${to}`));
  const id = await lab.running();
  unwatch();
  await lab.running();
  expect(seen.filter((line) => line.startsWith("i-"))).toEqual([`${id} pending`, `${id} running`]);
});
