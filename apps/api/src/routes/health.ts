import { getOperations } from "@berth/core/db/operations";
import { BerthError } from "@berth/core/errors";
import Type from "typebox";
import { answer } from "../schemas/answers.js";
import { problems } from "../schemas/problem.js";
import type { App, Services } from "../services.js";

const PING_LIMIT_MS = 2_000;
const State = Type.Enum(["up", "down"]);

export function healthRoutes(app: App, { pool, queues, config }: Services): void {
  app.get(
    "/health",
    {
      config: { access: "public" },
      logLevel: "warn",
      schema: {
        operationId: "health",
        summary: "Is this process up?",
        description: "Asks nothing else: restart the process if this fails.",
        tags: ["health"],
        security: [],
        response: { 200: answer("It is.", Type.Object({ status: Type.Literal("ok") }), { status: "ok" }) },
      },
    },
    async () => ({ status: "ok" as const }),
  );

  app.get(
    "/ready",
    {
      config: { access: "public" },
      logLevel: "warn",
      schema: {
        operationId: "ready",
        summary: "Can this process serve requests?",
        description:
          "It can while PostgreSQL answers. Requests are accepted without the queues' store; what they ask for " +
          "then waits until it is back.",
        tags: ["health"],
        security: [],
        response: {
          200: answer(
            "It can.",
            Type.Object({
              status: Type.Literal("ready"),
              postgres: State,
              queues: State,
              queues_on: Type.Enum(["redis", "postgres"]),
            }),
            { status: "ready", postgres: "up", queues: "up", queues_on: "redis" },
          ),
          ...problems("database_unavailable"),
        },
      },
    },
    async () => {
      const queues_on = config.redisUrl === null ? ("postgres" as const) : ("redis" as const);
      const [postgres, queue] = await Promise.all([
        // The table that every request needs, so that a database without our schema isn't ready either.
        answers(getOperations(pool, [])),
        answers(queues.ping()),
      ]);
      if (postgres === "down")
        throw new BerthError("database_unavailable", "PostgreSQL does not answer", {
          postgres,
          queues: queue,
          queues_on,
        });
      return { status: "ready" as const, postgres, queues: queue, queues_on };
    },
  );
}

async function answers(ping: Promise<unknown>): Promise<"up" | "down"> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<"down">((resolve) => {
    timer = setTimeout(() => resolve("down"), PING_LIMIT_MS);
  });
  const answered = ping.then(
    () => "up" as const,
    () => "down" as const,
  );
  try {
    return await Promise.race([answered, limit]);
  } finally {
    clearTimeout(timer);
  }
}
