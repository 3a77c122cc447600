import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { FastifyAdapter } from "@bull-board/fastify";
import { listPlacesInUse } from "@berth/core/db/places";
import { jobAccess, QUEUES_PATH } from "../auth/scopes.js";
import type { App, Services } from "../services.js";

/** Its page has an inline style, and asks for its fonts elsewhere; without them it uses the system's. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** With a way from an operation's job to its page in the console. */
function shownQueue(queue: unknown): BullMQAdapter {
  return new BullMQAdapter(queue as never, {
    externalJobUrl: ({ data }) => {
      const { operationId } = (data ?? {}) as { operationId?: string };
      return operationId === undefined
        ? { displayText: "Console", href: "/" }
        : { displayText: "Its operation in the console", href: `/#/operations/${operationId}` };
    },
  });
}

/** Bull Board: all queued work, in the browser. */
export async function queueRoutes(
  app: App,
  { pool, queues }: Pick<Services, "pool" | "queues">,
): Promise<void> {
  const adapter = new FastifyAdapter();
  adapter.setBasePath(QUEUES_PATH);
  const shown = [queues.unplaced, queues.sweeps, queues.webhooks].map(shownQueue);
  const places = new Set<string>();
  const board = createBullBoard({
    queues: shown,
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: "Berth", miscLinks: [{ text: "Console", url: "/" }] } },
  });
  // Thrown again, it gets to the app's own handler.
  adapter.setErrorHandler((error) => {
    throw error;
  });
  await app.register(async (scope) => {
    scope.addHook("onRoute", (route) => {
      const wants = [route.method].flat().map(jobAccess);
      const access = wants.includes("admin") ? "admin" : "operator";
      route.config = { ...route.config, access, browser: true, relieves: true };
    });
    scope.addHook("onRequest", async (_request, reply) => {
      // What the database doesn't tell now is shown later.
      for (const { name: place } of await listPlacesInUse(pool).catch(() => [])) {
        if (places.has(place)) continue;
        places.add(place);
        for (const queue of [queues.operationsOf(place), queues.endsOf(place)])
          board.addQueue(shownQueue(queue));
      }
      void reply.header("content-security-policy", CONTENT_SECURITY_POLICY);
    });
    await scope.register(adapter.registerPlugin(), { prefix: QUEUES_PATH });
  });
}
