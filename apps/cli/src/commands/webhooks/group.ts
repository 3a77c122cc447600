import { examples, type Register } from "../../command.js";
import { changing } from "./change.js";
import { delivering } from "./deliveries.js";
import { showing } from "./show.js";

/** Who is told of events by HTTP. */
export const webhooks: Register = (program, surroundings) => {
  const group = program
    .command("webhooks")
    .summary("who is told of events by HTTP: list, create, ping, dead letters")
    .description(
      "Who is told of events by HTTP, and what became of telling them. Changes need a key of scope admin.",
    );
  showing(group, surroundings);
  changing(group, surroundings);
  delivering(group, surroundings);
  examples(
    group,
    "berth webhooks create https://example.com/berth --type workspace.online,workspace.failed",
    "berth webhooks ping https://example.com/berth",
    "berth webhooks deliveries 5f0c2a7e --dead",
    "berth webhooks retry 5f0c2a7e",
  );
};
