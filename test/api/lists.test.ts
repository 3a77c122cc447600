import { insertTestEvents } from "../support/events.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestApi, type TestApi } from "./api.js";

let api: TestApi;
const ids: Record<string, string> = {};
beforeAll(async () => {
  api = await startTestApi(null, { BERTH_BACKENDS: "process,external" });
  const make = async (name: string, more: Record<string, unknown> = {}) => {
    ids[name] = (await api.create({ name, ...more })).id as string;
  };
  await make("red", { labels: { team: "red" } });
  await make("red-web", { labels: { team: "red", tier: "a,b:c" } });
  await make("blue", { labels: { team: "blue" }, parent_id: ids["red"] });
  await make("out", { backend: "external", spec: {}, labels: { team: "red" } });
  await api.finish(ids["red"]!, 1);
  await api.finish(ids["blue"]!, 1, { code: "image_missing", message: "no" });
  await insertTestEvents(api.pool, [{ event_type: "workspace.failed", workspace_id: ids["blue"]! }]);
});
afterAll(() => api.close());

const nameOf = (id: string) => Object.entries(ids).find(([, one]) => one === id)?.[0];
const names = async (query: string) => {
  const { status, body } = await api.call("GET", `/workspaces${query}`);
  expect(status).toBe(200);
  return (body as { name: string }[]).map(({ name }) => name);
};
const operations = async (query: string) => {
  const { status, body } = await api.call("GET", `/operations${query}`);
  expect(status).toBe(200);
  return (body as { workspace_id: string }[]).map(({ workspace_id }) => nameOf(workspace_id));
};

describe("GET /workspaces", () => {
  it("gives those with one of these ids, or whose id begins so, as far as all else is so too", async () => {
    const { red, blue, out } = ids as Record<"red" | "blue" | "out", string>;
    expect(await names(`?id=${red},${blue}&id=${out}`)).toEqual(["red", "blue", "out"]);
    // What a tenant's key adds.
    expect(await names(`?id=${red},${blue}&label=team:red`)).toEqual(["red"]);
    expect(await names(`?id=${red},${blue}&name=blue`)).toEqual(["blue"]);
    expect(await names(`?id_prefix=${blue.slice(0, 8)}`)).toEqual(["blue"]);
    expect(await names(`?id_prefix=${blue.slice(0, 20).toUpperCase()}`)).toEqual(["blue"]);
    expect(await names(`?id_prefix=${blue.slice(0, 8)}&label=team:red`)).toEqual([]);
    for (const bad of ["?id=no", "?id_prefix=abc", "?id_prefix=wxyz", `?id=${Array(101).fill(red).join()}`])
      expect((await api.call("GET", `/workspaces${bad}`)).status, bad).toBe(400);
  });

  it.each([
    ["?label=team:red", ["red", "red-web", "out"]],
    ["?label=team:red&backend=process", ["red", "red-web"]],
    ["?label=team:red&label=tier:a,b:c", ["red-web"]],
    ["?label=team:green", []],
    ["?backend=external,docker", ["out"]],
    ["?status=online&label=team:red", ["red"]],
    ["?status=failed,online", ["red", "blue"]],
    ["?name=red", ["red"]],
    ["?name=re", []],
    ["?created_before=2020-01-01T00:00:00Z", []],
    ["?created_after=2020-01-01T00:00:00%2B02:00&name=blue", ["blue"]],
  ])("%s gives those for which all of it is so", async (query, wanted) => {
    expect(await names(query)).toEqual(wanted);
  });

  it("gives pages whose links keep the filter, to the end", async () => {
    const seen: string[] = [];
    for (let next: string | undefined = "/workspaces?label=team:red&limit=1"; next !== undefined;) {
      const { body, headers }: Awaited<ReturnType<TestApi["call"]>> = await api.call("GET", next);
      seen.push(...(body as { name: string }[]).map(({ name }) => name));
      next = /^<(.+)>; rel="next"$/.exec(headers.get("link") ?? "")?.[1];
    }
    expect(seen).toEqual(["red", "red-web", "out"]);
  });

  it.each([
    ["?label=team", "label[0]"],
    ["?label=:red", "label[0]"],
    ["?backend=vmware", "backend[0]"],
    ["?created_after=yesterday", "created_after"],
    ["?created_after=2026-02-31T00:00:00Z", "created_after"],
    ["?created_before=2026-13-01T00:00:00Z", "created_before"],
    ["?name=", "name"],
    ["?after=AAAA", "after"],
    ["?team=red", "team"],
  ])("%s is refused by the name of the field", async (query, field) => {
    const { status, body } = await api.call("GET", `/workspaces${query}`);
    expect([status, body.errors[0].field]).toEqual([400, field]);
  });
});

describe("GET /operations", () => {
  it.each([
    ["", ["out", "blue", "red-web", "red"]],
    ["?state=failed", ["blue"]],
    ["?state=queued", ["out", "red-web"]],
    ["?state=succeeded,failed", ["blue", "red"]],
    ["?kind=provision&label=team:red", ["out", "red-web", "red"]],
    ["?kind=restart", []],
    ["?backend=external", ["out"]],
    ["?source=api&requested_by=admin&state=failed", ["blue"]],
    ["?source=idle", []],
    ["?created_after=2020-01-01T00:00:00Z&limit=1", ["out"]],
  ])("%s gives those for which all of it is so, newest first", async (query, wanted) => {
    const got = await operations(query);
    // An external workspace is launched by nobody: it may have no operation.
    expect(got.filter((name) => name !== "out")).toEqual(wanted.filter((name) => name !== "out"));
  });
});

describe("GET /events", () => {
  it("gives those of several types, of a label, and of a time", async () => {
    const types = async (query: string) =>
      ((await api.call("GET", `/events${query}`)).body as { event_type: string; workspace_id: string }[]).map(
        ({ event_type, workspace_id }) => `${nameOf(workspace_id)} ${event_type}`,
      );
    expect(await types("?type=workspace.failed&type=workspace.online")).toEqual([
      "red workspace.online",
      "blue workspace.failed",
    ]);
    expect(await types("?type=workspace.failed&label=team:red")).toEqual([]);
    expect(await types("?type=workspace.failed&label=team:blue")).toEqual(["blue workspace.failed"]);
    expect(await types("?created_before=2020-01-01T00:00:00Z")).toEqual([]);
    expect(await types("?type=workspace.failed&created_after=2020-01-01T00:00:00Z")).toHaveLength(1);
  });
});
