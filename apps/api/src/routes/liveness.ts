import { listeningFor } from "@berth/core/db/heartbeats";
import { LISTENER_GONE_MS } from "@berth/core/agents/heartbeat";
import { livenessOfSweeps } from "@berth/core/sweeps/state";
import Type from "typebox";
import { answer } from "../schemas/answers.js";
import { nullable } from "../schemas/common.js";
import { problems } from "../schemas/problem.js";
import { SWEEP_HEALTH_EXAMPLE, SweepHealth, SweepName, viewSweepHealth } from "../schemas/sweep.js";
import type { App, Services } from "../services.js";

const Liveness = Type.Object({
  status: Type.Enum(["ok", "silent", "never"], {
    description: "`silent`: a sweep hasn't run for twice its interval. `never`: no worker has run here yet.",
  }),
  silent: Type.Array(SweepName),
  held: Type.Array(SweepName, { description: "Those whose breaker waits for an approval." }),
  paused: Type.Array(SweepName),
  heartbeats_taken_for_ms: nullable(Type.Integer(), {
    description: "For how long heartbeats have been taken without a break; null: nobody takes them.",
  }),
  sweeps: Type.Array(SweepHealth),
});

export function livenessRoutes(app: App, { pool }: Services): void {
  app.get(
    "/admin/liveness",
    {
      config: { access: "viewer", relieves: true },
      schema: {
        operationId: "liveness",
        summary: "Does Berth itself heal what it should?",
        description: "How each sweep fares. For a probe that restarts or routes, see `/health` and `/ready`.",
        tags: ["health"],
        response: {
          200: answer("How it fares.", Liveness, {
            status: "ok",
            silent: [],
            held: ["instance-state"],
            paused: [],
            heartbeats_taken_for_ms: 86_400_000,
            sweeps: [SWEEP_HEALTH_EXAMPLE],
          }),
          ...problems(),
        },
      },
    },
    async () => {
      const [sweeps, heartbeats_taken_for_ms] = await Promise.all([
        livenessOfSweeps(pool),
        listeningFor(pool, LISTENER_GONE_MS),
      ]);
      const those = (test: (sweep: (typeof sweeps)[number]) => boolean) =>
        sweeps.filter(test).map((sweep) => sweep.name);
      const silent = those((sweep) => sweep.silent);
      const began = sweeps.some((sweep) => sweep.registered);
      return {
        status: silent.length > 0 ? ("silent" as const) : began ? ("ok" as const) : ("never" as const),
        silent,
        held: those((sweep) => sweep.held !== null),
        paused: those((sweep) => sweep.paused),
        heartbeats_taken_for_ms,
        sweeps: sweeps.map(viewSweepHealth),
      };
    },
  );
}
