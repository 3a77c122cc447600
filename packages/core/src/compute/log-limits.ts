import type { Logs } from "./backend.js";

/** Of one answer of `Backend.logs`. */
export const MAX_LINES = 10_000;
export const MAX_BYTES = 2 ** 20;

export const NO_LOGS: Logs = { lines: [], cursor: null, truncated: false };
