import { listDeliveries, listWebhooks } from "@berth/core/db/webhooks";
import { createDestinations } from "@berth/core/webhooks/destinations";
import { BerthError } from "@berth/core/base/errors";
import {
  changeWebhook,
  createWebhook,
  pingWebhook,
  removeWebhook,
  requireDelivery,
  requireWebhook,
  retryDead,
  retryDelivery,
  rotateSecret,
} from "@berth/core/requests/webhooks";
import Type from "typebox";
import { etagOf } from "../../http/etag.js";
import { NoBody, withoutBody } from "../../http/no-body.js";
import { pageOf, positionOf } from "../../http/pages.js";
import { requesterOf } from "../../http/requester.js";
import { answer, ETAG, NEXT_PAGE } from "../../schemas/answers.js";
import { AFTER, ConditionHeaders, LIMIT, ref, uuid } from "../../schemas/common.js";
import { oneOrMore } from "../../schemas/filters.js";
import { problems } from "../../schemas/problem.js";
import {
  Delivery,
  DELIVERY_EXAMPLE,
  DELIVERY_STATES,
  viewDelivery,
  viewWebhook,
  Webhook,
  WEBHOOK_EXAMPLE,
  WebhookBody,
  WebhookPatch,
} from "../../schemas/webhook.js";
import type { App, Services } from "../../services.js";

const TAGS = ["webhooks"];
const Params = Type.Object({ id: uuid("Id of the webhook.") });
const DeliveryParams = Type.Object({
  id: uuid("Id of the webhook."),
  deliveryId: uuid("Id of the delivery."),
});
const PageQuery = Type.Object(
  { limit: Type.Optional(LIMIT), after: Type.Optional(AFTER) },
  { additionalProperties: false },
);
const DeliveriesQuery = Type.Object(
  {
    state: Type.Optional(oneOrMore(DELIVERY_STATES, "Only those in one of these states.")),
    limit: Type.Optional(LIMIT),
    after: Type.Optional(AFTER),
  },
  { additionalProperties: false },
);
const WithSecret = Type.Intersect([
  ref(Webhook),
  Type.Object({ secret: Type.String({ description: "What signs its requests: in this answer only." }) }),
]);
const SECRET_EXAMPLE = { ...WEBHOOK_EXAMPLE, secret: "whsec_…" };

