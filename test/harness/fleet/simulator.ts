// The provider, as a process of its own that writes down whatever it is asked and whatever changes.
import { startSimulator } from "berth-ec2-simulator/server";
import { RealClock } from "berth-ec2-simulator/time/clock";
import { VISIBILITY_MS } from "../faults/storms.js";
import { openJournal } from "../journal.js";

const POLL_MS = 100;

/** That of the database and the clients, so that what each of them wrote down can be put in order. */
class WallClock extends RealClock {
  override now(): number {
    return Date.now();
  }
}

const [path, port, seed, accounts] = process.argv.slice(2) as [string, string, string, string];
const journal = openJournal(path);
const { sim, url } = await startSimulator({
  port: Number(port),
  seed: Number(seed),
  clock: new WallClock(),
  accounts: JSON.parse(accounts) as Record<string, string>,
  buckets: { scale: 4 },
  callLogSize: 500_000,
  delays: {
    pending: [300, 1_500],
    shuttingDown: [200, 1_500],
    stopping: 500,
    creatingVolume: 200,
    deletingVolume: 200,
    attaching: 200,
    detaching: 200,
    visibility: VISIBILITY_MS,
    dnsSync: 200,
  },
});

sim.watch(({ at, id, from, to, reason }) => {
  journal.write({ type: "change", at, id, from, to, reason });
  // The tags of a new one are set when this has returned.
  if (from === null) queueMicrotask(() => journal.write({ type: "made", at, id, ...of(id) }));
});

let seen = 0;
const poll = () => {
  for (const { seq, at, service, action, key, params, outcome, effect } of sim.calls.list({ since: seen })) {
    seen = seq;
    // What only looks is most of it.
    if (effect !== "" || !action.startsWith("Describe"))
      journal.write({ type: "call", at, service, action, key, params, outcome, effect });
  }
};
setInterval(poll, POLL_MS);
process.on("SIGTERM", () => {
  poll();
  journal.close();
  process.exit(0);
});
process.on("disconnect", () => process.exit(1));
process.send?.({ url });

/** Whose it is, and in which account and Region. */
function of(id: string): { tags: Record<string, string>; where: string } {
  for (const region of sim.regions()) {
    const thing = region.instances.get(id) ?? region.volumes.get(id);
    const where = `${region.account}:${region.name}`;
    if (thing) return { tags: Object.fromEntries(thing.tags), where };
  }
  return { tags: {}, where: "" };
}
