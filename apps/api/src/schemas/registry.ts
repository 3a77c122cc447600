import type { AgentReport } from "@berth/core/agents/heartbeat";
import { defined } from "@berth/core/base/defined";
import { BerthError } from "@berth/core/base/errors";
import Type, { type Static } from "typebox";
import { nullable, uuid } from "./common.js";
import { expecting } from "./expected.js";

const MAX_INT4 = 2 ** 31 - 1;
/** Far beyond any machine's uptime. */
const MAX_UPTIME_S = 1e10;

/** What Berth hands on of an agent's words; longer ones are cut, since it mustn't fall silent for them. In characters. */
const WORDS = 1_000;
/** Of a card, as JSON, in bytes. */
const CARD_BYTES = 16 * 1_024;
/** PostgreSQL reads JSON by recursion, and one card that is too deep would fail the heartbeats beside it. */
const CARD_LEVELS = 64;

const EXAMPLE = {
  workspace_id: "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f",
  active_tasks: 2,
  error_rate: 0.02,
  uptime_seconds: 312.5,
  current_task: "indexing repository",
};

const uptime = (description: string) =>
  Type.Optional(
    expecting(
      `a number of seconds from 0 to ${MAX_UPTIME_S}`,
      Type.Number({ minimum: 0, maximum: MAX_UPTIME_S, description }),
    ),
  );
const words = (description: string) =>
  Type.Optional(
    nullable(expecting("text", Type.String({ description: `${description} Cut to ${WORDS} characters.` }))),
  );

/**
 * What an agent says, when it registers as well as later. What is left out stays as it was. Fields that aren't known are let
 * pass: agents are built into images, and one that is newer than this server must not count as silent.
 */
export const ReportBody = expecting(
  "a JSON object",
  Type.Object(
    {
      workspace_id: uuid("`BERTH_WORKSPACE_ID`, as the instance was given it."),
      active_tasks: Type.Optional(
        expecting(
          `a whole number from 0 to ${MAX_INT4}`,
          Type.Integer({
            minimum: 0,
            maximum: MAX_INT4,
            description: "What it works on now: 0 counts as idle.",
          }),
        ),
      ),
      error_rate: Type.Optional(
        expecting(
          "a number from 0 to 1",
          Type.Number({
            minimum: 0,
            maximum: 1,
            description: "Share of its work that failed of late. From 0.5 on the workspace is `degraded`.",
          }),
        ),
      ),
      uptime_seconds: uptime("How long it has run, in seconds."),
      uptime_s: uptime("The same by its older name."),
      current_task: words("What it does now; null: nothing."),
      sample_error: words("One of the errors that `error_rate` counts; null: none."),
      url: Type.Optional(
        nullable(
          expecting(
            "an address that begins with http:// or https://, of at most 2048 characters",
            Type.String({
              pattern: "^https?://[^\\s]{1,2040}$",
              description: "Where the agent itself is reached.",
            }),
          ),
        ),
      ),
      card: Type.Optional(
        Type.Unknown({
          description: `Whatever others are to know of it, at most ${CARD_BYTES} bytes of JSON. Berth only hands it on; null takes it back.`,
        }),
      ),
    },
    { examples: [EXAMPLE] },
  ),
);

export const Heard = Type.Object({
  workspace_id: uuid(),
  status: Type.String({ description: "The workspace's status after it." }),
  generation: Type.Integer({ description: "The generation that the token is of: the current one." }),
  next_heartbeat_s: Type.Number({ description: "When the next is expected, in seconds from now." }),
});

export const HEARD_EXAMPLE = {
  workspace_id: EXAMPLE.workspace_id,
  status: "online",
  generation: 3,
  next_heartbeat_s: 30,
};

/** @throws BerthError `invalid_request` for a card that is too large */
export function reportOf(body: Static<typeof ReportBody>, token: string): AgentReport {
  return {
    workspaceId: body.workspace_id,
    token,
    activeTasks: body.active_tasks,
    errorRate: body.error_rate,
    uptimeSeconds: body.uptime_seconds ?? body.uptime_s,
    note: noteOf(body),
  };
}

function noteOf({ url, card, current_task, sample_error }: Static<typeof ReportBody>): AgentReport["note"] {
  if (
    card !== undefined &&
    (isDeeper(card, CARD_LEVELS) || Buffer.byteLength(JSON.stringify(card)) > CARD_BYTES)
  ) {
    const expected = `at most ${CARD_BYTES} bytes of JSON, in at most ${CARD_LEVELS} levels`;
    throw new BerthError("invalid_request", `card: expected ${expected}`, {
      errors: [{ field: "card", expected }],
    });
  }
  const said = defined({ url, card, current_task: cut(current_task), sample_error: cut(sample_error) });
  return Object.keys(said).length === 0 ? undefined : said;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

function cut(text: string | null | undefined): string | null | undefined {
  // By code points: half of a pair is no text that PostgreSQL takes.
  return typeof text === "string" && text.length > WORDS ? Array.from(text).slice(0, WORDS).join("") : text;
}