/** Who is told of events, and what became of telling them. */
export function webhookRoutes(app: App, { config, pool }: Services): void {
  const destinations = createDestinations({
    allow: config.webhooksAllow ?? [],
    schemes: config.webhooksSchemes,
  });
  const attempts = config.webhooksAttempts;

  app.post(
    "/webhooks",
    {
      config: { access: "admin" },
      schema: {
        operationId: "createWebhook",
        summary: "Make a webhook",
        description:
          "It is told of each event from here on, at least once, in no certain order. Requests are signed as " +
          "https://www.standardwebhooks.com has it, with the secret in this answer, which can't be read again.",
        tags: TAGS,
        body: WebhookBody,
        response: {
          201: answer("It is made.", WithSecret, SECRET_EXAMPLE, ETAG),
          ...problems("invalid_request", "too_many_webhooks"),
        },
      },
    },
    async (request, reply) => {
      const {
        url,
        description = "",
        types = null,
        workspace_id = null,
        labels = {},
        enabled = true,
      } = request.body;
      requireDestination(url);
      const terms = {
        url,
        description,
        types,
        workspace_id,
        labels,
        enabled,
      };
      const { webhook, secret } = await createWebhook(pool, terms, requesterOf(request));
      void reply.code(201).header("etag", etagOf(webhook.version));
      return { ...viewWebhook(webhook), secret };
    },
  );

  app.get(
    "/webhooks",
    {
      config: { access: "operator" },
      schema: {
        operationId: "listWebhooks",
        summary: "List the webhooks",
        description: "The newest first, each with how many of its deliveries wait or were given up.",
        tags: TAGS,
        querystring: PageQuery,
        response: {
          200: answer("A page.", Type.Array(ref(Webhook)), [WEBHOOK_EXAMPLE], NEXT_PAGE),
          ...problems("invalid_request"),
        },
      },
    },
    async (request, reply) => {
      const { limit = 100, after } = request.query;
      const found = await listWebhooks(pool, { limit, after: positionOf(after) });
      return pageOf(request, reply, found, limit).map(viewWebhook);
    },
  );

  app.get(
    "/webhooks/:id",
    {
      config: { access: "operator" },
      schema: {
        operationId: "getWebhook",
        summary: "Read a webhook",
        tags: TAGS,
        params: Params,
        response: {
          200: answer("It.", ref(Webhook), WEBHOOK_EXAMPLE, ETAG),
          ...problems("invalid_id", "webhook_not_found"),
        },
      },
    },
    async (request, reply) => {
      const webhook = await requireWebhook(pool, request.params.id);
      void reply.header("etag", etagOf(webhook.version));
      return viewWebhook(webhook);
    },
  );

  app.patch(
    "/webhooks/:id",
    {
      config: { access: "admin" },
      schema: {
        operationId: "changeWebhook",
        summary: "Change a webhook",
        description: "What waits is then sent to where it leads now, beginning at once.",
        tags: TAGS,
        params: Params,
        headers: ConditionHeaders,
        body: WebhookPatch,
        response: {
          200: answer("As it is now.", ref(Webhook), { ...WEBHOOK_EXAMPLE, version: 2 }, ETAG),
          ...problems("invalid_request", "invalid_id", "webhook_not_found", "precondition_failed"),
        },
      },
    },
    async (request, reply) => {
      const change = request.body;
      if (change.url !== undefined) requireDestination(change.url);
      const webhook = await changeWebhook(pool, request.params.id, change, requesterOf(request));
      void reply.header("etag", etagOf(webhook.version));
      return viewWebhook(webhook);
    },
  );

  app.delete(
    "/webhooks/:id",
    {
      config: { access: "admin" },
      schema: {
        operationId: "deleteWebhook",
        summary: "Remove a webhook",
        description: "With its deliveries, also those that wait.",
        tags: TAGS,
        params: Params,
        headers: ConditionHeaders,
        response: {
          200: answer("It is gone; this is what it was.", ref(Webhook), WEBHOOK_EXAMPLE),
          ...problems("invalid_id", "webhook_not_found", "precondition_failed"),
        },
      },
    },
    async (request) => viewWebhook(await removeWebhook(pool, request.params.id, requesterOf(request))),
  );

  app.post(
    "/webhooks/:id/secret",
    {
      config: { access: "admin" },
      preValidation: withoutBody,
      schema: {
        operationId: "rotateWebhookSecret",
        summary: "Give a webhook a new secret",
        description: "For 24 h requests are signed with the one before as well.",
        tags: TAGS,
        params: Params,
        headers: ConditionHeaders,
        body: NoBody,
        response: {
          200: answer("With the new secret.", WithSecret, { ...SECRET_EXAMPLE, version: 2 }, ETAG),
          ...problems("invalid_request", "invalid_id", "webhook_not_found", "precondition_failed"),
        },
      },
    },
    async (request, reply) => {
      const { webhook, secret } = await rotateSecret(pool, request.params.id, requesterOf(request));
      void reply.header("etag", etagOf(webhook.version));
      return { ...viewWebhook(webhook), secret };
    },
  );

  app.post(
    "/webhooks/:id/ping",
    {
      config: { access: "operator" },
      preValidation: withoutBody,
      schema: {
        operationId: "pingWebhook",
        summary: "Try a webhook",
        description: "Sends it a `webhook.ping`, once. Read the delivery to see what it said.",
        tags: TAGS,
        params: Params,
        body: NoBody,
        response: {
          202: answer("It will be sent.", ref(Delivery), {
            ...DELIVERY_EXAMPLE,
            event_id: null,
            event_type: "webhook.ping",
            data: { webhook_id: WEBHOOK_EXAMPLE.id, requested_by: "admin" },
            state: "pending",
            attempts: 0,
            max_attempts: 1,
            next_attempt_at: DELIVERY_EXAMPLE.created_at,
            last_status: null,
            last_error: null,
            last_attempt_at: null,
            ended_at: null,
          }),
          ...problems("invalid_request", "invalid_id", "webhook_not_found", "webhook_disabled"),
        },
      },
    },
    async (request, reply) => {
      const delivery = await pingWebhook(pool, request.params.id, requesterOf(request));
      void reply.code(202);
      return viewDelivery(delivery);
    },
  );

  app.post(
    "/webhooks/:id/retry",
    {
      config: { access: "operator" },
      preValidation: withoutBody,
      schema: {
        operationId: "retryDeadDeliveries",
        summary: "Send all that was given up again",
        tags: TAGS,
        params: Params,
        body: NoBody,
        response: {
          202: answer(
            "They will be sent.",
            Type.Object({ retried: Type.Integer({ description: "How many deliveries." }) }),
            { retried: 3 },
          ),
          ...problems("invalid_request", "invalid_id", "webhook_not_found", "webhook_disabled"),
        },
      },
    },
    async (request, reply) => {
      const retried = await retryDead(pool, request.params.id, attempts, requesterOf(request));
      void reply.code(202);
      return { retried };
    },
  );

  app.get(
    "/webhooks/:id/deliveries",
    {
      config: { access: "operator" },
      schema: {
        operationId: "listWebhookDeliveries",
        summary: "List the deliveries of a webhook",
        description: "The newest first; `state=dead` is those that were given up.",
        tags: TAGS,
        params: Params,
        querystring: DeliveriesQuery,
        response: {
          200: answer("A page.", Type.Array(ref(Delivery)), [DELIVERY_EXAMPLE], NEXT_PAGE),
          ...problems("invalid_request", "invalid_id", "webhook_not_found"),
        },
      },
    },
    async (request, reply) => {
      const { state, limit = 100, after } = request.query;
      const { id } = await requireWebhook(pool, request.params.id);
      const filter = { ...(state === undefined ? {} : { states: state }), limit, after: positionOf(after) };
      return pageOf(request, reply, await listDeliveries(pool, id, filter), limit).map(viewDelivery);
    },
  );

  app.get(
    "/webhooks/:id/deliveries/:deliveryId",
    {
      config: { access: "operator" },
      schema: {
        operationId: "getWebhookDelivery",
        summary: "Read a delivery of a webhook",
        tags: TAGS,
        params: DeliveryParams,
        response: {
          200: answer("It.", ref(Delivery), DELIVERY_EXAMPLE),
          ...problems("invalid_id", "delivery_not_found"),
        },
      },
    },
    async (request) =>
      viewDelivery(await requireDelivery(pool, request.params.id, request.params.deliveryId)),
  );

  app.post(
    "/webhooks/:id/deliveries/:deliveryId/retry",
    {
      config: { access: "operator" },
      preValidation: withoutBody,
      schema: {
        operationId: "retryWebhookDelivery",
        summary: "Send a delivery again",
        description: "Whatever became of it: who receives it knows it by its `webhook-id`.",
        tags: TAGS,
        params: DeliveryParams,
        body: NoBody,
        response: {
          202: answer("It will be sent.", ref(Delivery), {
            ...DELIVERY_EXAMPLE,
            state: "pending",
            max_attempts: 24,
            next_attempt_at: "2026-11-24T12:05:00.000Z",
            ended_at: null,
          }),
          ...problems(
            "invalid_request",
            "invalid_id",
            "webhook_not_found",
            "delivery_not_found",
            "webhook_disabled",
          ),
        },
      },
    },
    async (request, reply) => {
      const wanted = { webhookId: request.params.id, id: request.params.deliveryId, attempts };
      const delivery = await retryDelivery(pool, wanted, requesterOf(request));
      void reply.code(202);
      return viewDelivery(delivery);
    },
  );

  /** @throws BerthError `invalid_request` */
  function requireDestination(text: string): void {
    const url = URL.canParse(text) ? new URL(text) : null;
    const fault = url === null ? "it can't be parsed" : destinations.fault(url);
    if (fault === null) return;
    const expected = "a URL that may be called, such as https://example.com/berth";
    throw new BerthError("invalid_request", `url: expected ${expected}; ${fault}`, {
      errors: [{ field: "url", expected }],
    });
  }
}
