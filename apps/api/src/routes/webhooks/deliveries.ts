import { defined } from "@berth/core/base/defined";
import { listDeliveries } from "@berth/core/db/webhook-deliveries";
import {
  pingWebhook,
  requireDelivery,
  requireWebhook,
  retryDead,
  retryDelivery,
} from "@berth/core/requests/webhooks";
import Type from "typebox";
import { NoBody, withoutBody } from "../../http/no-body.js";
import { pageOf, positionOf } from "../../http/pages.js";
import { requesterOf } from "../../http/requester.js";
import { answer, NEXT_PAGE } from "../../schemas/answers.js";
import { PAGE, query, ref, uuid } from "../../schemas/common.js";
import { oneOrMore } from "../../schemas/filters.js";
import { problems } from "../../schemas/problem.js";
import {
  Delivery,
  DELIVERY_EXAMPLE,
  DELIVERY_STATES,
  viewDelivery,
  WEBHOOK_EXAMPLE,
  WebhookParams,
} from "../../schemas/webhook.js";
import type { App, Services } from "../../services.js";

const TAGS = ["webhooks"];
const DeliveryParams = Type.Object({ ...WebhookParams.properties, deliveryId: uuid("Id of the delivery.") });
const DeliveriesQuery = query({
  state: Type.Optional(oneOrMore(DELIVERY_STATES, "Only those in one of these states.")),
  ...PAGE,
});

/** What became of telling who is to be told, and telling them again. */
export function webhookDeliveryRoutes(app: App, { config, pool }: Services): void {
  const attempts = config.webhooksAttempts;

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
        params: WebhookParams,
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
        params: WebhookParams,
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
        params: WebhookParams,
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
      const filter = { ...defined({ states: state }), limit, after: positionOf(after) };
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
}
