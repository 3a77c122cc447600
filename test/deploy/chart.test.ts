import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readConfig } from "@berth/core/config/config";
import { parsePlacesFile } from "@berth/core/config/places-file";
import { parsePolicy } from "@berth/core/config/policy-file";
import { beforeAll, describe, expect, it } from "vitest";
import { HERE } from "../support/deployment.js";
import { CHART, HAS_HELM, helm, installTools, invalidIn, type Manifest, render, unknownIn } from "./helm.js";

interface Container {
  readonly env: {
    name: string;
    value?: string;
    valueFrom?: { secretKeyRef: { name: string; key: string } };
  }[];
  readonly ports: { name: string }[];
  readonly volumeMounts: { name: string }[];
  readonly [field: string]: unknown;
}

interface Pod {
  readonly containers: [Container];
  readonly volumes: { name: string }[];
  readonly terminationGracePeriodSeconds: number;
}

/** A Secret of this name is all that must be given. */
const LEAST = { secret: { name: "berth" } };
const PLACES = {
  ireland: { backend: "ec2", region: "eu-west-1", capacity: 100 },
  hosts: { backend: "docker", host: "unix:///run/docker.sock" },
};
const MOST = {
  secret: { name: "berth", keys: { databaseListenUrl: "LISTEN", adminKeyPrevious: "OLD" } },
  config: { LOG_LEVEL: "debug", BERTH_REDIS_CA: "/etc/berth/redis/ca.pem" },
  backends: ["ec2", "docker"],
  publicUrl: "https://berth.example.com",
  policy: { all: { max_memory_mb: 4096 }, tenants: [{ labels: { team: "red" }, digests_only: true }] },
  imagePullSecrets: [{ name: "registry" }],
  extraVolumes: [{ name: "redis-ca", secret: { secretName: "redis-ca" } }],
  extraVolumeMounts: [{ name: "redis-ca", mountPath: "/etc/berth/redis", readOnly: true }],
  api: {
    image: { repository: "registry.example.com/berth-api", digest: `sha256:${"0".repeat(64)}` },
    agents: { enabled: true, url: "http://agents.internal:8081", service: { type: "LoadBalancer" } },
    ingress: { enabled: true, className: "nginx", host: "berth.example.com", tlsSecret: "berth-tls" },
    autoscaling: { enabled: true },
    podAnnotations: { "prometheus.io/scrape": "true" },
    podLabels: { team: "platform" },
    nodeSelector: { "kubernetes.io/arch": "amd64" },
    tolerations: [{ key: "spot", operator: "Exists" }],
  },
  worker: {
    shutdownGraceMs: 90_500,
    places: PLACES,
    serviceAccount: { iamRoleArn: "arn:aws:iam::123456789012:role/berth" },
    autoscaling: { enabled: true, prometheusUrl: "http://prometheus:9090" },
    affinity: { podAntiAffinity: {} },
  },
  networkPolicy: { enabled: true, workerFrom: [{ podSelector: { matchLabels: { app: "prometheus" } } }] },
};

const one = (manifests: readonly Manifest[], kind: string, name: string) =>
  manifests.find((each) => each.kind === kind && each.metadata.name === name)!;

/** The pod of a deployment. */
function podOf(manifests: readonly Manifest[], name: string) {
  const { template } = one(manifests, "Deployment", name)["spec"] as {
    template: { spec: Pod };
  };
  return { ...template.spec, container: template.spec.containers[0] };
}

/** The environment that a container gets, if the Secret has what it should. */
function environmentOf({ env }: Container): Record<string, string> {
  const secret: Record<string, string> = {
    DATABASE_URL: "postgres://db/berth",
    LISTEN: "postgres://direct/berth",
    REDIS_URL: "rediss://redis",
    BERTH_ADMIN_KEY: randomBytes(24).toString("hex"),
    OLD: randomBytes(24).toString("hex"),
    BERTH_SECRET: "s".repeat(32),
  };
  const names = env.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => [name, value ?? secret[valueFrom!.secretKeyRef.key]!]),
  );
}

