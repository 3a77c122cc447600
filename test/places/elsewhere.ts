import { listPlaceWorkers } from "@berth/core/db/place-workers";
import { getPlace } from "@berth/core/db/places";
import { createWorkspace, type CreateInput } from "@berth/core/requests/create";
import { removeWorkspace } from "@berth/core/requests/delete";
import { requestRestart } from "@berth/core/requests/restart";
import { requestResume } from "@berth/core/requests/resume";
import { requestHibernate, requestPause } from "@berth/core/requests/suspend";
import { expect, vi } from "vitest";
import { BY_TEST, newWorkspace, type Fleet } from "../support/fleet.js";
import { ended } from "../support/wait.js";

/** A worker that is led to another place than the one that it is set to, and back. */
export interface Led {
  place: string;
  input: Partial<CreateInput>;
  leadAway(): Promise<void>;
  leadBack(): Promise<void>;
  /** What there is where it was made, and what there is where the worker was led to. */
  things(): Promise<{ here: unknown; there: unknown }>;
}

/**
 * Asks for each kind of operation while the worker reaches another place: none is begun or failed, nothing is ended, made or
 * called gone in either place, and all go on when it is led back (I12).
 */
export async function expectUntouched({ pool, context }: Fleet, led: Led): Promise<void> {
  const create = () =>
    createWorkspace(context, { ...newWorkspace(), place: led.place, ...led.input }, BY_TEST);
  const online = async () => {
    const { workspace, operation } = await create();
    expect(await ended(pool, [operation.id])).toMatchObject([{ state: "succeeded" }]);
    return workspace.id;
  };
  const [restarted, paused, hibernated, resumed, deleted] = await Promise.all(
    Array.from({ length: 5 }, online),
  );
  await ended(pool, [(await requestPause(context, resumed!, BY_TEST)).operation.id]);
  const gone = async () =>
    (await pool.query("select id from resources where state = 'gone' order by id")).rows;
  const before = { gone: await gone(), ...(await led.things()) };
  const { identity } = (await getPlace(pool, led.place))!;

  await led.leadAway();
  const workers = () => listPlaceWorkers(pool, 30_000, led.place);
  await vi.waitFor(async () => expect(await workers()).toMatchObject([{ state: "mismatch" }]), {
    timeout: 30_000,
  });
  const [said] = await workers();
  expect(said!.problem).toContain(`place ${led.place} is ${identity}`);
  expect(said!.problem).toContain(said!.identity ?? "carries no identity");
  const how = { cascade: false, purge: false, ...BY_TEST };
  const asked = [
    (await requestRestart(context, restarted!, BY_TEST)).operation.id,
    (await requestPause(context, paused!, BY_TEST)).operation.id,
    (await requestHibernate(context, hibernated!, BY_TEST)).operation.id,
    (await requestResume(context, resumed!, BY_TEST)).operation.id,
    (await removeWorkspace(context, deleted!, how)).operations[0]!.id,
    (await create()).operation.id,
  ];
  const looks = async () =>
    (await pool.query("select count(*)::int as n from sweep_runs where sweep = 'dispatch'")).rows[0]
      .n as number;
  const enough = (await looks()) + 3;
  await vi.waitFor(async () => expect(await looks()).toBeGreaterThan(enough), { timeout: 60_000 });
  const { rows } = await pool.query("select state, attempt, error from operations where id = any ($1)", [
    asked,
  ]);
  expect(rows).toEqual(asked.map(() => ({ state: "queued", attempt: 0, error: null })));
  expect({ gone: await gone(), ...(await led.things()) }).toEqual(before);

  await led.leadBack();
  expect(await ended(pool, asked)).toMatchObject(asked.map(() => ({ state: "succeeded", attempt: 1 })));
  expect((await led.things()).there).toEqual(before.there);
}
