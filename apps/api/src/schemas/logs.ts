import { BACKENDS } from "@berth/core/domain/backend";
import Type from "typebox";
import { flag, nullable, query, time, uuid } from "./common.js";
import { expecting } from "./expected.js";

export const LogsQuery = query({
  tail: Type.Optional(
    expecting(
      "a whole number from 1 to 10000",
      Type.Integer({ minimum: 1, maximum: 10_000, default: 100, description: "The last so many lines." }),
    ),
  ),
  follow: flag("Go on with what is written next, as server-sent events."),
});

export const LogsHeaders = Type.Object({
  prefer: Type.Optional(
    Type.String({
      description:
        "`wait=N`: wait for a worker's answer, or follow, for at most N seconds (of at most 120). Default: 10, and as long as one may.",
      examples: ["wait=30"],
    }),
  ),
  "last-event-id": Type.Optional(
    Type.String({ description: "With `follow`: go on after the event with this id.", maxLength: 150 }),
  ),
});

export const Logs = Type.Object({
  workspace_id: uuid(),
  backend: Type.Enum([...BACKENDS]),
  generation: Type.Integer({ description: "Of the instance that wrote them." }),
  truncated: Type.Boolean({ description: "There was more before the first line." }),
  lines: Type.Array(
    Type.Object({
      stream: nullable(Type.Enum(["stdout", "stderr"]), {
        description: "Null where the backend doesn't know.",
      }),
      time: nullable(time("When it was written, by the provider's clock; null where it keeps none.")),
      text: Type.String(),
    }),
    { description: "Oldest first." },
  ),
});

const LINE = { stream: "stdout", time: "2026-11-21T09:30:04.123456789Z", text: "listening on 8080" };

export const LOGS_EXAMPLE = {
  workspace_id: "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f",
  backend: "docker",
  generation: 3,
  truncated: true,
  lines: [LINE, { ...LINE, stream: "stderr", text: "no config file: using defaults" }],
};

export const STREAM_EXAMPLE = [
  'event: logs\ndata: {"backend":"docker","generation":3}\n\n',
  `event: line\nid: 3~1795253404.123456789/1\ndata: ${JSON.stringify(LINE)}\n\n`,
  'event: end\ndata: {"reason":"time"}\n\n',
].join("");
