export { createClient, type Client, type ClientOptions } from "./client.js";
export { BerthError } from "./errors.js";
export type { EventsOptions } from "./events.js";
export type { LogMessage, LogsOptions } from "./logs.js";
export { nextOf } from "./pages.js";
export type { Trouble } from "./transport.js";
export * from "./generated/words.js";
export type * from "./types.js";
export type { WaitOptions } from "./waiting.js";