describe.skipIf(!HAS_HELM)("the chart of deploy/helm/berth", () => {
  let least: Manifest[];
  let most: Manifest[];
  beforeAll(async () => {
    await installTools();
    [least, most] = await Promise.all([render(LEAST), render(MOST, "production")]);
  });

  it("is what Helm calls sound, and has the version of this checkout", async () => {
    expect(await helm("lint", "--strict", CHART, "--set", "secret.name=berth")).toContain(
      "0 chart(s) failed",
    );
    const { version } = JSON.parse(readFileSync(join(HERE, "package.json"), "utf8")) as { version: string };
    expect(readFileSync(join(CHART, "Chart.yaml"), "utf8")).toContain(`appVersion: "${version}"`);
  });

  it("makes what Kubernetes's schemas take, without a field that they don't know", async () => {
    const all = [...least, ...most];
    expect((await Promise.all(all.map((manifest) => invalidIn(manifest)))).flat()).toEqual([]);
    expect(await unknownIn(all)).toBe("");
    expect(new Set(most.map(({ kind }) => kind))).toEqual(
      new Set(
        "ConfigMap Deployment HorizontalPodAutoscaler Ingress NetworkPolicy PodDisruptionBudget ScaledObject Service ServiceAccount".split(
          " ",
        ),
      ),
    );
    // Both can refuse.
    const broken = structuredClone(one(least, "Deployment", "berth-api")) as Manifest & {
      spec: Record<string, unknown>;
    };
    broken.spec["replicas"] = "two";
    expect(await invalidIn(broken)).toEqual([expect.stringContaining("replicas must be integer")]);
    expect(await unknownIn([{ ...one(least, "Service", "berth-api"), sepc: {} }])).toContain("sepc");
  });

  it.each(["api", "worker"] as const)("gives %s settings that it starts with", (role) => {
    for (const [manifests, name] of [
      [least, `berth-${role}`],
      [most, `production-berth-${role}`],
    ] as const) {
      const env = environmentOf(podOf(manifests, name).container);
      expect(role === "api" ? readConfig("api", env) : readConfig("worker", env)).toMatchObject({
        databaseUrl: "postgres://db/berth",
        redisUrl: "rediss://redis",
      });
    }
  });

  it("keeps each secret in its Secret, and from whom it is none of: the admin key from workers, theirs from the API", () => {
    expect([...least, ...most].filter(({ kind }) => kind === "Secret")).toEqual([]);
    for (const [name, absent] of [
      ["berth-api", "BERTH_SECRET"],
      ["berth-worker", "BERTH_ADMIN_KEY"],
    ] as const)
      expect(Object.keys(environmentOf(podOf(least, name).container))).not.toContain(absent);
  });

  it.each([
    ["a secret among the settings", { config: { BERTH_SECRET: "x".repeat(32) } }, "BERTH_SECRET"],
    ["a backend that ends with its pod", { backends: ["process"] }, "backends"],
    ["no Secret", { secret: { name: "" } }, "secret/name"],
    ["a key that it doesn't know", { worker: { replica: 3 } }, "replica"],
    ["an agents' port that no workspace is told of", { api: { agents: { enabled: true } } }, "agents.url"],
  ])("refuses %s", async (_, values, words) => {
    await expect(render({ ...LEAST, ...values })).rejects.toThrow(words);
  });

  it("runs nothing as root, and writes nowhere but in /tmp", () => {
    for (const name of ["berth-api", "berth-worker"]) {
      const { container, ...pod } = podOf(least, name);
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      });
      expect(container["securityContext"]).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(container.volumeMounts).toEqual([{ name: "tmp", mountPath: "/tmp" }]);
    }
  });

  it("asks the real routes on ports that the containers have, and gives both longer to stop than they take", () => {
    const graceMs = { "production-berth-api": 5_000, "production-berth-worker": 90_500 };
    for (const [name, grace] of Object.entries(graceMs)) {
      const { container, ...pod } = podOf(most, name);
      const paths = { startupProbe: "/health", livenessProbe: "/health", readinessProbe: "/ready" };
      for (const [probe, path] of Object.entries(paths)) {
        const { httpGet } = container[probe] as { httpGet: { path: string; port: string } };
        expect(httpGet.path).toBe(path);
        expect(container.ports.map((port) => port.name)).toContain(httpGet.port);
      }
      expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(grace + 10_000);
      expect(container.volumeMounts.map((mount) => mount.name)).toEqual(pod.volumes.map((each) => each.name));
    }
  });

  it("writes places and policy as their files are read, and starts anew what reads them when they change", async () => {
    const data = (name: string, key: string) =>
      (one(most, "ConfigMap", name)["data"] as Record<string, string>)[key]!;
    const places = parsePlacesFile(data("production-berth-places", "places.yaml"));
    expect(places.map(({ name }) => name).toSorted()).toEqual(["hosts", "ireland"]);
    expect(parsePolicy(data("production-berth-policy", "policy.yaml"))).toBeDefined();
    const sums = (manifests: readonly Manifest[]) =>
      JSON.stringify(manifests).match(/"checksum\/files":"\w+"/g);
    const other = await render({ ...MOST, policy: {} }, "production");
    expect(sums(other)).not.toEqual(sums(most));
  });

  it("gives the workers' account the role, and nothing to the API's", () => {
    const annotations = (part: string) =>
      one(most, "ServiceAccount", `production-berth-${part}`).metadata.annotations;
    expect(annotations("worker")).toEqual({
      "eks.amazonaws.com/role-arn": expect.stringContaining(":role/berth"),
    });
    expect(annotations("api")).toBeUndefined();
  });

  it("scales workers by a figure that Berth has, and leaves their number to that alone", () => {
    const { spec } = one(most, "ScaledObject", "production-berth-worker") as unknown as {
      spec: { triggers: [{ metadata: { query: string } }] };
    };
    const [figure] = /berth_\w+/.exec(spec.triggers[0].metadata.query)!;
    expect(readFileSync(join(HERE, "docs/metrics.md"), "utf8")).toContain(`| \`${figure}\` `);
    for (const part of ["api", "worker"])
      expect(one(most, "Deployment", `production-berth-${part}`)["spec"]).not.toHaveProperty("replicas");
  });
});
