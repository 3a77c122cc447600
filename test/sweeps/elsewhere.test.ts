import { guard } from "@berth/core/compute/guard";
import type { Backend, InstanceRef, InstanceState } from "@berth/core/compute/backend";
import { SWEEP_NAMES, type SweepName } from "@berth/core/domain/sweep";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SCENES } from "./scenes.js";
import { openStage, type Stage } from "./stage.js";

/** What is recorded of a place, and who answers there: at the first look, and when it is looked at again after a call. */
interface Cell {
  recorded: string | null;
  seen: [first: string | null, then: string | null];
}

const MINE = "docker:mine";
const CELLS: Readonly<Record<string, Cell>> = {
  "another daemon": { recorded: MINE, seen: ["docker:other", "docker:other"] },
  "another Region": {
    recorded: "aws:111122223333:eu-west-1",
    seen: ["aws:111122223333:us-east-1", "aws:111122223333:us-east-1"],
  },
  "another account": {
    recorded: "aws:111122223333:eu-west-1",
    seen: ["aws:444455556666:eu-west-1", "aws:444455556666:eu-west-1"],
  },
  "a daemon whose data was wiped": { recorded: MINE, seen: [null, null] },
  "a daemon that was swapped in the middle of each call": { recorded: MINE, seen: [MINE, "docker:other"] },
  "one that was wiped in the middle of each call": { recorded: MINE, seen: [MINE, null] },
  "what another place is already": { recorded: null, seen: [MINE, MINE] },
};

/** Those that ask a provider by themselves; the others only write down what is wanted. */
const ASKS: readonly SweepName[] = [
  "removed-instances",
  "docker-orphans",
  "leaked-instances",
  "instance-state",
  "drain",
];

/** What is elsewhere: nothing, which it says cleanly of everything. */
function nothingThere(
  real: Backend,
  { recorded, seen }: Cell,
): { backend: Backend; said: string[]; made: string[] } {
  const [said, made]: [string[], string[]] = [[], []];
  const gone = (refs: readonly InstanceRef[]) =>
    new Map<string, InstanceState>(refs.map(({ resourceId }) => [resourceId, "gone"]));
  const make = (what: string) => () => {
    made.push(what);
    return Promise.resolve({ providerId: what, url: null });
  };
  let looks = 0;
  const other: Backend = {
    name: real.name,
    settleMs: 0,
    identify: () => Promise.resolve(seen[looks++ % 2]!),
    createVolume: make("volume"),
    launch: make("instance"),
    removeVolume: () => Promise.resolve("gone"),
    stop: () => Promise.resolve("gone"),
    probe: (refs) => Promise.resolve(gone(refs)),
    listOwned: () => Promise.resolve([]),
    listLookalikes: () => Promise.resolve([]),
    logs: () => Promise.resolve({ lines: [], cursor: null, truncated: false }),
    close: () => Promise.resolve(),
  };
  const meant = {
    name: "here",
    identity: () => recorded,
    onMismatch: (_seen: string | null, message: string) => void said.push(message),
  };
  return { backend: guard(other, meant), said, made };
}

describe("whoever answers in a place's stead, a sweep calls nothing gone and starts nothing (I12)", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(() => stage.close());

  const gone = async () =>
    (await stage.pool.query("select id from resources where state = 'gone' order by id")).rows as unknown[];
  const statuses = async () =>
    (await stage.pool.query("select id, status from workspaces order by id")).rows as unknown[];

  it.each(SWEEP_NAMES)("%s", async (name) => {
    await stage.clear();
    // Running, where a scene would have ended it: elsewhere it is gone all the same.
    if (name === "instance-state") await stage.online();
    else await SCENES[name].make(stage, 1);
    await stage.listened();
    const before = { gone: await gone(), things: await stage.things() };
    const told = await statuses();
    for (const [what, cell] of Object.entries(CELLS)) {
      const [process, cloud] = [nothingThere(stage.backend, cell), nothingThere(stage.cloud, cell)];
      const backends = new Map([
        ["process", process.backend],
        ["ec2", cloud.backend],
      ]);
      // What failed under another cell is due again.
      await stage.pool.query("update resources set next_attempt_at = '-infinity'");
      await stage.time.advance(60_000);
      await stage.listened();
      // From a list that didn't come nothing follows: the run says that it failed.
      for (let pass = 0; pass < SCENES[name].passes; pass++)
        await stage.run(name, { backends }).catch(() => undefined);
      expect({ gone: await gone(), things: await stage.things() }, what).toEqual(before);
      expect([...process.made, ...cloud.made], what).toEqual([]);
      if (name === "instance-state") expect(await statuses(), what).toEqual(told);
      const said = [...process.said, ...cloud.said];
      if (!ASKS.includes(name) || cell.recorded === null) continue;
      expect(said, what).not.toEqual([]);
      const other = cell.seen[1] ?? "carries no identity";
      for (const message of said) {
        expect(message, what).toContain(`place here is ${cell.recorded}`);
        expect(message, what).toContain(other);
      }
    }
  });
});
