import { countOperations, countWorkspaces } from "@berth/core/db/counts";
import { listMute, listUnwell, listWaiting } from "@berth/core/db/now";
import { reportPlaces } from "@berth/core/db/places";
import { within } from "@berth/core/base/deadline";
import { listLeaks } from "@berth/core/requests/leaks";
import { livenessOfSweeps } from "@berth/core/sweeps/state";
import { type Seen, troublesOf } from "../now/troubles.js";
import { answer } from "../schemas/answers.js";
import { Now, NOW_EXAMPLE, type Trouble } from "../schemas/now.js";
import { problems } from "../schemas/problem.js";
import type { App, Services } from "../services.js";

/** What waits for a worker for so long is told, in ms. */
const WAIT_LATE_MS = 60_000;
/** What is to go and isn't gone after so long is told, in ms. */
const REMOVAL_LATE_MS = 120_000;
/** Reasons of failed and offline workspaces, and things that are to go, of which each is looked at. */
const MAX_REASONS = 30;
const MAX_LATE = 1_000;
/** For so long it is told what a webhook has missed, in ms: by then somebody has sent it again, or doesn't want it. */
const MISSED_FOR_MS = 86_400_000;
const PING_LIMIT_MS = 2_000;

export function nowRoutes(app: App, { config, pool, prices, queues, signals }: Services): void {
  app.get(
    "/now",
    {
      config: { access: "viewer", tenants: "shared", relieves: true },
      schema: {
        operationId: "now",
        summary: "What is wrong now, and who does what about it",
        description:
          "The gravest first: what Berth does about it and when next, and what waits for a person. Empty means well. " +
          "For a key of a tenant: of its workspaces.",
        tags: ["health"],
        response: { 200: answer("Now.", Now, NOW_EXAMPLE), ...problems() },
      },
    },
    async ({ caller: { tenant } }) => {
      const [workspaces, operations, unwell, waiting] = await Promise.all([
        countWorkspaces(pool, tenant),
        countOperations(pool, tenant),
        listUnwell(pool, MAX_REASONS, tenant),
        listWaiting(pool, WAIT_LATE_MS, tenant),
      ]);
      const at = new Date();
      const troubles =
        tenant === null ? await troublesOfAll({ unwell, waiting, at }) : troublesOf({ unwell, waiting });
      return {
        deployment_id: config.deploymentId,
        at: at.toISOString(),
        well: troubles.length === 0,
        troubles,
        workspaces,
        operations: operations.unfinished,
        ended_last_hour: operations.ended,
      };
    },
  );

  async function troublesOfAll({
    at,
    ...seen
  }: Pick<Seen, "unwell" | "waiting"> & { at: Date }): Promise<Trouble[]> {
    const [places, sweeps, leaks, webhooks, queuesUp] = await Promise.all([
      reportPlaces(pool),
      livenessOfSweeps(pool),
      listLeaks(pool, { prices, limit: MAX_LATE }),
      listMute(pool, { lateMs: WAIT_LATE_MS, deadMs: MISSED_FOR_MS }),
      within(PING_LIMIT_MS, [], () => queues.ping()).then(
        () => true,
        () => false,
      ),
    ]);
    const late = leaks.filter(({ since }) => +at - +since > REMOVAL_LATE_MS);
    const deaf = signals.deaf;
    return troublesOf({ ...seen, fleet: { places, sweeps, late, webhooks, queuesUp, deaf } });
  }
}
