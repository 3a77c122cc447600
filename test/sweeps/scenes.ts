import { randomUUID } from "node:crypto";
import { createWorkspace } from "@berth/core/requests/create";
import { patchWorkspace } from "@berth/core/requests/patch";
import { requestRestart } from "@berth/core/requests/restart";
import { acceptBulk } from "@berth/core/requests/bulk";
import { removeWorkspace } from "@berth/core/requests/delete";
import type { SweepDeps } from "@berth/core/sweeps/sweep";
import type { SweepName } from "@berth/core/domain/sweep";
import { BY_TEST, newWorkspace } from "../support/fleet.js";
import type { Stage } from "./stage.js";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** How a sweep's work is set up, recognised and disturbed. An item is named by its workspace. */
export interface Scene {
  /** Things that the sweep is to act on when it runs `passes` times, a minute apart. */
  make(stage: Stage, n: number): Promise<string[]>;
  /** One that isn't its yet. */
  young(stage: Stage): Promise<string>;
  /** Those of the items that it has acted on. */
  done(stage: Stage, ids: readonly string[]): Promise<string[]>;
  /** Every act on this item fails. */
  poison(stage: Stage, id: string): Promise<Partial<SweepDeps>> | Partial<SweepDeps>;
  /** The item is no longer what it was when it was seen. */
  change(stage: Stage, id: string): Promise<Partial<SweepDeps>> | Partial<SweepDeps>;
  passes: number;
}

const AGENT = { spec: { command: ["true"], readiness: "agent" as never } };

async function inTurn<T>(n: number, one: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let i = 0; i < n; i++) all.push(await one());
  return all;
}

/** Workspaces that have an operation or event of this kind. */
async function having(stage: Stage, ids: readonly string[], sql: string): Promise<string[]> {
  const { rows } = await stage.pool.query<{ id: string }>(sql, [ids]);
  return ids.filter((id) => rows.some((row) => row.id === id));
}

function beforeHold(stage: Stage, id: string, act: () => Promise<unknown>): Partial<SweepDeps> {
  const { gate } = stage.deps;
  const holdIdle = async (workspaceId: string) => {
    if (workspaceId === id) await act();
    return gate.holdIdle(workspaceId);
  };
  return { gate: { ...gate, holdIdle } };
}

function poisonHold(stage: Stage, id: string): Partial<SweepDeps> {
  return beforeHold(stage, id, () => Promise.reject(new Error("poisoned")));
}

function poisonStop(stage: Stage, id: string, name: "backend" | "cloud"): Partial<SweepDeps> {
  const backend = stage[name];
  const stop: typeof backend.stop = (ref, options) =>
    ref.workspaceId === id ? Promise.reject(new Error("poisoned")) : backend.stop(ref, options);
  const backends = new Map(stage.deps.backends);
  backends.set(backend.name, { ...backend, stop });
  return { backends };
}

/** Between the sweep's look and the transaction of its act. */
function beforeConnecting(stage: Stage, act: () => Promise<unknown>): Partial<SweepDeps> {
  const connect = stage.pool.connect.bind(stage.pool);
  return {
    pool: Object.create(stage.pool, {
      connect: {
        value: (done?: never) => (done === undefined ? act().then(() => connect()) : connect(done)),
      },
    }),
  };
}

/** No operation of it can be accepted. */
async function poisonOperations(stage: Stage, id: string): Promise<Partial<SweepDeps>> {
  await stage.pool.query(`
    create or replace function poison() returns trigger language plpgsql as $$ begin raise 'poisoned'; end $$;
    create or replace trigger poison before insert on operations for each row when (new.workspace_id = '${id}')
      execute function poison()`);
  return {};
}

/** They are to be deleted so long from now. */
async function expire(stage: Stage, workspaces: readonly { id: string }[], inMs: number): Promise<void> {
  const { rows } = await stage.pool.query<{ at: Date }>(
    "select clock_timestamp() + $1 * interval '1 millisecond' as at",
    [inMs],
  );
  for (const { id } of workspaces) await patchWorkspace(stage.deps, id, { expires_at: rows[0]!.at }, BY_TEST);
}

const restarts = (stage: Stage, ids: readonly string[]) =>
  having(
    stage,
    ids,
    "select workspace_id as id from operations where workspace_id = any ($1) and kind = 'restart' and source in ('reconciler', 'liveness')",
  );

