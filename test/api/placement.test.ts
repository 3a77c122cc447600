import { ensurePlace } from "@berth/core/db/places";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PROCESS_SPEC, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null, { BERTH_BACKENDS: "process,docker" });
  for (const name of ["machine-b", "machine-c"]) await ensurePlace(api.pool, { name, backend: "process" });
});
afterAll(() => api.close());

const post = (body: Record<string, unknown>) =>
  api.call("POST", "/workspaces", { body: { name: "w", spec: PROCESS_SPEC, ...body } });

it("a workspace goes where the request says, and its place names the backend", async () => {
  const { status, body } = await post({ place: "machine-b" });
  expect([status, body]).toEqual([202, expect.objectContaining({ place: "machine-b", backend: "process" })]);
  expect((await api.call("GET", `/workspaces/${body.id}`)).body.place).toBe("machine-b");
});

it("a child goes where its parent is, unless it says otherwise or has another backend", async () => {
  const parent = (await post({ place: "machine-c" })).body.id;
  const places = [
    await post({ parent_id: parent }),
    await post({ parent_id: parent, place: "machine-b" }),
    await post({ parent_id: parent, backend: "docker", spec: { image: "debian:12" } }),
  ].map(({ body }) => body.place);
  expect(places).toEqual(["machine-c", "machine-b", "docker"]);
});

it("a place that there isn't, or of another backend, is refused by the name of the field and with those that there are", async () => {
  for (const body of [{ place: "nowhere" }, { place: "docker", backend: "process" }]) {
    const answer = await post(body);
    expect([answer.status, answer.body]).toMatchObject([
      422,
      { code: "invalid_place", errors: [{ field: "place" }], places: expect.arrayContaining(["machine-b"]) },
    ]);
    expect(answer.body.detail).toContain("machine-b, machine-c, process");
  }
  expect((await post({ place: "No Place" })).body).toMatchObject({
    code: "invalid_request",
    errors: [{ field: "place" }],
  });
});

it("lists give those of one place, or of several", async () => {
  await post({ name: "here", place: "machine-b" });
  const names = async (query: string) =>
    (await api.call("GET", `/workspaces?name=here&${query}`)).body.map(({ name }: { name: string }) => name);
  expect(await names("place=machine-b")).toEqual(["here"]);
  expect(await names("place=machine-c,machine-b")).toEqual(["here"]);
  expect(await names("place=machine-c")).toEqual([]);
  const all = (await api.call("GET", "/workspaces?place=machine-b")).body;
  expect(new Set(all.map(({ place }: { place: string }) => place))).toEqual(new Set(["machine-b"]));
});
