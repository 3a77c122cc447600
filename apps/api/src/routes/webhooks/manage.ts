import { listWebhooks } from "@berth/core/db/webhooks";
import { createDestinations } from "@berth/core/webhooks/destinations";
import { BerthError } from "@berth/core/base/errors";
import {
  changeWebhook,
  createWebhook,
  removeWebhook,
  requireWebhook,
  rotateSecret,
} from "@berth/core/requests/webhooks";
import Type from "typebox";
import { etagOf } from "../../http/etag.js";
import { NoBody, withoutBody } from "../../http/no-body.js";
import { pageOf, positionOf } from "../../http/pages.js";
import { requireEventTypes } from "../../schemas/event.js";
import { requesterOf } from "../../http/requester.js";
import { answer, ETAG, NEXT_PAGE } from "../../schemas/answers.js";
import { ConditionHeaders, pageQuery, ref } from "../../schemas/common.js";
import { problems } from "../../schemas/problem.js";
import {
  viewWebhook,
  Webhook,
  WEBHOOK_EXAMPLE,
  WebhookBody,
  WebhookParams,
  WebhookPatch,
} from "../../schemas/webhook.js";
import type { App, Services } from "../../services.js";

const TAGS = ["webhooks"];
const WithSecret = Type.Intersect([
  ref(Webhook),
  Type.Object({ secret: Type.String({ description: "What signs its requests: in this answer only." }) }),
]);
const SECRET_EXAMPLE = { ...WEBHOOK_EXAMPLE, secret: "whsec_…" };

/** Who is told of events. */
export function webhookManageRoutes(app: App, { config, pool }: Services): void {
  const destinations = createDestinations({
    allow: config.webhooksAllow ?? [],
    schemes: config.webhooksSchemes,
  });

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
      if (types !== null) requireEventTypes("types", types);
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
        querystring: pageQuery,
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
        params: WebhookParams,
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
        params: WebhookParams,
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
      if (change.types) requireEventTypes("types", change.types);
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
        params: WebhookParams,
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
        params: WebhookParams,
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
