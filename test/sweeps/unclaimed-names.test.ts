import { randomUUID } from "node:crypto";
import {
  ChangeResourceRecordSetsCommand,
  Route53Client,
  type Change,
  type ResourceRecordSet,
} from "@aws-sdk/client-route-53";
import type { Backend, InstanceRef } from "@berth/core/compute/backend";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CREDENTIALS, REGION, ZONE_ID } from "../compute/ec2/harness.js";
import { openLab, type Lab } from "../compute/ec2/lab.js";
import { newWorkspace } from "../support/fleet.js";
import { openStage, type Stage } from "./stage.js";

const GRACE_MS = 300_000;
const BEAT_MS = 60_000;
const DNS = { zoneId: ZONE_ID, suffix: "ws.sim.example" };

describe("a DNS record that nobody claims", () => {
  let stage: Stage;
  let cloud: Backend;
  let lab: Lab;
  let dns: Route53Client;
  beforeAll(async () => {
    stage = await openStage();
    cloud = stage.deps.backends.get("ec2")!;
  });
  beforeEach(async () => {
    await stage.clear();
    lab = await openLab({}, { dns: DNS });
    dns = new Route53Client({ endpoint: lab.url, region: REGION, credentials: CREDENTIALS });
    (stage.deps.backends as Map<string, Backend>).set("ec2", lab.backend);
  });
  afterEach(() => {
    dns.destroy();
    (stage.deps.backends as Map<string, Backend>).set("ec2", cloud);
  });
  afterAll(() => stage.close());

  const pass = async (n = 1): Promise<Record<string, number> | null> => {
    let counts: Record<string, number> | null = null;
    for (let i = 0; i < n; i++) {
      counts = await stage.run("leaked-instances");
      await stage.time.advance(BEAT_MS);
    }
    return counts;
  };
  const records = (): string[] =>
    lab.sim
      .dnsAccounts()
      .flatMap(({ zones }) => [...zones.values()])
      .flatMap((zone) => [...zone.records.values()])
      .filter(({ type }) => type !== "NS" && type !== "SOA")
      .map(({ type, name }) => `${type} ${name.replace(/\.$/, "")}`);
  /** A record with its mark, whose instance is gone, of a workspace that no row tells of. */
  const leakRecord = async (workspaceId = randomUUID(), by = lab.backend): Promise<string> => {
    const workspace = lab.unmade();
    const { providerId, details = {} } = await by.createVolume(workspace.volume, lab.call);
    Object.assign(workspace.volume, { providerId, details });
    const instance = workspace.instance();
    await workspace.launch(instance, {}, by);
    const name = by.dns!.nameOf(workspaceId);
    await by.dns!.publish(
      { ...workspace.volume, workspaceId, name, providerId: null, details: {} },
      instance,
      lab.call,
    );
    await expect.poll(() => by.stop(instance, lab.call)).toBe("gone");
    expect(await by.removeVolume(workspace.volume, lab.call)).toBe("gone");
    return name;
  };
  const put = (...sets: ResourceRecordSet[]) =>
    dns.send(
      new ChangeResourceRecordSetsCommand({
        HostedZoneId: ZONE_ID,
        ChangeBatch: { Changes: sets.map((set): Change => ({ Action: "UPSERT", ResourceRecordSet: set })) },
      }),
    );
  const reaped = async () =>
    (await stage.events()).filter((event) => event.event_type === "workspace.leak.reaped");
  const online = () =>
    stage.online({ ...newWorkspace(), backend: "ec2" as never, spec: { readiness: "running" } as never });

  it("goes with its mark once it has been seen for the grace age: Route53 keeps no time of its own", async () => {
    const name = await leakRecord();
    expect(records()).toEqual([`A ${name}`, `TXT _berth.${name}`]);
    expect(await pass(5)).toMatchObject({ unclaimed: 1, not_yet: 1, would_act: 0 });
    expect(records(), "younger than its grace age, as far as anybody knows").toHaveLength(2);
    expect(await pass()).toMatchObject({ would_act: 1, reaped: 1 });
    expect(records()).toEqual([]);
    expect((await reaped()).map(({ payload }) => payload)).toMatchObject([
      { kind: "dns_record", name, why: "its workspace isn't known", backend: "ec2" },
    ]);
  });

  it("is listed as a leak meanwhile, with its first sighting as its age", async () => {
    const name = await leakRecord();
    await pass(3);
    const { rows } = await stage.pool.query<{ age: number; provider_id: string; seen: number }>(
      `select extract(epoch from first_seen_at - created_at)::float as age, provider_id, seen from sightings
       where kind = 'dns_record'`,
    );
    expect(rows).toMatchObject([{ provider_id: `${ZONE_ID}/${name}`, seen: 3 }]);
    expect(Math.abs(rows[0]!.age)).toBeLessThan(1);
  });

  it("goes with all else of its workspace when the ledger was wiped, the instance first (I8)", async () => {
    await online();
    expect(records()).toHaveLength(2);
    await stage.pool.query("truncate workspaces, agents, gates, operations, resources");
    await stage.time.advance(GRACE_MS);
    await pass(8);
    expect(records()).toEqual([]);
    expect(lab.alive()).toEqual([]);
    expect((await reaped()).map(({ payload }) => payload["kind"]).slice(0, 2)).toEqual([
      "instance",
      "volume",
    ]);
  });

  it("is never that of a workspace that lives, even where the ledger has lost its row", async () => {
    const { id } = await online();
    await stage.time.advance(GRACE_MS);
    expect(await pass(3)).toMatchObject({ unclaimed: 0 });
    await stage.pool.query("delete from resources where workspace_id = $1 and kind = 'dns_record'", [id]);
    await stage.time.advance(GRACE_MS);
    expect(await pass(8)).toMatchObject({ unclaimed: 1, kept: 1, would_act: 0 });
    expect(records()).toHaveLength(2);
  });

  it("is never another deployment's, nor one without a mark, nor one outside our suffix (I10)", async () => {
    await leakRecord(randomUUID(), lab.open({ deploymentId: "other" }));
    await leakRecord(randomUUID(), lab.open({ dns: { ...DNS, suffix: "other.sim.example" } }));
    await put({
      Name: `ws-${randomUUID()}.${DNS.suffix}`,
      Type: "A",
      TTL: 60,
      ResourceRecords: [{ Value: "192.0.2.1" }],
    });
    const before = records();
    expect(before).toHaveLength(5);
    expect(await pass(8)).toMatchObject({ unclaimed: 0, would_act: 0 });
    expect(records()).toEqual(before);
  });

  it("loses only its mark where somebody has pointed it elsewhere (I10)", async () => {
    const name = await leakRecord();
    await put({ Name: name, Type: "A", TTL: 60, ResourceRecords: [{ Value: "192.0.2.1" }] });
    await pass(6);
    expect(records()).toEqual([`A ${name}`]);
  });

  it("is found behind hundreds of others, and the zone isn't read beyond our suffix", async () => {
    const name = await leakRecord();
    const others = (count: number, under: string) =>
      Array.from({ length: count }, (_, n): ResourceRecordSet => ({
        Name: `a${n}.${under}`,
        Type: "A",
        TTL: 60,
        ResourceRecords: [{ Value: "192.0.2.1" }],
      }));
    await put(...others(400, DNS.suffix));
    await put(...others(700, "zzz.sim.example"));
    lab.sim.calls.clear();
    expect((await lab.backend.listOwned(lab.call)).map((thing) => thing.name)).toEqual([name]);
    expect(lab.calls("ListResourceRecordSets")).toHaveLength(2);
  });

  it("isn't concluded from when a page of the zone fails: nothing of that provider is (I5)", async () => {
    await leakRecord();
    await pass(5);
    lab.fault({ kind: "error", action: "ListResourceRecordSets", code: "InternalError", status: 500 });
    await expect(pass()).rejects.toThrow(/zone/);
    expect(records()).toHaveLength(2);
    lab.clearFaults();
    expect(await pass()).toMatchObject({ reaped: 1 });
  });

  it("is spared by the last look if it has gone to another meanwhile", async () => {
    const workspaceId = randomUUID();
    const name = await leakRecord(workspaceId);
    await pass(5);
    const { listOwned } = lab.backend;
    let looks = 0;
    const other: Backend = {
      ...lab.backend,
      async listOwned(call) {
        if (++looks === 2) {
          const instance: InstanceRef = { ...lab.unmade().instance(), workspaceId };
          await lab.backend.dns!.remove({ ...instance, name }, lab.call);
          await leakRecord(workspaceId, lab.open({ deploymentId: "other" }));
        }
        return listOwned.call(lab.backend, call);
      },
    };
    (stage.deps.backends as Map<string, Backend>).set("ec2", other);
    expect(await pass()).toMatchObject({ would_act: 1, changed: 1 });
    expect(records()).toHaveLength(2);
  });
});
