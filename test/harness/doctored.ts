import { HANGING, NEIGHBOUR, type RunRecord } from "./audit/record.js";
import { operation, says, SOUND, toldOfVolume, WORKSPACES } from "./sound-record.js";

const { provider, sql, docker, faults, said } = SOUND;
const [RESTARTED, , , CONTAINED] = WORKSPACES;

const withSql = (changes: Partial<RunRecord["sql"]>): RunRecord => ({
  ...SOUND,
  sql: { ...sql, ...changes },
});
const hanging = {
  id: 1,
  at: 3_990,
  until: 20_000,
  what: "registry hangs",
  fault: { kind: "registry" },
};
const namedHanging = sql.workspaces.map((one) =>
  one.id === CONTAINED ? { ...one, name: `${HANGING}1` } : one,
);
const waiting = Array.from({ length: 5 }, (_, n) => ({
  ...operation(`w${n}`, `${n}`, 1, "restart", 4_000 + n, 30_000),
  started_at: 29_000,
}));

/** Records of runs in which outages were met badly. */
export const BAD_OUTAGES: readonly { check: string; lie: string; record: RunRecord }[] = [
  {
    check: "truth",
    lie: "a workspace is said to be paused while its container runs",
    record: {
      ...SOUND,
      said: [
        ...said,
        {
          asked: 5_000,
          answered: 5_050,
          workspaces: [{ ...says(CONTAINED, "paused", null), generation: 2 }],
        },
      ],
    },
  },
  {
    check: "places",
    lie: "an instance is made in another account than that of its place",
    record: {
      ...SOUND,
      provider: {
        ...provider,
        made: provider.made.map((one) => ({ ...one, where: "210987654321:eu-west-1" })),
      },
    },
  },
  {
    check: "neighbour",
    lie: "a second installation has ended an instance",
    record: {
      ...SOUND,
      provider: {
        ...provider,
        calls: provider.calls.map((one) => ({ ...one, key: `${NEIGHBOUR}.0` })),
      },
    },
  },
  {
    check: "volumes",
    lie: "a volume that was pruned with its data is made anew",
    record: {
      ...SOUND,
      faults: [
        ...faults,
        {
          id: 1,
          at: 5_000,
          until: 5_100,
          what: "strike prune",
          fault: { kind: "strike", how: "prune" },
          pruned: [`ws-${CONTAINED}`],
        },
      ],
      docker: { ...docker, events: [...docker.events, toldOfVolume(CONTAINED, "create", 6_000)] },
    },
  },
  {
    check: "goes on",
    lie: "nothing begins while a registry hangs",
    record: {
      ...withSql({ operations: [...sql.operations, ...waiting] }),
      faults: [...faults, hanging],
    },
  },
  {
    check: "goes on",
    lie: "nothing begins after Redis has failed over",
    record: {
      ...withSql({
        operations: [
          ...sql.operations,
          ...waiting.map((one) => ({ ...one, created_at: one.created_at + 10_000 })),
        ],
      }),
      faults: [...faults, { ...hanging, what: "redis failover", fault: { kind: "redis", how: "failover" } }],
    },
  },
  {
    check: "goes on",
    lie: "a delete waits for an image that never comes",
    record: {
      ...withSql({
        workspaces: namedHanging,
        operations: [...sql.operations, operation("o10", CONTAINED, 3, "delete", 4_000, 40_000)],
      }),
      faults: [...faults, hanging],
    },
  },
  {
    check: "persists",
    lie: "a restart by Berth itself is given up for want of capacity",
    record: withSql({
      workspaces: sql.workspaces.map((one) => (one.id === RESTARTED ? { ...one, status: "failed" } : one)),
      operations: [
        ...sql.operations,
        {
          ...operation("o10", RESTARTED, 3, "restart", 4_000, 5_000),
          state: "failed",
          source: "reconciler",
          error: { code: "capacity", message: "no capacity" },
        },
      ],
    }),
  },
];
