import type { Contact } from "@berth/core/domain/place";
import { listPlaceWorkers, WORKER_SILENT_MS, type PlaceWorker } from "@berth/core/db/place-workers";
import { listWaiting, type Waiting } from "@berth/core/db/now";
import { getOperations } from "@berth/core/db/operations";
import { within } from "@berth/core/base/deadline";
import { BerthError } from "@berth/core/base/errors";
import { livenessOfSweeps, type SweepLiveness } from "@berth/core/sweeps/state";
import Type from "typebox";
import { answer } from "../schemas/answers.js";
import { problems } from "../schemas/problem.js";
import { DEAF } from "../live/signals.js";
import type { App, Services } from "../services.js";

const PING_LIMIT_MS = 2_000;
const QUEUES_DOWN =
  "queues: their store can't be written; requests are accepted, and are carried out when it is back";
const NO_WORKER =
  "workers: none has given a sign of life in the last 30 s; requests are accepted, and are carried out when one runs";
/** Other contacts have the words of a provider's failure, which aren't for everybody. */
const TELLING: readonly Contact[] = ["confirmed", "mismatch", "taken", "unconfirmed", "copied"];
/** For how long an operation may wait for a worker until that is said, in ms. */
const WAIT_LATE_MS = 60_000;
/** Of how many places at most it is said. */
const MAX_LATE_PLACES = 10;
const State = Type.Enum(["up", "down"]);

export function healthRoutes(app: App, services: Services): void {
  const { vitalPool: pool, queues, config } = services;
  const startedAt = performance.now();

  app.get(
    "/health",
    {
      config: { access: "public", unlimited: true },
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
      config: { access: "public", unlimited: true },
      logLevel: "warn",
      schema: {
        operationId: "ready",
        summary: "Can this process serve requests?",
        description:
          "It can while PostgreSQL answers and the sweeps run. Requests are accepted without the queues' store; what " +
          "they ask for then waits until it is back, as `degraded` says. A store that can only be read, as a replica of " +
          "Redis, is down. A sweep that a worker has once run here, that isn't paused, and " +
          "that has been silent for more than twice its interval since then and since this process started, makes it " +
          "not ready: before any worker there is nothing to be silent, and after an outage the workers may wait for us.",
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
              held: Type.Array(
                Type.Object({
                  sweep: Type.String(),
                  would_act: Type.Integer(),
                  since: Type.String({ format: "date-time" }),
                  approve: Type.String({ description: "The call that lets the sweep act." }),
                }),
                { description: "Sweeps whose breaker waits for a person. They make nothing unready." },
              ),
              degraded: Type.Array(Type.String(), {
                description: "What is worse than it should be, and what that does: a sentence each.",
              }),
            }),
            { status: "ready", postgres: "up", queues: "up", queues_on: "redis", degraded: [], held: [] },
          ),
          ...problems("database_unavailable", "sweeps_silent"),
        },
      },
    },
    async () => {
      const queues_on = config.redisUrl === null ? ("postgres" as const) : ("redis" as const);
      const [postgres, queue, sweeps, contacts, waiting] = await Promise.all([
        // The table that every request needs, so that a database without our schema isn't ready either.
        answers(getOperations(pool, [])),
        answers(queues.ping()),
        valueOf(livenessOfSweeps(pool)),
        valueOf(listPlaceWorkers(pool, WORKER_SILENT_MS)),
        valueOf(listWaiting(pool, WAIT_LATE_MS)),
      ]);
      if (postgres === "down")
        throw new BerthError("database_unavailable", "PostgreSQL does not answer", {
          postgres,
          queues: queue,
          queues_on,
        });
      const degraded = [
        queue === "up" ? null : QUEUES_DOWN,
        queues.other,
        services.signals.deaf ? DEAF : null,
        ...wrongPlaces(contacts ?? []),
        ...unworked(contacts, waiting ?? []),
      ].filter((one) => one !== null);
      const upMs = performance.now() - startedAt;
      const silent = (sweeps ?? []).filter((sweep) => isMissed(sweep, upMs));
      if (silent.length > 0)
        throw new BerthError("sweeps_silent", `silent: ${silent.map((sweep) => sweep.name).join(", ")}`, {
          silent: silent.map(({ name, every_ms, quiet_ms }) => ({ name, every_ms, quiet_ms })),
          degraded,
          postgres,
          queues: queue,
          queues_on,
        });
      return {
        status: "ready" as const,
        postgres,
        queues: queue,
        queues_on,
        degraded,
        held: heldOf(sweeps ?? []),
      };
    },
  );
}

/** Workers that reach another place than the one meant, or one that others work in as well: in one sentence each (I12). */
function wrongPlaces(contacts: readonly PlaceWorker[]): string[] {
  const wrong = contacts.filter(({ state }) => TELLING.includes(state));
  return [...new Set(wrong.flatMap(({ problem }) => problem ?? []))];
}

/** That nobody lives who could carry out what is accepted, or that nobody does: in a sentence for each place. */
function unworked(contacts: readonly PlaceWorker[] | null, waiting: readonly Waiting[]): string[] {
  if (contacts === null) return [];
  if (contacts.length === 0) return [NO_WORKER];
  return waiting.slice(0, MAX_LATE_PLACES).map(({ place, n, since }) => {
    const reaching = contacts.filter((one) => one.place === place && one.state === "confirmed").length;
    const seconds = Math.round((Date.now() - since.getTime()) / 1_000);
    const who = reaching === 0 ? "no live worker serves it" : `${reaching} live worker(s) serve it`;
    return `place ${place}: ${n} operation(s) wait for a worker, the first for ${seconds} s; ${who}`;
  });
}

function heldOf(sweeps: readonly SweepLiveness[]) {
  return sweeps.flatMap(({ name, held }) =>
    held === null
      ? []
      : {
          sweep: name,
          would_act: held.would_act,
          since: new Date(held.at).toISOString(),
          approve: `POST /sweeps/${name}/approve`,
        },
  );
}

/** A worker that waits until we are ready must get its chance to run it. */
function isMissed(sweep: SweepLiveness, upMs: number): boolean {
  return sweep.silent && sweep.every_ms !== null && upMs > 2 * sweep.every_ms;
}

async function answers(ping: Promise<unknown>): Promise<"up" | "down"> {
  return (await valueOf(ping.then(() => true))) === null ? "down" : "up";
}

/** Null if it fails, or isn't there in time. */
function valueOf<T>(work: Promise<T>): Promise<T | null> {
  return within(PING_LIMIT_MS, [], () => work).catch(() => null);
}
