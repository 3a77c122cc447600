import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestApi, type TestApi } from "./api.js";

let api: TestApi;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "policy-"));
  const file = join(directory, "policy.yaml");
  await writeFile(
    file,
    `
all:
  images: [docker.io/library]
  max_memory_mb: 2048
tenants:
  - labels: { team: red }
    max_memory_mb: 1024
    place_labels: { for: red }`,
  );
  api = await startTestApi(null, { BERTH_BACKENDS: "docker,process", BERTH_POLICY_FILE: file });
});
afterAll(async () => {
  await api.close();
  await rm(directory, { recursive: true });
});

const create = (spec: object, more: object = {}) =>
  api.call("POST", "/workspaces", {
    body: { name: "w", backend: "docker", spec: { image: "busybox", ...spec }, ...more },
  });

describe("the policy", () => {
  it("refuses a workspace that breaks a rule, with 403 and the rule", async () => {
    expect(await create({ image: "ghcr.io/x/y" })).toMatchObject({
      status: 403,
      body: {
        code: "refused_by_policy",
        rule: "all.images",
        detail: "policy all.images: expected an image of docker.io/library; it is ghcr.io/x/y",
      },
    });
    expect((await create({ memory_mb: 4_096 })).body.rule).toBe("all.max_memory_mb");
    expect((await create({ memory_mb: 2_048 })).status).toBe(202);
  });

  it("judges a change by what the workspace is to be, its labels too", async () => {
    const { body } = await create({ memory_mb: 2_048 });
    const change = (patch: object) => api.call("PATCH", `/workspaces/${body.id}`, { body: patch });
    expect((await change({ spec: { image: "busybox", memory_mb: 4_096 } })).body.rule).toBe(
      "all.max_memory_mb",
    );
    expect((await change({ labels: { team: "red" } })).body.rule).toBe("team:red.max_memory_mb");
    expect((await change({ name: "other" })).status).toBe(200);
  });

  it("sends a tenant's workspaces to the tenant's places only", async () => {
    const refused = await create({}, { labels: { team: "red" } });
    expect(refused).toMatchObject({ status: 409, body: { code: "no_place" } });
    expect((await create({}, { labels: { team: "red" }, place_labels: { for: "blue" } })).body.rule).toBe(
      "place_labels",
    );
    await api.pool.query(`update places set labels = '{"for": "red"}' where name = 'docker'`);
    expect((await create({}, { labels: { team: "red" } })).status).toBe(202);
  });
});
