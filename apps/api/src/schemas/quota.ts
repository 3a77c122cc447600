import type { QuotaUse } from "@berth/core/db/quotas";
import { labelText, MAX_RUNNING } from "@berth/core/domain/quota";
import Type, { type Static } from "typebox";
import { named, nullable, strictObject, time } from "./common.js";
import { expecting } from "./expected.js";

export const LABEL_EXPECTED = "a label as name:value, such as team:red, or name:* for each value of it";

const whole = expecting(
  "a whole number from 0 to 2147483647",
  Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }),
);
const part = expecting("a number from 0 to 1000000", Type.Number({ minimum: 0, maximum: 1e6 }));
const LIMITS = {
  max_memory_mb: nullable(whole, {
    description: "MiB of those that run with `docker` or `process`, together. Null: any.",
  }),
  max_cpus: nullable(part, { description: "CPUs of the same." }),
  max_volume_gb: nullable(whole, {
    description: "GiB of the volumes of all on `ec2`, running or not; 20 where a spec says none.",
  }),
  max_waiting: nullable(whole, {
    description: "Operations that wait for a worker: 429 `queue_full` for what would start one more.",
  }),
};
const USE = Type.Object({
  memory_mb: Type.Number(),
  cpus: Type.Number(),
  volume_gb: Type.Integer(),
  waiting: Type.Integer(),
});

export const Quota = named(
  "Quota",
  Type.Object(
    {
      label: Type.String({
        description: "`name:value`; `name:*` is each value of it alone that has no quota of its own.",
      }),
      max_running: Type.Integer({ description: "So many workspaces with the label may run." }),
      ...LIMITS,
      use: Type.Union([USE, Type.Null()], {
        description: "What of these is taken; null where none is set, and of `name:*`.",
      }),
      running: Type.Integer({
        description:
          "How many run: those that aren't paused, hibernated or removed once all that was accepted is done. Of " +
          "`name:*`: with the value that has most.",
      }),
      fullest: Type.Array(Type.Object({ label: Type.String(), running: Type.Integer() }), {
        description: "The labels that it holds for and that have most, at most 10.",
      }),
      version: Type.Integer({ description: "Counts its changes; the ETag." }),
      created_at: time("When it was made."),
      updated_at: time("When it last changed."),
      updated_by: Type.String({ description: "Who changed it last." }),
    },
    { description: "How many workspaces of a label may run, and how many do." },
  ),
);

export const QUOTA_EXAMPLE = {
  label: "team:red",
  max_running: 5,
  max_memory_mb: 8192,
  max_cpus: null,
  max_volume_gb: null,
  max_waiting: null,
  use: { memory_mb: 3072, cpus: 3, volume_gb: 0, waiting: 0 },
  running: 3,
  fullest: [{ label: "team:red", running: 3 }],
  version: 1,
  created_at: "2026-11-24T09:30:00.000Z",
  updated_at: "2026-11-24T09:30:00.000Z",
  updated_by: "admin",
};

export const QuotaBody = strictObject(
  {
    max_running: expecting(
      `a whole number from 0 to ${MAX_RUNNING}`,
      Type.Integer({
        minimum: 0,
        maximum: MAX_RUNNING,
        description: "Below what runs it stops nothing: it only refuses more.",
      }),
    ),
    max_memory_mb: Type.Optional(LIMITS.max_memory_mb),
    max_cpus: Type.Optional(LIMITS.max_cpus),
    max_volume_gb: Type.Optional(LIMITS.max_volume_gb),
    max_waiting: Type.Optional(LIMITS.max_waiting),
  },
  { examples: [{ max_running: 5, max_memory_mb: 8192 }] },
);

export function viewQuota(row: QuotaUse): Static<typeof Quota> {
  return {
    label: labelText(row),
    max_running: row.max_running,
    max_memory_mb: row.max_memory_mb,
    max_cpus: row.max_cpus,
    max_volume_gb: row.max_volume_gb,
    max_waiting: row.max_waiting,
    use: row.size,
    running: row.running,
    fullest: row.fullest.map(({ value, running }) => ({
      label: labelText({ key: row.key, value }),
      running,
    })),
    version: row.version,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    updated_by: row.updated_by,
  };
}