function unclaimedScene(name: "backend" | "cloud", deployment: string, graceMs: number): Scene {
  const leak = async (stage: Stage, ageMs: number): Promise<string> => {
    const workspaceId = randomUUID();
    await stage.leak({ workspaceId, ageMs, deployment });
    await stage.leak({ workspaceId, ageMs, deployment, kind: "volume" });
    return workspaceId;
  };
  return {
    passes: 2,
    make: (stage, n) => inTurn(n, () => leak(stage, graceMs)),
    young: (stage) => leak(stage, graceMs - 2 * MINUTE),
    done: async (stage, ids) => {
      const left = await having(
        stage,
        ids,
        "select workspace_id as id from provider_things where workspace_id = any ($1) and removed_at is null",
      );
      return ids.filter((id) => !left.includes(id));
    },
    poison: (stage, id) => poisonStop(stage, id, name),
    change(stage, id) {
      let looks = 0;
      // At the last look its instance is of another generation.
      stage[name].faults.onList = (things) =>
        ++looks < 3
          ? things
          : things.map((thing) => (thing.workspaceId === id ? { ...thing, createdAt: new Date() } : thing));
      return {};
    },
  };
}

/** Makes something in the place that is drained before and after, to another one. */
async function whileOpen<T>(stage: Stage, act: () => Promise<T>): Promise<T> {
  await stage.pool.query(`
    insert into places (name, backend, identity) values ('elsewhere', 'process', 'elsewhere') on conflict do nothing;
    update places set identity = name, cordoned = name = 'elsewhere', draining_since = null where backend = 'process'`);
  const made = await act();
  await stage.pool.query(`
    update places set cordoned = name = 'process', draining_by = 'test',
      draining_since = case when name = 'process' then clock_timestamp() end where backend = 'process'`);
  return made;
}

