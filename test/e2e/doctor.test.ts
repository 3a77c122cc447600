import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { doctor } from "@berth/standalone/doctor";
import { ensurePlace } from "@berth/core/db/places";
import { createWorkspace } from "@berth/core/requests/create";
import { EC2Client, RunInstancesCommand } from "@aws-sdk/client-ec2";
import { startSimulator, type RunningSimulator } from "berth-ec2-simulator/server";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, onTestFinished, vi } from "vitest";
import { CREDENTIALS, IMAGE, QUICK_DELAYS, REGION } from "../compute/ec2/harness.js";
import { BY_TEST, newWorkspace, startFleet } from "../support/fleet.js";
import { startIdentityProvider } from "../support/identity-provider.js";
import { startPgBouncer } from "../support/pgbouncer.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import { startRedis } from "../support/redis.js";
import { startRedisCluster } from "../support/redis-cluster.js";

let database: TestDatabase;
let directory: string;
beforeAll(async () => {
  database = await createTestDatabase();
  directory = await mkdtemp(join(tmpdir(), "doctor-"));
});
afterAll(async () => {
  await database.drop();
  await rm(directory, { recursive: true });
});
afterEach(() => void vi.unstubAllEnvs());

/** What it prints with these settings, without what is in order: the tests' PostgreSQL doesn't fsync. */
async function examine(
  env: Record<string, string>,
): Promise<{ code: number; ok: string[]; others: string[] }> {
  const lines: string[] = [];
  const code = await doctor((line) => lines.push(line), {
    DATABASE_URL: database.url,
    REDIS_URL: inject("redis").url,
    BERTH_BACKENDS: "process",
    BERTH_DATA_DIR: directory,
    ...env,
  });
  return {
    code,
    ok: lines.filter((line) => line.startsWith("ok ")),
    others: lines.filter((line) => !line.startsWith("ok ") && !line.includes("has fsync off")),
  };
}

