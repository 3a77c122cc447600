import { ChangeResourceRecordSetsCommand, Route53Client } from "@aws-sdk/client-route-53";
import type { Dns, VolumeRef } from "@berth/core/compute/backend";
import { describe, expect, onTestFinished, test } from "vitest";
import { CREDENTIALS, REGION, ZONE_ID } from "./harness.js";
import { type Lab, openLab } from "./lab.js";

const SUFFIX = "sim.example";

interface Named {
  lab: Lab;
  dns: Dns;
  record: VolumeRef;
  publish(): Promise<void>;
  /** Value of the record, null if there is none. */
  value(): string | null;
  /** All records in the zone but its own. */
  names(): string[];
}

async function openNamed(): Promise<Named> {
  const lab = await openLab(
    {},
    { dns: { zoneId: ZONE_ID, suffix: SUFFIX }, urlTemplate: "http://{host}:8080" },
  );
  const workspace = await lab.workspace();
  const instance = workspace.instance();
  await workspace.launch(instance);
  const dns = lab.backend.dns!;
  const record = {
    ...workspace.volume,
    name: dns.nameOf(workspace.id),
    providerId: null as string | null,
    details: {},
  };
  const sets = () =>
    lab.sim
      .dnsAccounts()
      .flatMap(({ zones }) => [...zones.values()])
      .flatMap(({ records }) => [...records.values()])
      .filter(({ type }) => type !== "NS" && type !== "SOA");
  return {
    lab,
    dns,
    record,
    async publish() {
      const answer = await dns.publish(record, instance, lab.call);
      expect(answer.url).toBe(`http://${record.name}:8080`);
      record.providerId = answer.providerId;
      record.details = answer.details ?? {};
    },
    value: () => sets().find(({ type }) => type === "A")?.values[0] ?? null,
    names: () => sets().map(({ type, name }) => `${type} ${name}`),
  };
}

/** Somebody else's change. */
async function change(lab: Lab, name: string, value: string): Promise<void> {
  const client = new Route53Client({ endpoint: lab.url, region: REGION, credentials: CREDENTIALS });
  onTestFinished(() => client.destroy());
  await client.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: ZONE_ID,
      ChangeBatch: {
        Changes: [
          {
            Action: "UPSERT",
            ResourceRecordSet: { Name: name, Type: "A", TTL: 60, ResourceRecords: [{ Value: value }] },
          },
        ],
      },
    }),
  );
}

describe("names in Route53 ([D] Tags, metadata, DNS)", () => {
  test("a record deleted twice is gone twice, with its mark, in one call each", async () => {
    const { lab, dns, record, publish, names, value } = await openNamed();
    await publish();
    expect(value()).toMatch(/^10\./);
    expect(names()).toHaveLength(2);
    lab.sim.calls.clear();
    expect(await dns.remove(record, lab.call)).toBe("gone");
    expect(names()).toEqual([]);
    expect(lab.calls("ChangeResourceRecordSets")).toHaveLength(1);
    expect(await dns.remove(record, lab.call)).toBe("gone");
  });

  test("a record whose last change was never recorded here is read again, and deleted", async () => {
    const { lab, dns, record, publish, names } = await openNamed();
    await publish();
    const stale = { ...record, details: { ...record.details, value: "10.9.9.9" } };
    expect(await dns.remove(stale, lab.call)).toBe("gone");
    expect(names()).toEqual([]);
    await publish();
    expect(await dns.remove({ ...record, details: {} }, lab.call)).toBe("gone");
    expect(names()).toEqual([]);
  });

  test("a record that somebody has pointed elsewhere stays, and only our mark goes (I10)", async () => {
    const { lab, dns, record, publish, names, value } = await openNamed();
    await publish();
    await change(lab, record.name, "192.0.2.7");
    expect(await dns.remove(record, lab.call)).toBe("gone");
    expect(value()).toBe("192.0.2.7");
    expect(names()).toEqual([`A ${record.name}.`]);
  });

  test("a record of others under our name is left as it is", async () => {
    const { lab, dns, record, value } = await openNamed();
    await change(lab, record.name, "192.0.2.8");
    expect(await dns.remove(record, lab.call)).toBe("gone");
    expect(value()).toBe("192.0.2.8");
  });

  test("a lost reply and a throttled zone end with the record removed", async () => {
    const { lab, dns, record, publish, names } = await openNamed();
    lab.fault({ kind: "drop_after", action: "ChangeResourceRecordSets", count: 1 });
    await publish();
    lab.fault({ kind: "drop_after", action: "ChangeResourceRecordSets", count: 1 });
    lab.fault({ kind: "throttle", action: "ChangeResourceRecordSets", count: 1 });
    expect(await dns.remove(record, lab.call)).toBe("gone");
    expect(names()).toEqual([]);
  });
});
