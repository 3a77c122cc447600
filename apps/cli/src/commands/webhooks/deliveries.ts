import type { WebhookDelivery } from "@berth/client";
import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { action } from "../../command.js";
import { printJson, type Context, type Surroundings } from "../../context.js";
import { CliError, EXIT } from "../../exit.js";
import { findWebhook, GIVEN } from "./find.js";
import { deliveriesTable } from "./show.js";

/** How often it is looked whether a ping was answered, and for how long at most, in ms. */
const POLL_MS = 250;
const PING_WAIT_MS = 30_000;

/** What was sent to one, and sending it again. */
export function delivering(group: Command, surroundings: Surroundings): void {
  group
    .command("ping")
    .argument(...GIVEN)
    .description("Sends it something, and tells what it said.")
    .action(
      action(surroundings, async (context, _options, given: string) => {
        const { berth, signal, json, print } = context;
        const { id } = await findWebhook(context, given);
        const { data: sent } = await berth.POST("/webhooks/{id}/ping", {
          params: { path: { id } },
          body: {},
          signal,
        });
        const delivery = await ended(context, sent);
        if (json) printJson(context, delivery);
        else if (delivery.state === "delivered") print(`it answered ${delivery.last_status}`);
        if (delivery.state !== "delivered")
          throw new CliError(
            EXIT.failed,
            delivery.last_error ?? "it was not sent",
            `see: berth webhooks get ${given}`,
          );
      }),
    );
  group
    .command("deliveries")
    .argument(...GIVEN)
    .option("--dead", "only those that were given up")
    .description("Lists what was sent to it, the newest first.")
    .action(
      action<{ dead?: true }>(surroundings, async (context, { dead }, given: string) => {
        const { berth, signal, json, print, tell } = context;
        const { id } = await findWebhook(context, given);
        const query = dead === true ? { state: ["dead" as const] } : {};
        const found: WebhookDelivery[] = [];
        const rows = berth.rows("/webhooks/{id}/deliveries", { params: { path: { id }, query }, signal });
        for await (const one of rows) found.push(one);
        if (json) return printJson(context, found);
        if (found.length === 0) return tell("There are none.");
        print(deliveriesTable(context, found));
      }),
    );
  group
    .command("retry")
    .argument(...GIVEN)
    .argument("[delivery]", "the id of one delivery; else all dead letters")
    .description("Sends again what was given up, or one delivery whatever became of it.")
    .action(
      action(surroundings, async (context, _options, given: string, deliveryId?: string) => {
        const { berth, signal, json, print } = context;
        const { id } = await findWebhook(context, given);
        if (deliveryId === undefined) {
          const { data } = await berth.POST("/webhooks/{id}/retry", {
            params: { path: { id } },
            body: {},
            signal,
          });
          if (json) return printJson(context, data);
          return print(`${data.retried} will be sent again`);
        }
        const { data } = await berth.POST("/webhooks/{id}/deliveries/{deliveryId}/retry", {
          params: { path: { id, deliveryId } },
          body: {},
          signal,
        });
        if (json) return printJson(context, data);
        print(`${data.id} will be sent again`);
      }),
    );
}

/** Waits until it was sent: a ping is sent once, within a few seconds. */
async function ended(context: Context, delivery: WebhookDelivery): Promise<WebhookDelivery> {
  const { berth, signal } = context;
  const until = Date.now() + PING_WAIT_MS;
  let now = delivery;
  while (now.state === "pending" && Date.now() < until) {
    await delay(POLL_MS, undefined, { signal });
    const path = { id: delivery.webhook_id, deliveryId: delivery.id };
    now = (await berth.GET("/webhooks/{id}/deliveries/{deliveryId}", { params: { path }, signal })).data;
  }
  return now;
}
