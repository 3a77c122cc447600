import { randomUUID } from "node:crypto";
import { setHeld } from "@berth/core/db/sweeps";
import type { Pool } from "@berth/core/db/pool";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import { fleetEnvironment } from "../support/fleet.js";
import { preparedDirectory, startStandalone } from "../e2e/standalone-process.js";
import { KEY } from "../api/api.js";

export const WRITES = {
  command: ["sh", "-c", "i=0; while true; do i=$((i+1)); echo line $i; sleep 0.2; done"],
  readiness: "running",
};

export interface Scene {
  url: string;
  key: string;
  pool: Pool;
  databaseUrl: string;
  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }>;
  /** Creates one and waits until that has ended. */
  create(name: string, extra?: object): Promise<string>;
  close(): Promise<void>;
}

/** A whole Berth as a process of its own, which has done nothing yet. */
export async function openScene(given?: Pick<TestDatabase, "url" | "pool" | "drop">): Promise<Scene> {
  const database = given ?? (await createTestDatabase());
  const environment = fleetEnvironment(database.url, null, { BERTH_BACKENDS: "process,external", PORT: "0" });
  const standalone = startStandalone(await preparedDirectory(), environment);
  const { url } = await standalone.ready;
  const call: Scene["call"] = async (method, path, body) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${KEY}`,
        prefer: "wait=30",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? null : JSON.parse(text) };
  };
  return {
    url,
    key: KEY,
    pool: database.pool,
    databaseUrl: database.url,
    call,
    async create(name, extra = {}) {
      const { body } = await call("POST", "/workspaces", {
        name,
        backend: "process",
        spec: WRITES,
        ...extra,
      });
      return body.id ?? body.workspace_id;
    },
    async close() {
      await standalone.interrupt();
      await database.drop();
    },
  };
}

/** What an operator may be woken for: failed starts, a breaker that holds, things that won't go. */
export async function makeSick({ pool, create }: Pick<Scene, "pool" | "create">): Promise<void> {
  for (const n of [1, 2, 3]) await create(`broken-${n}`, { spec: { command: ["/nonexistent/agent"] } });
  await setHeld(pool, "liveness", {
    looked_at: 115,
    would_act: 37,
    actions: Array.from({ length: 37 }, (_, n) => ({
      key: `k-${n}`,
      what: `take workspace ${randomUUID()} offline and restart it`,
      why: "its agent has been silent for 3 min",
    })),
  });
  await pool.query(
    `insert into resources (id, workspace_id, kind, backend, name, client_token, provider_id, generation, state,
       next_attempt_at, releasing_at, attempts, last_error)
     select gen_random_uuid(), gen_random_uuid(), 'instance', 'ec2', 'ws-' || n, 't', 'i-0123456789abcde' || n, 1, 'releasing',
       now() + interval '40 minutes', now() - interval '3 hours', 7,
       '{"code": "provider_error", "message": "the provider answered with 503", "provider_code": null}'
     from generate_series(1, 3) n`,
  );
  await pool.query(
    `insert into webhooks (id, url, description, labels, enabled, disabled_reason, created_by, secret, place)
     values (gen_random_uuid(), 'https://chat.example.com/berth', '', '{}', false, 'it answered 410 Gone', 'admin', 'none', 0)`,
  );
}
