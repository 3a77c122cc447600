import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Backend } from "@berth/core/compute/backend";
import { variablesFor, type WorkerConfig } from "@berth/core/config/config";
import { readPolicyFile } from "@berth/core/config/policy-file";
import type { Pool } from "@berth/core/db/pool";
import { CLAIMS_BY_PLACE } from "@berth/core/db/gates";
import type { Operation } from "@berth/core/db/operations";
import { RETRY_JITTER } from "@berth/core/domain/backoff";
import { createGate } from "@berth/core/gate/gate";
import { createLeaseKeeper } from "@berth/core/gate/lease";
import { ShutdownError } from "@berth/core/gate/verdict";
import { createRunner } from "@berth/core/operations/runner";
import type { Queues } from "@berth/core/queues/producer";
import type { Logger } from "@berth/core/base/logger";
import { keepPlaces, type ServedPlaces } from "@berth/core/places/keeper";
import { countAccepted } from "@berth/core/metrics/accepted";
import { Registry } from "prom-client";
import { intervalsOf, settingsOf } from "@berth/core/sweeps/settings";
import { operationFigures } from "./metrics/operations.js";
import { sweepFigures } from "./metrics/sweeps.js";
import { webhookFigures } from "./metrics/webhooks.js";
import { openPlaceQueues } from "./place-queues.js";
import { startSweeper } from "./sweeper.js";
import { startWebhooks } from "./webhooks.js";

export interface WorkerDeps {
  config: WorkerConfig;
  pool: Pool;
  queues: Queues;
  /** What it is to serve, by the name of the place. It does as soon as that place has answered for itself (I12). */
  backends: ReadonlyMap<string, Backend>;
  /** What a place that is new has at first. */
  firstSettings?: ServedPlaces["first"];
  logger: Logger;
  /** Where its figures are; absent: nobody looks at them. */
  registry?: Registry;
  /** Called around each step; tests end the process here. */
  onStep?: ((operation: Operation, step: string, moment: "before" | "after") => void) | undefined;
}

export interface RunningWorker {
  /** Resolves when each of its places has been asked once who it is, and what it said is written down. Never rejects. */
  readonly asked: Promise<void>;
  /** The places that it serves now, by name. */
  served(): string[];
  /** From now on it serves these. What is under way in one that is gone is handed back, and nothing of it is spent. */
  serve(places: ServedPlaces): void;
  /**
   * Takes no more work, waits up to the grace time for what runs, hands back the rest, and ends. The backends
   * and the pool stay open: their owner closes them.
   */
  close(): Promise<void>;
}

const MAX_TAKEOVERS = 20;
/** After the first restart that failed for a cause that may pass. */
const FIRST_RESTART_PAUSE_MS = 30_000;
/** How long after its launch a workspace that Berth restarts again and again is restarted once more. */
const AUTO_RESTART_BACKOFF = { delayMs: 30_000, maxDelayMs: 600_000, jitter: 0 };
/** What handing back may take after the grace time, in ms. */
const HAND_BACK_MS = 5_000;

/** Starts a worker in this process: operations, sweeps, logs and webhooks. */
export function startWorker(deps: WorkerDeps): RunningWorker {
  const { config, pool, queues, logger } = deps;
  const owner = `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}${CLAIMS_BY_PLACE}`;
  const shutdown = new AbortController();
  const { backends, firstSettings: first = new Map() } = deps;
  const { registry = new Registry() } = deps;
  const figures = operationFigures(registry);
  const dispatcher = countAccepted(registry, queues.dispatcher);
  const { copyStaleMs } = config;
  const places = keepPlaces({ pool, worker: owner, backends, first, logger, copyStaleMs });
  const gate = figures.gate(
    createGate({
      pool,
      dispatcher: queues.dispatcher,
      owner,
      leaseMs: config.leaseMs,
      places: () => [...places.served.keys()],
    }),
  );
  const leases = createLeaseKeeper({
    renew: gate.renew,
    leaseMs: config.leaseMs,
    onError: (error) => logger.warn({ err: error }, "leases not renewed"),
  });
  const shared = {
    pool,
    gate,
    leases,
    backends: places.served,
    limits: {
      startTimeoutMs: config.startTimeoutMs,
      stopTimeoutMs: config.stopGraceMs + config.callTimeoutMs,
      publicUrl: config.agentsUrl ?? config.publicUrl ?? "",
      deploymentId: config.deploymentId,
    },
    retry: { delayMs: config.retryDelayMs, maxDelayMs: config.retryMaxDelayMs, jitter: RETRY_JITTER },
    restartPause: {
      delayMs: Math.min(FIRST_RESTART_PAUSE_MS, config.restartLongestPauseMs),
      maxDelayMs: config.restartLongestPauseMs,
      jitter: RETRY_JITTER,
    },
    random: Math.random,
  };
  const runner = createRunner({
    ...shared,
    attemptTimeoutMs: config.attemptTimeoutMs,
    maxTakeovers: MAX_TAKEOVERS,
    secret: config.secret,
    policy: readPolicyFile(config.policyFile),
    secretSources: {
      directory: config.secretsDir,
      variables: variablesFor(config.secretsEnvPrefix),
      accountPrefix: config.secretsAwsPrefix,
    },
    logger,
    onStep: figures.onStep(deps.onStep),
  });
  const run = figures.run(runner);
  const onError = quietly(logger);
  const queuesOfPlaces = openPlaceQueues({
    config,
    pool,
    served: places.served,
    processor: {
      gate,
      run,
      shutdown: shutdown.signal,
      serves: (place) => places.served.has(place),
      parkMs: config.parkMs,
    },
    logger,
    onError,
  });
  const sweeper = startSweeper({
    config,
    pool,
    queues,
    owner,
    everyMs: intervalsOf(config),
    deps: {
      ...shared,
      dispatcher,
      maxAttempts: config.retryAttempts,
      autoRestart: {
        debounceMs: config.restartDebounceMs,
        limit: config.autoRestartLimit,
        windowMs: config.autoRestartWindowMs,
        backoff: AUTO_RESTART_BACKOFF,
        giveUpAfterMs: config.restartGiveUpMs,
      },
      settings: settingsOf(config),
      logger,
    },
    logger,
    measure: sweepFigures(registry),
  });
  const asked = places.start({
    onServed(place, served) {
      queuesOfPlaces.serve(place, served);
      sweeper.serve(place, served);
    },
    onBack: sweeper.hurry,
  });
  const webhooks = startWebhooks({ config, pool, queues, logger, observe: webhookFigures(registry) });
  logger.info({ owner, places: [...backends.keys()], concurrency: config.concurrency }, "worker started");

  return {
    asked,
    served: () => [...places.served.keys()],
    serve: places.replace,
    async close() {
      const grace = setTimeout(
        () => shutdown.abort(new ShutdownError("the worker is ending")),
        config.shutdownGraceMs,
      );
      const limitMs = config.shutdownGraceMs + HAND_BACK_MS;
      await Promise.all([queuesOfPlaces.close(limitMs), sweeper.close(limitMs), webhooks.close(limitMs)]);
      clearTimeout(grace);
      leases.close();
      await places.close();
      logger.info("worker ended");
    },
  };
}

/** An unreachable Redis fails many times a second: one line every five seconds says so. */
function quietly(logger: Logger): (error: Error) => void {
  let last = 0;
  return (error) => {
    if (Date.now() - last < 5_000) return;
    last = Date.now();
    logger.warn({ err: error }, "queue");
  };
}
