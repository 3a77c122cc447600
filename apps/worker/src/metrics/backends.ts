import type { Backend } from "@berth/core/compute/backend";
import { measured } from "@berth/core/compute/decorate";
import type { Ec2Options } from "@berth/core/compute/ec2/settings";
import { figuresOf } from "@berth/core/metrics/figures";
import type { Registry } from "prom-client";

export interface BackendFigures {
  /** The backend, with each call counted and timed from outside. */
  measure(place: string, backend: Backend): Backend;
  /** Told of each request that the SDK sends. */
  ec2(place: string): NonNullable<Ec2Options["observe"]>;
}

/** What this worker asks its places, by their name: those of its configuration, so there are few. */
export function backendFigures(registry: Registry): BackendFigures {
  const { counter, histogram } = figuresOf(registry);
  const calls = counter(
    "berth_provider_calls_total",
    "Calls of a backend, by how they ended: ok, or the error's code.",
    "place",
    "call",
    "outcome",
  );
  const callTimes = histogram(
    "berth_provider_call_duration_seconds",
    "How long calls of a backend took, with their retries and their waits for the limiter.",
    "place",
    "call",
  );
  const requests = counter(
    "berth_ec2_requests_total",
    "Requests to AWS, each attempt by itself: ok, throttled or failed.",
    "place",
    "action",
    "outcome",
  );
  const requestTimes = histogram(
    "berth_ec2_request_duration_seconds",
    "How long requests to AWS took, without their wait for the limiter.",
    "place",
    "action",
  );
  const waits = histogram(
    "berth_ec2_limiter_wait_seconds",
    "How long requests to AWS waited for this worker's own limiter.",
    "place",
    "action",
  );
  return {
    measure: (place, backend) =>
      measured(backend, ({ method: call, ms, outcome }) => {
        calls.inc({ place, call, outcome });
        callTimes.observe({ place, call }, ms / 1_000);
      }),
    ec2:
      (place) =>
      ({ action, outcome, ms, waitedMs }) => {
        requests.inc({ place, action, outcome });
        requestTimes.observe({ place, action }, ms / 1_000);
        waits.observe({ place, action }, waitedMs / 1_000);
      },
  };
}
