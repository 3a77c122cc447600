import { type DestinationStream, type Logger, pino } from "pino";
import type { Config } from "../config/config.js";

export type { Logger } from "pino";

/** What may hold a credential, at the top of a line or one object further down, is left out of it. */
const SECRET_FIELDS = [
  "authorization",
  "cookie",
  '["set-cookie"]',
  "token",
  "key",
  "adminKey",
  "adminKeyPrevious",
  "secret",
  "password",
];
const PLACES = ["", "*.", "req.headers.", "res.headers.", "headers.", "req.headers.*."];

/** JSON lines on standard output, or on `destination`. `name` tells processes apart. */
export function createLogger(
  config: Pick<Config, "logLevel">,
  name: string,
  destination?: DestinationStream,
): Logger {
  const paths = PLACES.flatMap((place) =>
    SECRET_FIELDS.map((field) =>
      field.startsWith("[") ? `${place.replace(/\.$/, "")}${field}` : place + field,
    ),
  );
  const options = {
    name,
    level: config.logLevel,
    redact: { paths, censor: "[redacted]" },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return destination ? pino(options, destination) : pino(options);
}
