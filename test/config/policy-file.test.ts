import { parsePolicy, PolicyFileError } from "@berth/core/config/policy-file";
import { brokenRule, confinementOf, imageParts, weightOf } from "@berth/core/domain/policy";
import { describe, expect, it } from "vitest";

const problemsOf = (source: string): readonly string[] => {
  try {
    parsePolicy(source);
    return [];
  } catch (error) {
    return (error as PolicyFileError).problems.map((one) => one.replace("BERTH_POLICY_FILE: ", ""));
  }
};

describe("a policy file", () => {
  it("with anything wrong is refused as a whole, by field", () => {
    expect(
      problemsOf(`
all: { max_cpu: 2, max_memory_mb: none, images: [nginx], user: "a b" }
tenants:
  - max_pids: 0
others: {}`),
    ).toEqual([
      "others is no field: expected one of all, tenants",
      "all.max_cpu is no field: did you mean max_cpus?",
      'all.max_memory_mb: got "none", expected a whole number from 1 to 2147483647',
      expect.stringMatching(/^all\.images: got \["nginx"\], expected .*docker\.io\/library/),
      expect.stringMatching(/^all\.user: got "a b"/),
      "tenants[0].labels: expected fields with names",
      "tenants[0].labels: expected those of a tenant's keys",
      "tenants[0].max_pids: got 0, expected a whole number from 1 to 2147483647",
    ]);
  });

  it("lets what it doesn't speak of pass", () => {
    expect(problemsOf("all: {}")).toEqual([]);
    const spec = { image: "anything", memory_mb: 1_000_000 };
    expect(brokenRule(parsePolicy("all: {}"), { backend: "docker", labels: {}, spec }, false)).toBeNull();
  });
});

it("says how much a tenant weighs, which is 1 unless it does", () => {
  const policy = parsePolicy(`
tenants:
  - { labels: { team: red }, weight: 4 }
  - { labels: { team: red, stage: test }, weight: 2 }
  - { labels: { team: green }, max_cpus: 1 }`);
  const of = (tenant: Record<string, string>): number => weightOf(policy, tenant);
  expect([of({ team: "red" }), of({ team: "red", stage: "test" }), of({ team: "green" }), of({})]).toEqual([
    4, 2, 1, 1,
  ]);
  expect(weightOf(null, { team: "red" })).toBe(1);
  expect(problemsOf("all: { weight: 2 }")).toEqual(["all.weight: expected it in a tenant's section"]);
  expect(problemsOf("tenants: [{ labels: { team: red }, weight: 0.5 }]")).toEqual([
    "tenants[0].weight: got 0.5, expected a whole number from 1 to 100",
  ]);
});

describe("a rule", () => {
  const policy = parsePolicy(`
all:
  images: [docker.io/library, ghcr.io/acme, localhost:5000]
  max_cpus: 4
  ec2_instance_types: [t3.small, t3.large]
  cap_drop: NET_RAW
tenants:
  - labels: { team: red }
    digests_only: true
    max_cpus: 2.5
    max_pids: 300
    ec2_instance_types: [t3.small]
    user: "1000:1000"
    cap_drop: [ALL]`);
  const digest = `@sha256:${"0".repeat(64)}`;
  const broken = (labels: Record<string, string>, spec: object, backend: "docker" | "ec2" = "docker") =>
    brokenRule(policy, { labels, spec, backend }, false)?.rule ?? null;

  it.each([
    ["debian:12", null],
    ["index.docker.io/library/debian", null],
    ["ghcr.io/acme/tool:1", null],
    ["localhost:5000/x", null],
    ["acme/tool", "all.images"],
    ["ghcr.io/acmeevil/tool", "all.images"],
    ["ghcr.io.evil.example/acme/tool", "all.images"],
    ["169.254.169.254/x", "all.images"],
  ])("of images judges %s by the whole name that a daemon understands", (image, rule) => {
    expect(broken({}, { image })).toBe(rule);
  });

  it("of a tenant holds besides those of all, for what has its labels", () => {
    const image = `debian${digest}`;
    expect(broken({ team: "red" }, { image: "debian" })).toBe("team:red.digests_only");
    expect(broken({ team: "red" }, { image, cpus: 3 })).toBe("team:red.max_cpus");
    expect(broken({ team: "blue" }, { image, cpus: 3 })).toBeNull();
    expect(broken({ team: "red" }, { image: `evil.example/x${digest}` })).toBe("all.images");
    // Its tier's, where the spec says nothing.
    expect(broken({ team: "red" }, { image, tier: 2 })).toBe("team:red.max_pids");
  });

  it("of EC2 is a list of what may be chosen, and what no list names is off", () => {
    const on = (ec2: object, labels = {}) => broken(labels, { ec2 }, "ec2");
    expect(on({ instance_types: ["t3.large"] })).toBeNull();
    expect(on({ instance_types: ["t3.large"] }, { team: "red" })).toBe("team:red.ec2_instance_types");
    expect(on({ instance_types: ["p5.48xlarge"] })).toBe("all.ec2_instance_types");
    expect(on({ instance_profile: "admin" })).toBe("ec2_instance_profiles");
    expect(on({ volume_gb: 10, spot: true })).toBeNull();
  });

  it("without any policy lets an operator of all choose, and a tenant nothing of EC2 that a list would name", () => {
    const wanted = { backend: "ec2", labels: {}, spec: { ec2: { instance_profile: "admin" } } } as const;
    expect(brokenRule(null, wanted, false)).toBeNull();
    expect(brokenRule(null, wanted, true)?.rule).toBe("ec2_instance_profiles");
  });

  it("of containers adds up", () => {
    expect(confinementOf(policy, { team: "red" })).toMatchObject({
      user: "1000:1000",
      cap_drop: ["NET_RAW", "ALL"],
    });
    expect(confinementOf(policy, {}).user).toBeUndefined();
    expect(confinementOf(null, {})).toEqual({ cap_drop: [] });
  });
});

it("an image's parts are those of the reference", () => {
  expect(imageParts("registry.local:5000/team/app:1.2")).toEqual({
    repository: "registry.local:5000/team/app",
    digest: false,
  });
});
