import { BerthError } from "@berth/core/base/errors";
import { ensurePlace, takeIdentity, type PlaceSettings } from "@berth/core/db/places";
import { noteContact } from "@berth/core/db/place-workers";
import { transaction } from "@berth/core/db/pool";
import { createWorkspace, type CreateInput } from "@berth/core/requests/create";
import { removeWorkspace } from "@berth/core/requests/delete";
import { patchPlace } from "@berth/core/requests/places";
import { expect, it, onTestFinished } from "vitest";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import { createTestDatabase } from "../support/postgres.js";

const REQUESTS = {
  dispatcher: {
    add: () => Promise.resolve(),
    wake: () => Promise.resolve(true),
    promote: () => Promise.resolve(true),
  },
  maxAttempts: 1,
};

/** Places of backend `process` that workers serve. */
async function openPlaces(places: Record<string, PlaceSettings>) {
  const { pool, drop } = await createTestDatabase();
  onTestFinished(drop);
  const serve = (place: string, state: "confirmed" | "unreachable" = "confirmed") =>
    transaction(pool, async (tx) => {
      await takeIdentity(tx, place, `process:${place}`, null);
      await noteContact(tx, { place, worker: "w", state, identity: null, problem: null });
    });
  const set = (name: string, settings: PlaceSettings) => patchPlace(pool, name, settings, BY_TEST);
  for (const [name, settings] of Object.entries(places)) {
    await ensurePlace(pool, { name, backend: "process" });
    await serve(name);
    await set(name, settings);
  }
  const context = { pool, ...REQUESTS };
  return {
    pool,
    set,
    serve,
    async make(extra: Partial<CreateInput> = {}) {
      return (await createWorkspace(context, { ...newWorkspace(), ...extra }, BY_TEST)).workspace;
    },
    async places(count: number, extra: Partial<CreateInput> = {}) {
      const counts: Record<string, number> = {};
      for (let n = 0; n < count; n++) {
        const { place } = await this.make(extra);
        counts[place] = (counts[place] ?? 0) + 1;
      }
      return counts;
    },
    remove: (id: string) => removeWorkspace(context, id, { cascade: false, ...BY_TEST }),
  };
}

const refusal = async (request: Promise<unknown>) => {
  const error: unknown = await request.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(BerthError);
  const { code, message, details } = error as BerthError;
  return { code, message, places: details["places"] };
};

it("what names no place is spread over those that are served, by their weight", async () => {
  const fleet = await openPlaces({ a: {}, b: { weight: 2 } });
  expect(await fleet.places(9)).toEqual({ a: 3, b: 6 });
});

it("labels of the place must match, and a cordoned one takes nothing, though it is named", async () => {
  const fleet = await openPlaces({
    a: { labels: { zone: "a" } },
    b: { labels: { zone: "b", disk: "fast" } },
    c: { labels: { zone: "b" } },
  });
  expect(await fleet.places(4, { place_labels: { zone: "b" } })).toEqual({ b: 2, c: 2 });
  await fleet.set("b", { cordoned: true });
  expect(await fleet.places(2, { place_labels: { zone: "b" } })).toEqual({ c: 2 });
  expect(await refusal(fleet.make({ place: "b" }))).toMatchObject({
    code: "no_place",
    message: "no place of backend process takes it: b is cordoned",
  });
  expect(await refusal(fleet.make({ place_labels: { disk: "fast" } }))).toEqual({
    code: "no_place",
    message: expect.stringContaining("disk:fast"),
    places: [
      { name: "a", why: "has no label disk, and disk:fast is wanted" },
      { name: "b", why: "is cordoned" },
      { name: "c", why: "has no label disk, and disk:fast is wanted" },
      { name: "process", why: "has no label disk, and disk:fast is wanted" },
    ],
  });
});

it("a place takes as many as its capacity: paused ones and what isn't proven gone too", async () => {
  const fleet = await openPlaces({ a: { capacity: 2 }, b: { capacity: 1 } });
  const [first] = [await fleet.make({ place: "a" }), await fleet.make(), await fleet.make()];
  expect(await refusal(fleet.make())).toMatchObject({
    code: "no_place",
    places: [
      { name: "a", why: "holds 2 of 2 workspaces" },
      { name: "b", why: "holds 1 of 1 workspaces" },
      { name: "process", why: "is served by no live worker" },
    ],
  });
  for (const status of ["online", "paused"])
    await fleet.pool.query("update workspaces set status = $2 where id = $1", [first.id, status]);
  expect((await refusal(fleet.make())).code).toBe("no_place");
  await fleet.pool.query(
    `insert into resources (id, workspace_id, kind, backend, place, name, client_token, generation, state)
     values (gen_random_uuid(), $1, 'volume', 'process', 'a', 'v', 't', 1, 'intended')`,
    [first.id],
  );
  await fleet.remove(first.id);
  expect((await refusal(fleet.make())).code).toBe("no_place");
  await fleet.pool.query("update resources set state = 'gone', gone_at = now()");
  expect((await fleet.make()).place).toBe("a");
  await fleet.set("b", { capacity: null });
  expect(await fleet.places(3)).toEqual({ b: 3 });
});

it("a child that its parent's place doesn't take is refused, unless it says that it may go elsewhere", async () => {
  const fleet = await openPlaces({ a: {}, b: {} });
  const parent = await fleet.make({ place: "a" });
  expect(await fleet.places(3, { parent_id: parent.id })).toEqual({ a: 3 });
  await fleet.set("a", { cordoned: true });
  expect((await refusal(fleet.make({ parent_id: parent.id }))).message).toBe(
    "it goes where its parent is, and a is cordoned: name another place, or place_labels ({} for any)",
  );
  expect((await fleet.make({ parent_id: parent.id, place_labels: {} })).place).toBe("b");
});

it("while no worker serves any, one that was reached before is taken; before that, the one named like its backend; and none of these if one is served", async () => {
  const fleet = await openPlaces({});
  await ensurePlace(fleet.pool, { name: "a", backend: "process" });
  expect((await fleet.make()).place).toBe("process");
  await fleet.serve("a", "unreachable");
  expect((await fleet.make()).place).toBe("a");
  await fleet.serve("a");
  await fleet.set("a", { cordoned: true });
  expect(await refusal(fleet.make())).toMatchObject({
    places: [
      { name: "a", why: "is cordoned" },
      { name: "process", why: "is served by no live worker" },
    ],
  });
});
