import { describe, expect, it } from "vitest";
import type { Beat, RunRecord, Statement } from "./audit/record.js";
import { toldAfter, truth } from "./audit/checks/truth.js";
import { beat, CONTAINERS, INSTANCES, operation, says, SOUND, told, WORKSPACES } from "./sound-record.js";

const [, SECOND] = INSTANCES;
const [RESTARTED, , PROCESS, CONTAINED] = WORKSPACES;
const [, NEWER] = CONTAINERS;
const UP = { ...says(CONTAINED, "online", NEWER), generation: 2 };

/** A container that dies at 5 s by itself, a look at 7 s, and what Berth says at 6 s, 8 s and 9 s. */
function died(looks: readonly Beat[], ...statements: readonly (Statement | null)[]): RunRecord {
  return {
    ...SOUND,
    docker: {
      ...SOUND.docker,
      events: [...SOUND.docker.events, told(NEWER, "die", 5_000, CONTAINED, "r9", 2)],
      containers: SOUND.docker.containers.map((one) => ({ ...one, state: "exited" })),
    },
    said: [
      ...SOUND.said,
      ...statements.map((one, n) => ({
        asked: 10_000 + 1_000 * n,
        answered: 10_050 + 1_000 * n,
        workspaces: one === null ? [] : [one],
      })),
    ],
    beats: looks,
  };
}
const found = (record: RunRecord) => truth.find(record).map(({ what }) => what);

describe("what Berth says of each workspace at all times (I4, I13)", () => {
  it("is in order while the provider says so", () => {
    expect(found(SOUND)).toEqual([]);
  });

  it("may be of before the end of an instance until a look has seen it", () => {
    const offline = { ...UP, status: "offline", reason: "instance_stopped" };
    expect(found(died([], null, null))).toEqual([]);
    expect(found(died([beat("docker", 4_900)], null, null)), "begun before").toEqual([]);
    expect(found(died([beat("ec2", 9_500)], null, null)), "of another place").toEqual([]);
    expect(found(died([beat("docker", 9_500, { unknown: 1 })], null, null)), "in doubt").toEqual([]);
    expect(found(died([beat("docker", 9_500)], offline, null)), "told").toEqual([]);
    expect(toldAfter(died([beat("docker", 9_500)], offline, null))).toEqual([5_000]);
  });

  it("is a violation when a look is over that saw all, and it is still said to run", () => {
    expect(found(died([beat("docker", 9_500)], null, null))).toEqual([
      "it was said to be online 6000 ms after container c0ffee02c0ff had ended, and 1400 ms after a look at it had",
    ]);
  });

  it("isn't looked at while an operation is under way", () => {
    const record = died([beat("docker", 9_500)], null, null);
    const under = operation("o10", CONTAINED, 3, "restart", 9_550, 12_000);
    const busy = { ...record, sql: { ...record.sql, operations: [...record.sql.operations, under] } };
    expect(found(busy)).toEqual([]);
  });

  it("is a violation when something is called dead or at rest that runs", () => {
    const say = (statement: Statement) => ({
      ...SOUND,
      said: [...SOUND.said, { asked: 4_600, answered: 4_650, workspaces: [statement] }],
    });
    const dead = { ...says(RESTARTED, "offline", SECOND), generation: 2 };
    expect(found(say({ ...dead, reason: "instance_gone" }))).toEqual([
      "it was said to be offline (instance_gone), and i-2 ran",
    ]);
    expect(found(say({ ...dead, reason: "agent_silent" })), "it isn't said to be dead").toEqual([]);
    expect(found(say({ ...UP, status: "paused", instance: null }))).toHaveLength(1);
    expect(found(say(says(PROCESS, "paused", null))), "nothing is known of it later").toEqual([]);
  });
});