export const SCENES: Readonly<Record<SweepName, Scene>> = {
  dispatch: {
    passes: 1,
    make: (stage, n) =>
      inTurn(n, async () => (await createWorkspace(stage.deps, newWorkspace(), BY_TEST)).workspace.id),
    async young(stage) {
      const { workspace } = await createWorkspace(stage.deps, newWorkspace(), BY_TEST);
      await stage.pool.query(
        "update operations set next_attempt_at = clock_timestamp() + interval '1 hour' where workspace_id = $1",
        [workspace.id],
      );
      return workspace.id;
    },
    done: (stage, ids) => Promise.resolve(ids.filter((id) => stage.woken.includes(id))),
    poison: (stage, id) => ({
      dispatcher: {
        ...stage.deps.dispatcher,
        wake: (operation) =>
          operation.workspace_id === id
            ? Promise.reject(new Error("poisoned"))
            : stage.deps.dispatcher.wake(operation),
      },
    }),
    // To wake what has ended is harmless: its job looks, and ends.
    change: () => ({}),
  },
  bulk: {
    passes: 1,
    async make(stage, n) {
      const made = await inTurn(n, () => stage.online());
      const ids = made.map(({ id }) => id);
      await acceptBulk(stage.deps, { kind: "pause" }, ids, BY_TEST);
      return ids;
    },
    // Nobody has asked for it.
    young: async (stage) => (await stage.online()).id,
    done: (stage, ids) =>
      having(
        stage,
        ids,
        "select workspace_id as id from operations where workspace_id = any ($1) and kind = 'pause'",
      ),
    poison: poisonOperations,
    change: (stage, id) =>
      beforeConnecting(stage, () => removeWorkspace(stage.deps, id, { cascade: false, ...BY_TEST })),
  },
  "removed-instances": {
    passes: 1,
    async make(stage, n) {
      const made = await inTurn(n, () => stage.online());
      const failBefore = stage.backend.faults.failBefore;
      stage.backend.faults.failBefore = 1;
      for (const { id } of made) await removeWorkspace(stage.deps, id, { cascade: false, ...BY_TEST });
      await stage.settle();
      await stage.time.advance(MINUTE);
      await stage.settle();
      stage.backend.faults.failBefore = failBefore;
      await stage.time.advance(MINUTE);
      return made.map(({ id }) => id);
    },
    async young(stage) {
      const [id] = await this.make(stage, 1);
      await stage.pool.query("update resources set next_attempt_at = clock_timestamp() + interval '1 hour'");
      return id!;
    },
    done: (stage, ids) =>
      having(
        stage,
        ids,
        `select id from workspaces w where id = any ($1) and not exists
           (select 1 from resources r where r.workspace_id = w.id and r.state <> 'gone')`,
      ),
    poison: (stage, id) => poisonStop(stage, id, "backend"),
    change: (stage, id) =>
      beforeHold(stage, id, () => removeWorkspace(stage.deps, id, { cascade: false, ...BY_TEST })),
  },
  "docker-orphans": unclaimedScene("backend", "berth", 120_000),
  "leaked-instances": unclaimedScene("cloud", "berth-cloud", 300_000),
  "instance-state": {
    passes: 1,
    async make(stage, n) {
      const made = await inTurn(n, () => stage.online());
      await stage.time.advance(MINUTE);
      for (const { instance_id } of made) await stage.kill(instance_id!);
      return made.map(({ id }) => id);
    },
    async young(stage) {
      const { id, instance_id } = await stage.online();
      await stage.kill(instance_id!);
      return id;
    },
    done: restarts,
    poison: poisonHold,
    change: (stage, id) => beforeHold(stage, id, () => requestRestart(stage.deps, id, BY_TEST)),
  },
  liveness: {
    passes: 1,
    async make(stage, n) {
      const made = await inTurn(n, () => stage.withAgent());
      await stage.time.advance(91_000);
      await stage.listened();
      return made.map(({ id }) => id);
    },
    async young(stage) {
      const { id } = await stage.withAgent();
      await stage.time.advance(80_000);
      await stage.listened();
      return id;
    },
    done: restarts,
    poison: poisonHold,
    change: (stage, id) => beforeHold(stage, id, () => stage.beat(id)),
  },
  "provisioning-timeout": {
    passes: 1,
    async make(stage, n) {
      const made = await inTurn(n, () => stage.online(AGENT));
      await stage.time.advance(10 * MINUTE + 1_000);
      await stage.listened();
      return made.map(({ id }) => id);
    },
    async young(stage) {
      const { id } = await stage.online(AGENT);
      await stage.time.advance(9 * MINUTE);
      await stage.listened();
      return id;
    },
    done: (stage, ids) =>
      having(stage, ids, "select id from workspaces where id = any ($1) and status = 'failed'"),
    poison: poisonHold,
    change: (stage, id) => beforeHold(stage, id, () => stage.beat(id)),
  },
  "idle-hibernation": {
    passes: 1,
    async make(stage, n) {
      const made = await inTurn(n, () => stage.withAgent({ hibernate_after_minutes: 10 as never }));
      await stage.time.advance(10 * MINUTE + 1_000);
      for (const { id } of made) await stage.beat(id);
      return made.map(({ id }) => id);
    },
    async young(stage) {
      const { id } = await stage.withAgent({ hibernate_after_minutes: 10 as never });
      await stage.time.advance(9 * MINUTE);
      await stage.beat(id);
      return id;
    },
    done: (stage, ids) =>
      having(
        stage,
        ids,
        "select workspace_id as id from operations where workspace_id = any ($1) and kind = 'hibernate'",
      ),
    poison: poisonOperations,
    change: (stage, id) => beforeConnecting(stage, () => stage.beat(id, 1)),
  },
  expiry: {
    passes: 1,
    async make(stage, n) {
      const made = await inTurn(n, () => stage.online());
      await expire(stage, made, MINUTE);
      await stage.run("expiry");
      await stage.time.advance(MINUTE + 1_000);
      return made.map(({ id }) => id);
    },
    async young(stage) {
      const { id } = await stage.online();
      await expire(stage, [{ id }], 2 * MINUTE);
      await stage.run("expiry");
      await stage.time.advance(MINUTE);
      return id;
    },
    done: (stage, ids) =>
      having(stage, ids, "select id from workspaces where id = any ($1) and status = 'removed'"),
    poison: poisonOperations,
    change: (stage, id) => beforeConnecting(stage, () => expire(stage, [{ id }], MINUTE)),
  },
  drain: {
    passes: 1,
    async make(stage, n) {
      const made = await whileOpen(stage, () => inTurn(n, () => stage.online()));
      await stage.pool.query("update workspaces set may_move = true where id = any ($1)", [
        made.map(({ id }) => id),
      ]);
      return made.map(({ id }) => id);
    },
    // It has data there, and doesn't say that it may leave it.
    young: async (stage) => (await whileOpen(stage, () => stage.online())).id,
    done: (stage, ids) =>
      having(
        stage,
        ids,
        `select id from workspaces w where id = any ($1) and place = 'elsewhere' and not exists
           (select 1 from resources r where r.workspace_id = w.id and r.place = 'process' and r.state <> 'gone')`,
      ),
    poison: (stage, id) => poisonStop(stage, id, "backend"),
    change: (stage, id) =>
      beforeHold(stage, id, () =>
        stage.pool.query("update workspaces set may_move = false where id = $1", [id]),
      ),
  },
  retention: {
    passes: 1,
    async make(stage, n) {
      const made = await inTurn(n, () => stage.online());
      await stage.time.advance(31 * DAY);
      return made.map(({ id }) => id);
    },
    async young(stage) {
      const { id } = await stage.online();
      await stage.time.advance(29 * DAY);
      return id;
    },
    done: async (stage, ids) => {
      const left = await having(
        stage,
        ids,
        "select workspace_id as id from operations where workspace_id = any ($1)",
      );
      return ids.filter((id) => !left.includes(id));
    },
    async poison(stage) {
      // Of all that it forgets, one kind can't be: the others are.
      await stage.pool.query(`
        create or replace function poison() returns trigger language plpgsql as $$ begin raise 'poisoned'; end $$;
        create or replace trigger poison before delete on structure_events for each statement execute function poison()`);
      return {};
    },
    change: () => ({}),
  },
};
