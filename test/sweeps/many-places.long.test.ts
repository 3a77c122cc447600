import { randomUUID } from "node:crypto";
import { EC2Client, RunInstancesCommand } from "@aws-sdk/client-ec2";
import type { Backend } from "@berth/core/compute/backend";
import { SWEEP_RULES, type SweepName } from "@berth/core/domain/sweep";
import { SWEEPS } from "@berth/core/sweeps/all";
import { runSweep } from "@berth/core/sweeps/run";
import { expect, it, onTestFinished } from "vitest";
import { IMAGE, REGION } from "../compute/ec2/harness.js";
import { openLab, type Lab } from "../compute/ec2/lab.js";
import { INSTALLATION } from "../support/installations.js";
import { openStage, type Stage } from "./stage.js";

// The whole: BERTH_TEST_MANY_PLACES=100 npx vitest run test/sweeps/many-places.long
const PLACES = Number(process.env["BERTH_TEST_MANY_PLACES"] ?? "5");
const EACH = 1_000;
const AT_ONCE = SWEEP_RULES["instance-state"].limit;

it(`${PLACES} places with ${PLACES * EACH} workspaces on EC2: a pass over a place of n asks at most ⌈n/${AT_ONCE}⌉ times, looks at each instance once, and keeps its time (I15)`, async () => {
  const stage = await openStage();
  onTestFinished(() => stage.close());
  const places = Array.from({ length: PLACES }, (_, n) => `p${n + 1}`);
  const accounts = Object.fromEntries(places.map((name, n) => [name, String(100_000_000_000 + n)]));
  const lab = await openLab({ accounts, callLogSize: 20_000, delays: { pending: 0 } }, { apiShare: 100 });
  const backends = new Map<string, Backend>();
  const asked = new Map<string, string[]>();
  for (const name of places) {
    const credentials = { accessKeyId: name, secretAccessKey: "none" };
    const reach = lab.open({ credentials });
    const probe = reach.probe.bind(reach);
    asked.set(name, []);
    reach.probe = (instances, call) => {
      asked.get(name)!.push(...instances.map(({ providerId }) => providerId!));
      return probe(instances, call);
    };
    backends.set(name, reach);
    await populate(stage, lab, name, credentials);
  }
  await stage.pool.query("analyze");

  const slowest: Partial<Record<SweepName, number>> = {};
  const callsOf = (place: string) => lab.sim.calls.list({}).filter(({ key }) => key === place);
  /** One run of a sweep in each place. @returns how often each place was asked to describe things */
  const pass = async (name: SweepName, lookedAt: number): Promise<number[]> => {
    const sweep = SWEEPS.find((one) => one.name === name)!;
    const before = places.map((place) => callsOf(place).length);
    await stage.time.advance(SWEEP_RULES[name].everyMs);
    for (const place of places) {
      const began = performance.now();
      const deps = { ...stage.deps, backends: new Map([[place, backends.get(place)!]]) };
      const counts = await runSweep(sweep, deps, "stage", null, place);
      expect(counts).toMatchObject({ looked_at: lookedAt, would_act: 0 });
      slowest[name] = Math.max(slowest[name] ?? 0, performance.now() - began);
    }
    return places.map((place, n) => callsOf(place).length - before[n]!);
  };
  const passes = EACH / AT_ONCE;
  for (let n = 0; n < passes; n++)
    expect(new Set(await pass("instance-state", AT_ONCE)), "one call for all that a run looks at").toEqual(
      new Set([1]),
    );
  for (const ids of asked.values())
    expect([ids.length, new Set(ids).size], "each instance of the place, once").toEqual([EACH, EACH]);
  const most = Math.max(...(await pass("leaked-instances", EACH)));
  expect(most).toBeLessThanOrEqual(passes);
  for (const [name, ms] of Object.entries(slowest))
    expect(ms).toBeLessThan(SWEEP_RULES[name as SweepName].runLimitMs);
  console.info(
    `${most} calls of a place for leaked-instances; slowest run in ms: ${JSON.stringify(slowest)}`,
  );
}, 3_600_000);

/** Its workspaces, online, each with an instance of its own in an account of its own. */
async function populate(
  { pool }: Stage,
  { url, sim }: Lab,
  place: string,
  credentials: { accessKeyId: string; secretAccessKey: string },
): Promise<void> {
  const operator = new EC2Client({ endpoint: url, region: REGION, credentials });
  onTestFinished(() => operator.destroy());
  const launch = { MinCount: EACH, MaxCount: EACH, ImageId: IMAGE, InstanceType: "t3.micro" } as const;
  const { Instances = [] } = await operator.send(new RunInstancesCommand(launch));
  const { instances } = sim.regionOf({ key: credentials.accessKeyId, region: REGION });
  const rows = Instances.map(({ InstanceId }) => {
    const [workspace, resource] = [randomUUID(), randomUUID()];
    const { tags } = instances.get(InstanceId!)!;
    tags.set("berth:deployment", "conformance");
    tags.set("berth:installation", INSTALLATION);
    tags.set("berth:workspace", workspace);
    tags.set("berth:resource", resource);
    tags.set("berth:generation", "1");
    return { workspace, resource, instance: InstanceId! };
  });
  await pool.query("insert into places (name, backend, identity) values ($1, 'ec2', $1)", [place]);
  const columns = [rows.map((row) => row.workspace), rows.map((row) => row.resource)];
  await pool.query(
    `with made as (
       insert into workspaces (id, name, backend, place, spec, labels, status, generation, instance_id)
       select id, 'w', 'ec2', $4, '{"readiness": "running"}', '{}', 'online', 1, instance
       from unnest($1::uuid[], $2::uuid[], $3::text[]) as r (id, resource, instance)
     ), gated as (insert into gates (workspace_id) select unnest($1::uuid[]))
     insert into resources (id, workspace_id, kind, backend, place, name, client_token, generation, provider_id, state)
     select resource, id, 'instance', 'ec2', $4, 'ws-' || id, resource::text, 1, instance, 'present'
     from unnest($1::uuid[], $2::uuid[], $3::text[]) as r (id, resource, instance)`,
    [...columns, rows.map((row) => row.instance), place],
  );
}
