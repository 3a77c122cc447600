import type { Webhook } from "@berth/client";
import type { Context } from "../../context.js";
import { CliError, EXIT } from "../../exit.js";

/** How a webhook is named on the command line. */
export const GIVEN = ["<webhook>", "its id, the beginning of it, or its URL"] as const;

export async function allWebhooks({ berth, signal }: Context): Promise<Webhook[]> {
  const found: Webhook[] = [];
  for await (const one of berth.rows("/webhooks", { signal })) found.push(one);
  return found;
}

/** @throws CliError if there is none, or more than one is meant. */
export async function findWebhook(context: Context, given: string): Promise<Webhook> {
  const meant = (await allWebhooks(context)).filter(
    ({ id, url }) => id.startsWith(given.toLowerCase()) || url === given,
  );
  if (meant.length === 1) return meant[0]!;
  if (meant.length === 0)
    throw new CliError(EXIT.notFound, `there is no webhook ${given}`, "see: berth webhooks");
  throw new CliError(
    EXIT.usage,
    `${meant.length} webhooks are ${given}`,
    `use an id: ${meant.map(({ id }) => id).join(", ")}`,
  );
}
