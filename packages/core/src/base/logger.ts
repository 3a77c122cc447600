import { type DestinationStream, type Logger, pino } from "pino";
import { PinoPretty } from "pino-pretty";
import type { Config } from "../config/config.js";
import { traceIds } from "./tracing.js";

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

/** JSON lines on standard output, or on `destination`; on a terminal lines for people. `name` tells processes apart. */
export function createLogger(
  config: Pick<Config, "logLevel">,
  name: string,
  destination: DestinationStream & { isTTY?: boolean } = process.stdout,
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
    mixin: traceIds,
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  if (destination.isTTY === true) return pino(options, forPeople(destination));
  return destination === process.stdout ? pino(options) : pino(options, destination);
}

/** One line for each, with the time here; what hangs on it, such as a stack trace, is indented below. */
function forPeople(destination: DestinationStream): DestinationStream {
  return PinoPretty({
    destination: destination as NodeJS.WritableStream,
    ignore: "pid,hostname,name,part,trace_id,span_id",
    translateTime: "SYS:HH:MM:ss",
    singleLine: true,
    sync: true,
  });
}
