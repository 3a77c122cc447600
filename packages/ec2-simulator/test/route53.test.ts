import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  DeleteHostedZoneCommand,
  ListResourceRecordSetsCommand,
  waitUntilResourceRecordSetsChanged,
  type ChangeAction,
  type ListResourceRecordSetsCommandInput,
  type ListResourceRecordSetsCommandOutput,
  type ResourceRecordSet,
} from "@aws-sdk/client-route-53";
import { expect, test } from "vitest";
import { refusal, startLab, type Lab } from "./support/simulator.js";

const ZONE = "ZSIMULATOR";

function record(Name: string, Value: string, more: Partial<ResourceRecordSet> = {}): ResourceRecordSet {
  return { Name, Type: "A", TTL: 60, ResourceRecords: [{ Value }], ...more };
}

function change({ route53 }: Lab, ...changes: [ChangeAction, ResourceRecordSet][]) {
  const Changes = changes.map(([Action, set]) => ({ Action, ResourceRecordSet: set }));
  return route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: ZONE, ChangeBatch: { Changes } }));
}

async function list({ route53 }: Lab, input = {}): Promise<string[]> {
  const reply = await route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: ZONE, ...input }));
  return (reply.ResourceRecordSets ?? [])
    .filter(({ Type }) => Type !== "NS" && Type !== "SOA")
    .map(
      ({ Name, TTL, ResourceRecords }) =>
        `${Name} ${TTL} ${ResourceRecords?.map(({ Value }) => Value).join()}`,
    );
}

async function message(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  return `${(error as Error).name}: ${(error as Error).message}`;
}

test("a record is created, changed and deleted [M]", async () => {
  const lab = await startLab();
  await change(lab, ["CREATE", record("ws.sim.example", "10.0.0.1")]);
  expect(await list(lab)).toEqual(["ws.sim.example. 60 10.0.0.1"]);
  await change(lab, ["UPSERT", record("WS.sim.example.", "10.0.0.2", { TTL: 30 })]);
  expect(await list(lab)).toEqual(["ws.sim.example. 30 10.0.0.2"]);
  await change(lab, ["DELETE", record("ws.sim.example", "10.0.0.2", { TTL: 30 })]);
  expect(await list(lab)).toEqual([]);
});

test("FACTS Tags, metadata, DNS: deleting a record twice is 400 InvalidChangeBatch, '… but it was not found'", async () => {
  const lab = await startLab();
  const set = record("ws.sim.example", "10.0.0.1");
  await change(lab, ["CREATE", set]);
  await change(lab, ["DELETE", set]);
  expect(await refusal(change(lab, ["DELETE", set]))).toEqual({ code: "InvalidChangeBatch", status: 400 });
  expect(await message(change(lab, ["DELETE", set]))).toContain("but it was not found");
});

test.each([
  ["value", record("ws.sim.example", "10.0.0.9")],
  ["TTL", record("ws.sim.example", "10.0.0.1", { TTL: 61 })],
])(
  "FACTS Tags, metadata, DNS: a delete with another %s doesn't match the current values",
  async (_, other) => {
    const lab = await startLab();
    await change(lab, ["CREATE", record("ws.sim.example", "10.0.0.1")]);
    expect(await message(change(lab, ["DELETE", other]))).toMatch(
      /^InvalidChangeBatch: .*do not match the current values/,
    );
    expect(await list(lab)).toEqual(["ws.sim.example. 60 10.0.0.1"]);
  },
);

test("a batch is done as a whole or not at all [M]", async () => {
  const lab = await startLab();
  await change(lab, ["CREATE", record("a.sim.example", "10.0.0.1")]);
  const batch = change(
    lab,
    ["DELETE", record("a.sim.example", "10.0.0.1")],
    ["CREATE", record("b.sim.example", "10.0.0.2")],
    ["DELETE", record("c.sim.example", "10.0.0.3")],
  );
  expect((await refusal(batch)).code).toBe("InvalidChangeBatch");
  expect(await list(lab)).toEqual(["a.sim.example. 60 10.0.0.1"]);
  await change(
    lab,
    ["DELETE", record("a.sim.example", "10.0.0.1")],
    ["CREATE", record("a.sim.example", "10.0.0.2")],
  );
  expect(await list(lab)).toEqual(["a.sim.example. 60 10.0.0.2"]);
});

