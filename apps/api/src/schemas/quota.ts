import type { QuotaUse } from "@berth/core/db/quotas";
import { labelText, MAX_RUNNING } from "@berth/core/domain/quota";
import Type, { type Static } from "typebox";
import { named, strictObject, time } from "./common.js";
import { expecting } from "./expected.js";

export const LABEL_EXPECTED = "a label as name:value, such as team:red, or name:* for each value of it";

export const Quota = named(
  "Quota",
  Type.Object(
    {
      label: Type.String({
        description: "`name:value`; `name:*` is each value of it alone that has no quota of its own.",
      }),
      max_running: Type.Integer({ description: "So many workspaces with the label may run." }),
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
  },
  { examples: [{ max_running: 5 }] },
);

export function viewQuota(row: QuotaUse): Static<typeof Quota> {
  return {
    label: labelText(row),
    max_running: row.max_running,
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
