import { Histogram, type Registry } from "prom-client";
import type { App } from "../services.js";

/** Bounds in seconds: most requests take a few ms, one that waits up to two minutes. */
const BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 120];

/** Times every request by its route's pattern, so that ids make no series of their own. */
export function measureRequests(app: App, registry: Registry): void {
  const durations = new Histogram({
    name: "berth_http_request_duration_seconds",
    help: "Time from a request's arrival to the end of its answer.",
    labelNames: ["method", "route", "status"] as const,
    buckets: BUCKETS,
    registers: [registry],
  });
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "none";
    // A method is the caller's own text where there is no route.
    const method = route === "none" ? "any" : request.method;
    durations.observe({ method, route, status: reply.statusCode }, reply.elapsedTime / 1_000);
  });
}
