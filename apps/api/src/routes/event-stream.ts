import { defined } from "@berth/core/base/defined";
import { idAt, placeOf } from "@berth/core/db/events";
import { BerthError } from "@berth/core/base/errors";
import type { FastifyReply } from "fastify";
import Type from "typebox";
import type { Keyring } from "../auth/keyring.js";
import { REVOKED_WITHIN_MS } from "../auth/keyring.js";
import { createShares } from "../limits/shares.js";
import { eventFilter } from "../live/filter.js";
import { openStream } from "../live/stream.js";
import { query, uuid } from "../schemas/common.js";
import { EVENT_TYPES } from "../schemas/event.js";
import { EVENT_EXAMPLE } from "../schemas/examples.js";
import { LABEL_FILTER } from "../schemas/filters.js";
import { problems } from "../schemas/problem.js";
import type { App, Services } from "../services.js";

const Query = query({
  workspace_id: Type.Optional(uuid("Only events of this workspace.")),
  type: Type.Optional(EVENT_TYPES),
  label: Type.Optional(LABEL_FILTER),
});
const Headers = Type.Object({
  "last-event-id": Type.Optional(
    Type.String({ description: "Go on after the event with this id; 0 for all.", examples: ["4711"] }),
  ),
});

const KEEP_ALIVE_MS = 15_000;
const EXAMPLE = `retry: 2000

id: ${EVENT_EXAMPLE.id}
data: ${JSON.stringify(EVENT_EXAMPLE)}

: alive

event: end
data: {"reason":"shutdown"}

`;

export function eventStreamRoutes(app: App, { pool, feed, config }: Services, keyring: Keyring): void {
  const shares = createShares(config.maxStreams, "event streams", "overloaded");
  app.get(
    "/events/stream",
    {
      exposeHeadRoute: false,
      config: { access: "viewer", tenants: "labels" },
      schema: {
        operationId: "streamEvents",
        summary: "Follow what happens",
        description:
          "Server-Sent Events: each event as JSON with its `id`, from now on or after `Last-Event-ID`, with none lost " +
          "and none repeated. Filters are combined; labels are those that the workspace has now. A comment comes every " +
          "15 s. `event: end` tells why the stream ends: `slow` (the client read too slowly), `shutdown` or " +
          "`key_refused`; but for the last, connect again with the last id. `event: gap`: that id is no longer kept.",
        tags: ["events"],
        querystring: Query,
        headers: Headers,
        response: {
          200: {
            description: "A stream that goes on until one side ends it.",
            headers: {
              "Last-Event-ID": {
                type: "string",
                description: "Of a stream that begins now: the id after which it does.",
              },
            },
            content: {
              "text/event-stream": { schema: Type.String(), examples: { example: { value: EXAMPLE } } },
            },
          },
          ...problems("invalid_request", "overloaded"),
        },
      },
    },
    async (request, reply) => {
      const { workspace_id, type, label } = request.query;
      const last = lastIdOf(request.headers["last-event-id"] as string | undefined);
      const { keyId } = request.caller;
      let begin: number | undefined;
      const from = last === null ? null : await beginning(last);
      const open = () =>
        openStream(feed, {
          matches: eventFilter({
            ...defined({ workspace_id, type, label }),
          }),
          from,
          keepAliveMs: KEEP_ALIVE_MS,
          isAllowed: async () => (await keyring.byId(keyId)) !== null,
          aliveEveryMs: REVOKED_WITHIN_MS,
          onBegin: (place) => (begin = place),
        });
      const stream = await shares.hold(request.caller, open);
      // So that a client whose stream is cut before anything came loses nothing either.
      if (begin !== undefined) {
        const id = await idAt(pool, begin).catch((error: unknown) => {
          stream.destroy();
          throw error;
        });
        void reply.header("last-event-id", String(id));
      }
      // The connection ends with the stream: it would keep a process that is ending waiting for another request.
      void reply.header("connection", "close").header("x-accel-buffering", "no");
      const bare: FastifyReply = reply.type("text/event-stream");
      return bare.send(stream);
    },
  );

  const beginning = async (id: number): Promise<{ place: number; gap: boolean }> => {
    const place = id === 0 ? 0 : await placeOf(pool, id);
    return { place: place ?? 0, gap: place === null };
  };
}

function lastIdOf(header: string | undefined): number | null {
  if (header === undefined || header === "") return null;
  if (/^\d{1,15}$/.test(header)) return Number(header);
  throw new BerthError("invalid_request", "Last-Event-ID: expected the id of an event", {
    errors: [{ field: "last-event-id", expected: "the id of an event, such as 4711" }],
  });
}
