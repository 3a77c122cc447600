import { markReleasing } from "../db/resources.js";
import { revokeToken as revoke } from "../db/workspaces.js";
import type { Step } from "./step.js";
import { removeName } from "./stop.js";

/** What is to be stopped is no longer heard: a late beat of it must change nothing (I9). */
export const revokeToken: Step = {
  name: "revoke_token",
  writesFirst: true,
  run: (context) => context.fenced((tx) => revoke(tx, context.workspaceId)),
};

/** A name that points to nothing might soon point to somebody else's instance. */
export const dropName: Step = {
  name: "dns",
  writesFirst: true,
  async run(context) {
    await context.fenced((tx) => markReleasing(tx, [context.workspaceId], ["dns_record"]));
    context.ledger.forget();
    await removeName.run(context);
  },
};