describe("berth doctor", () => {
  it("says of each thing what it is, and ends with 0 where nothing is wrong", async () => {
    const { code, ok, others } = await examine({});
    expect({ code, others }).toEqual({ code: 0, others: [] });
    expect(ok).toEqual([
      expect.stringMatching(/^ok {5}PostgreSQL: PostgreSQL \d+\.\d+, \d+ of \d+ connections left$/),
      expect.stringMatching(/^ok {5}Redis: (Redis|Valkey) \d/),
      expect.stringMatching(/^ok {5}place process: processes in .*, \d+\.\d GiB free/),
    ]);
  });

  it("reads the files of policy and of people, and asks the provider of logins", async () => {
    const [policy, people] = [join(directory, "policy.yaml"), join(directory, "people.yaml")];
    await writeFile(policy, "all: { max_cpu: 2 }");
    await writeFile(people, "groups: [{ group: staff, scope: viewer }]");
    expect((await examine({ BERTH_POLICY_FILE: policy })).others).toEqual([
      "WRONG  BERTH_POLICY_FILE: all.max_cpu is no field: did you mean max_cpus?",
    ]);
    await using provider = await startIdentityProvider("http://127.0.0.1/login/callback");
    const settings = {
      BERTH_PUBLIC_URL: "http://127.0.0.1",
      BERTH_OIDC_CLIENT_ID: provider.clientId,
      BERTH_OIDC_CLIENT_SECRET: provider.clientSecret,
      BERTH_OIDC_FILE: people,
    };
    const good = await examine({ ...settings, BERTH_OIDC_ISSUER: provider.issuer });
    expect([good.code, good.ok]).toEqual([
      0,
      expect.arrayContaining([`ok     provider of logins: ${provider.issuer}`]),
    ]);
    const other = await examine({
      ...settings,
      BERTH_OIDC_ISSUER: provider.issuer.replace("127.0.0.1", "localhost"),
    });
    expect([other.code, other.others]).toEqual([
      1,
      [expect.stringContaining(`calls itself ${provider.issuer}:`)],
    ]);
    const half = await examine({ BERTH_OIDC_ISSUER: provider.issuer });
    expect([half.code, half.others]).toEqual([
      1,
      [expect.stringContaining("BERTH_OIDC_FILE, BERTH_PUBLIC_URL missing")],
    ]);
  });

  it("needs no database of one's own, and names every bad setting", async () => {
    const { code, ok } = await examine({ DATABASE_URL: "", REDIS_URL: "" });
    expect(code).toBe(0);
    expect(ok[0]).toMatch(/PostgreSQL: Berth's own, since DATABASE_URL isn't set$/);
    expect(await examine({ BERTH_BACKENDS: "podman", BERTH_BACKENDZ: "docker" })).toMatchObject({
      code: 1,
      others: [
        expect.stringMatching(
          /^WRONG {2}BERTH_BACKENDZ is no setting of Berth: did you mean BERTH_BACKEND\?$/,
        ),
        expect.stringMatching(/^WRONG {2}BERTH_BACKENDS: got "podman"/),
      ],
    });
  });

  it("leads to the cure in one line: a Redis user with too few rights, a node of a Cluster, a pooler", async () => {
    await using redis = await startRedis();
    const admin = new Redis(redis.url);
    await admin.call("ACL", "SETUSER", "berth", "on", ">p", "~{berth}:*", "+@all", "-bzpopmin");
    admin.disconnect();
    expect(await examine({ REDIS_URL: redis.url.replace("//", "//berth:p@") })).toMatchObject({
      code: 1,
      others: [
        expect.stringMatching(
          /^WRONG {2}REDIS_URL: \S+ refuses this user bzpopmin: ACL SETUSER … \+bzpopmin$/,
        ),
      ],
    });
    await using cluster = await startRedisCluster();
    expect(await examine({ REDIS_URL: `redis://127.0.0.1:${cluster.ports[0]}` })).toMatchObject({
      code: 1,
      others: [
        expect.stringMatching(/^WRONG {2}REDIS_URL: \S+ is a node of a Redis Cluster: write redis\+cluster:/),
      ],
    });
    await using pooler = await startPgBouncer(database.url);
    expect(await examine({ DATABASE_URL: pooler.url })).toMatchObject({
      code: 0,
      others: [
        expect.stringMatching(/^warn {3}DATABASE_URL: \S+ is behind a pooler.* set DATABASE_LISTEN_URL to/),
      ],
    });
    expect(await examine({ DATABASE_URL: pooler.url, REDIS_URL: "" })).toMatchObject({
      code: 1,
      others: [expect.stringMatching(/^WRONG {2}DATABASE_URL: \S+ is behind a pooler.*, or set REDIS_URL$/)],
    });
  });

  it("says of a place that doesn't answer, or is another one than the one meant (I12)", async () => {
    const { code, others } = await examine({ BERTH_BACKENDS: "docker", DOCKER_HOST: "tcp://127.0.0.1:1" });
    expect({ code, others }).toEqual({
      code: 1,
      others: [
        expect.stringMatching(
          /^WRONG {2}place docker: can't be used: .* the daemon can't be reached: see that it runs/,
        ),
      ],
    });
    await ensurePlace(database.pool, { name: "process", backend: "process" }, undefined);
    await database.pool.query("update places set identity = 'process:other' where name = 'process'");
    expect(await examine({})).toMatchObject({
      code: 1,
      others: [expect.stringMatching(/^WRONG {2}place process: .*; place process is process:other$/)],
    });
    await database.pool.query("update places set identity = null where name = 'process'");
  });
});