test.each<[string, ResourceRecordSet]>([
  ["outside the zone", record("ws.other.example", "10.0.0.1")],
  ["of type A without an address", record("ws.sim.example", "nonsense")],
  ["that exists already", record("taken.sim.example", "10.0.0.1")],
  ["beside a CNAME of its name", record("alias.sim.example", "10.0.0.1")],
])("a record %s is InvalidChangeBatch [M]", async (_, set) => {
  const lab = await startLab();
  await change(lab, ["CREATE", record("taken.sim.example", "10.0.0.1")]);
  await change(lab, ["CREATE", record("alias.sim.example", "x.example.", { Type: "CNAME" })]);
  expect((await refusal(change(lab, ["CREATE", set]))).code).toBe("InvalidChangeBatch");
});

test("an unknown zone is NoSuchHostedZone, HTTP 404 [M]", async () => {
  const { route53 } = await startLab();
  const unknown = route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: "ZNONE" }));
  expect(await refusal(unknown)).toEqual({ code: "NoSuchHostedZone", status: 404 });
});

test("records are listed by their labels from the right, in pages, and from a name on [M]", async () => {
  const lab = await startLab();
  const names = ["b.a", "z", "a.b", "a", "*.b"];
  await change(
    lab,
    ...names.map((name): [ChangeAction, ResourceRecordSet] => [
      "CREATE",
      record(`${name}.sim.example`, "10.0.0.1"),
    ]),
  );
  const seen: string[] = [];
  let start: Partial<ListResourceRecordSetsCommandInput> = {};
  for (let more = true; more;) {
    const page: ListResourceRecordSetsCommandOutput = await lab.route53.send(
      new ListResourceRecordSetsCommand({ HostedZoneId: ZONE, MaxItems: 2, ...start }),
    );
    seen.push(...(page.ResourceRecordSets ?? []).filter(({ Type }) => Type === "A").map(({ Name }) => Name!));
    start = { StartRecordName: page.NextRecordName, StartRecordType: page.NextRecordType };
    more = page.IsTruncated ?? false;
  }
  const sorted = ["a.", "b.a.", "\\052.b.", "a.b.", "z."].map((name) => `${name}sim.example.`);
  expect(seen).toEqual(sorted);
  const exact = { StartRecordName: "a.b.sim.example", StartRecordType: "A" as const, MaxItems: 1 };
  expect(await list(lab, exact)).toEqual(["a.b.sim.example. 60 10.0.0.1"]);
});

test("a change is PENDING, then INSYNC, as the SDK's waiter wants it [M]", async () => {
  const lab = await startLab({ clock: "real", delays: { dnsSync: 60 } });
  const { ChangeInfo } = await change(lab, ["CREATE", record("ws.sim.example", "10.0.0.1")]);
  expect(ChangeInfo?.Status).toBe("PENDING");
  const waiter = { client: lab.route53, maxWaitTime: 20, minDelay: 0.02, maxDelay: 0.05 };
  await waitUntilResourceRecordSetsChanged(waiter, { Id: ChangeInfo!.Id! });
});

test("a zone is made with its NS and SOA, and goes when nothing else is in it [M]", async () => {
  const { route53 } = await startLab();
  const made = await route53.send(new CreateHostedZoneCommand({ Name: "new.example", CallerReference: "1" }));
  expect(made.HostedZone).toMatchObject({ Name: "new.example.", ResourceRecordSetCount: 2 });
  await route53.send(new DeleteHostedZoneCommand({ Id: made.HostedZone!.Id! }));
  expect((await refusal(route53.send(new DeleteHostedZoneCommand({ Id: made.HostedZone!.Id! })))).code).toBe(
    "NoSuchHostedZone",
  );
});

test("faults and the log know Route53 too", async () => {
  const lab = await startLab();
  lab.sim.world.faults.add({ kind: "throttle", action: "ChangeResourceRecordSets", count: 1 });
  const set = record("ws.sim.example", "10.0.0.1");
  expect(await refusal(change(lab, ["CREATE", set]))).toEqual({ code: "Throttling", status: 400 });
  await change(lab, ["CREATE", set]);
  expect(lab.sim.calls.list().map(({ action, outcome, effect }) => [action, outcome, effect])).toEqual([
    ["ChangeResourceRecordSets", "Throttling", ""],
    ["ChangeResourceRecordSets", "ok", "CREATE ws.sim.example. A"],
  ]);
});
