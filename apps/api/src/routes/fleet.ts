import { randomBytes } from "node:crypto";
import { countOperations, countWorkspaces } from "@berth/core/db/counts";
import { countLeaks, countUnderWay } from "@berth/core/db/leaks";
import { reportPlaces } from "@berth/core/db/places";
import { listLeaks } from "@berth/core/requests/leaks";
import { livenessOfSweeps } from "@berth/core/sweeps/state";
import { fleetPage } from "../fleet/page.js";
import type { App, Services } from "../services.js";

const LEAKS_SHOWN = 50;

/** The fleet page, for operators' browsers. */
export function fleetRoutes(app: App, { config, pool, prices }: Services): void {
  app.get(
    "/admin/fleet",
    { config: { access: "viewer", browser: true, relieves: true }, schema: { hide: true } },
    async (_request, reply) => {
      const [workspaces, operations, places, sweeps, leaks, leakCounts, underWay] = await Promise.all([
        countWorkspaces(pool),
        countOperations(pool),
        reportPlaces(pool),
        livenessOfSweeps(pool),
        // What an ordinary delete is about to release is no leak yet.
        listLeaks(pool, { prices, limit: LEAKS_SHOWN, underWay: false }),
        countLeaks(pool),
        countUnderWay(pool),
      ]);
      const nonce = randomBytes(16).toString("base64");
      const page = fleetPage(
        {
          deploymentId: config.deploymentId,
          at: new Date(),
          workspaces,
          operations: operations.unfinished,
          places,
          sweeps,
          leaks,
          underWay,
          leakCount: Math.max(
            leakCounts.reduce((sum, one) => sum + one.n, 0),
            leaks.length,
          ),
        },
        nonce,
      );
      return reply
        .header(
          "content-security-policy",
          `default-src 'none'; style-src 'nonce-${nonce}'; frame-ancestors 'none'`,
        )
        .type("text/html; charset=utf-8")
        .serializer((text: string) => text)
        .send(page);
    },
  );
}