describe("berth doctor on EC2", () => {
  let simulator: RunningSimulator;
  const settings = { BERTH_BACKENDS: "ec2", BERTH_EC2_IMAGE: IMAGE, BERTH_CALL_TIMEOUT_MS: "5000" };
  beforeAll(async () => {
    simulator = await startSimulator({ delays: QUICK_DELAYS });
  });
  afterAll(() => simulator.close());
  const onEc2 = async (env: Record<string, string> = {}) => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", CREDENTIALS.accessKeyId);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", CREDENTIALS.secretAccessKey);
    const file = join(directory, "places.json");
    const place = { backend: "ec2", endpoint: simulator.url, region: REGION };
    await writeFile(file, JSON.stringify({ places: { cloud: place } }));
    return examine({ ...settings, BERTH_PLACES_FILE: file, ...env });
  };
  const calls = () => simulator.sim.calls.list().map(({ action, outcome }) => `${action} ${outcome}`);

  it("says who we are, and tries what the policy must allow without making anything", async () => {
    const { code, ok, others } = await onEc2();
    expect({ code, others }).toEqual({ code: 0, others: [] });
    expect(ok.at(-1)).toMatch(
      /^ok {5}place cloud: EC2, aws:\d{12}:eu-west-1, 640 of 640 vCPUs left \(Standard\)$/,
    );
    expect(calls()).toEqual(
      expect.arrayContaining(["RunInstances DryRunOperation", "CreateVolume DryRunOperation"]),
    );
  });

  it("warns where no note can be left by which copies of the database are told", async () => {
    const action = "CreateLaunchTemplate";
    simulator.sim.world.faults.add({ kind: "error", action, code: "UnauthorizedOperation", count: 1 });
    const { code, others } = await onEc2();
    expect({ code, others }).toEqual({
      code: 0,
      others: [
        expect.stringMatching(
          /^warn {3}place cloud: refuses ec2:CreateLaunchTemplate .*copies of this installation/,
        ),
      ],
    });
  });

  it("says how many vCPUs are left, where too few are for one workspace more, and that none can ever be", async () => {
    const { settings: world } = simulator.sim.world;
    const before = world.vcpuLimits;
    onTestFinished(() => void (world.vcpuLimits = before));
    const cure =
      /ask for more vCPUs of "Running On-Demand Standard instances" \(L-1216C47A\) at Service Quotas$/;
    const endpoint = { endpoint: simulator.url, region: REGION, credentials: CREDENTIALS };
    const client = new EC2Client(endpoint);
    onTestFinished(() => client.destroy());
    const spot = { InstanceMarketOptions: { MarketType: "spot" as const } };
    const three = { ImageId: IMAGE, InstanceType: "t3.micro" as const, MinCount: 3, MaxCount: 3 };
    // Spot has a limit of its own, and so has another family.
    for (const more of [{}, spot, { InstanceType: "g5.xlarge" as const }])
      await client.send(new RunInstancesCommand({ ...three, ...more }));
    world.vcpuLimits = { "L-1216C47A": 8 };
    expect((await onEc2()).ok.at(-1)).toMatch(/, 2 of 8 vCPUs left \(Standard\)$/);
    world.vcpuLimits = { "L-1216C47A": 7 };
    expect(await onEc2()).toMatchObject({
      code: 0,
      others: [expect.stringMatching(/^warn {3}place cloud: has no vCPU left for another t3.micro, of 7: /)],
    });
    world.vcpuLimits = { "L-1216C47A": 0 };
    const none = await onEc2();
    expect(none).toMatchObject({
      code: 1,
      others: [
        expect.stringMatching(/^WRONG {2}place cloud: may run no t3.micro, its limit of vCPUs being 0: /),
      ],
    });
    expect(none.others[0]).toMatch(cure);
  });

  it("goes on without the right to ask for limits, and says which one that is", async () => {
    const action = "GetServiceQuota";
    simulator.sim.world.faults.add({ kind: "error", action, code: "AccessDeniedException", count: 1 });
    expect(await onEc2()).toMatchObject({
      code: 0,
      others: [
        expect.stringMatching(
          /^warn {3}place cloud: can't be asked for its limit of vCPUs \(AccessDeniedException\): give the role servicequotas:GetServiceQuota/,
        ),
      ],
    });
  });

  it("names each call that is refused", async () => {
    simulator.sim.world.faults.add({ kind: "error", action: "CreateVolume", code: "UnauthorizedOperation" });
    const { code, others } = await onEc2();
    expect({ code, others }).toEqual({
      code: 1,
      others: [
        "WRONG  place cloud: refuses ec2:CreateVolume (UnauthorizedOperation): give the role what docs/iam-policy.json has",
      ],
    });
  });
});

const daemon = inject("docker");
describe.skipIf(daemon === null)("berth doctor on Docker", () => {
  it("says what engine it is, and names a network that isn't there and an image that must be pulled", async () => {
    const settings = { BERTH_BACKENDS: "docker", DOCKER_HOST: `unix://${daemon?.socketPath}` };
    const fine = await examine(settings);
    expect(fine).toMatchObject({ code: 0, others: [] });
    expect(fine.ok.at(-1)).toMatch(
      /^ok {5}place docker: Docker \d+\.\S+, API 1\.\d+, cgroup v[12], \S+, docker:[0-9a-f]{32}$/,
    );
    const lacking = await examine({ ...settings, BERTH_DOCKER_NETWORK: "nowhere" });
    expect(lacking).toMatchObject({
      code: 1,
      others: [
        "WRONG  place docker: has no network nowhere: docker network create nowhere, or change BERTH_DOCKER_NETWORK",
      ],
    });
    const fleet = await startFleet({ redisUrl: inject("redis").url });
    onTestFinished(() => fleet.close());
    const spec = { image: "berth-test/none" };
    await createWorkspace(fleet.context, { ...newWorkspace(), backend: "docker", spec }, BY_TEST);
    expect(await examine({ ...settings, DATABASE_URL: fleet.database.url })).toMatchObject({
      code: 0,
      others: [
        "warn   place docker: has no image berth-test/none: the next launch pulls it, or docker pull berth-test/none",
      ],
    });
  });
});
