import type { Registry } from "prom-client";
import Type from "typebox";
import { measureApi } from "../metrics/process.js";
import { createStateMetrics } from "../metrics/state.js";
import { problems } from "../schemas/problem.js";
import type { App, Services } from "../services.js";

const EXAMPLE = `# HELP berth_sweep_silent 1 if a sweep is silent for over twice its interval.
# TYPE berth_sweep_silent gauge
berth_sweep_silent{sweep="dispatch"} 0
`;

/** What Prometheus reads. */
export function metricsRoutes(app: App, services: Services, registry: Registry): void {
  measureApi(registry, services);
  const state = createStateMetrics(registry, services);

  app.get(
    "/metrics",
    {
      config: { access: "viewer", unlimited: true },
      logLevel: "warn",
      schema: {
        operationId: "metrics",
        summary: "Figures for Prometheus",
        description:
          "Of this process (`berth_http_…`, `nodejs_…`, `process_…`), and of the whole deployment, which every API process " +
          "tells alike: take the maximum over them, not the sum. Answers 200 also while PostgreSQL or the queues " +
          "don't; `berth_source_up` says which figures are missing.",
        tags: ["health"],
        response: {
          200: {
            description: "Prometheus's text format.",
            content: { "text/plain": { schema: Type.String(), examples: { example: { value: EXAMPLE } } } },
          },
          ...problems(),
        },
      },
    },
    async (_request, reply) => {
      await state.refresh();
      void reply.type(registry.contentType).serializer((text: string) => text);
      return registry.metrics();
    },
  );
}
