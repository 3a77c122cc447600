import { readConfig } from "@berth/core/config/config";
import type { Pool } from "@berth/core/db/pool";
import { createGate, type Gate } from "@berth/core/gate/gate";
import { succeeded } from "@berth/core/gate/endings";
import { createLogger } from "@berth/core/base/logger";
import { openQueues, type Queues } from "@berth/core/queues/producer";
import { getWorkspace } from "@berth/core/db/workspaces";
import { type RunningApi, startApi } from "@berth/api/start";
import { fleetEnvironment } from "../support/fleet.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";

export const KEY = "test-admin-key-0123456789";
export const PROCESS_SPEC = { command: ["sleep", "60"] };

export interface Answer {
  status: number;
  headers: Headers;
  // The tests say what it must be.
  // eslint-disable-next-line typescript/no-explicit-any
  body: any;
}

export interface TestApi {
  running: RunningApi;
  url: string;
  databaseUrl: string;
  pool: Pool;
  queues: Queues;
  gate: Gate;
  /** Sends a request with the key; a body that isn't text is sent as JSON. */
  call(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<Answer>;
  /** Creates a workspace and returns what the API said. */
  create(extra?: Record<string, unknown>): Promise<Answer["body"]>;
  /** Ends the operation at the head of a workspace, as a worker would. */
  finish(workspaceId: string, ticket: number, failure?: { code: string; message: string }): Promise<void>;
  close(): Promise<void>;
}

/** The API over real HTTP on a database of its own, or the one given, with no worker. */
export async function startTestApi(
  redisUrl: string | null,
  env: Readonly<Record<string, string>> = {},
  database: Pick<TestDatabase, "url" | "pool" | "drop"> | null = null,
): Promise<TestApi> {
  database ??= await createTestDatabase();
  const config = readConfig(
    "api",
    fleetEnvironment(database.url, redisUrl, {
      PORT: "0",
      HOST: "127.0.0.1",
      BERTH_ADMIN_KEY: KEY,
      ...env,
    }),
  );
  const logger = createLogger(config, "test");
  const queues = await openQueues(config, () => undefined, database.pool);
  const running = await startApi({ config, pool: database.pool, queues, logger });
  const gate = createGate({
    pool: database.pool,
    dispatcher: queues.dispatcher,
    owner: "test",
    leaseMs: 60_000,
  });
  const call: TestApi["call"] = async (method, path, { body, headers } = {}) => {
    const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
    const response = await fetch(running.url + path, {
      method,
      headers: {
        authorization: `Bearer ${KEY}`,
        ...(text === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(text === undefined ? {} : { body: text }),
    });
    return { status: response.status, headers: response.headers, body: await read(response) };
  };
  return {
    running,
    url: running.url,
    databaseUrl: database.url,
    pool: database.pool,
    queues,
    gate,
    call,
    async create(extra = {}) {
      const { body } = await call("POST", "/workspaces", {
        body: { name: "w", spec: PROCESS_SPEC, ...extra },
      });
      return body;
    },
    async finish(workspaceId, ticket, failure) {
      const claimed = await gate.claim(workspaceId, ticket);
      if (claimed === null) throw new Error(`ticket ${ticket} of ${workspaceId} isn't next`);
      const { hold, operation } = claimed;
      const workspace = await getWorkspace(database.pool, workspaceId);
      const end =
        failure === undefined
          ? succeeded(operation, workspace!)
          : {
              state: "failed" as const,
              error: { ...failure, provider_code: null },
              status: operation.kind === "delete" ? null : ("failed" as const),
              statusReason: failure.message,
              events: [],
            };
      await gate.finish({ hold, ...end });
    },
    async close() {
      await running.close();
      await queues.close();
      await database.drop();
    },
  };
}

async function read(response: Response): Promise<unknown> {
  const text = await response.text();
  return response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text;
}
