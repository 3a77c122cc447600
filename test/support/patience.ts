import { vi } from "vitest";

/**
 * How long a test waits for a row or a signal before it is called hung, in ms; less than a test may take, so that what was
 * waited for is told. Nothing is proved by it: what must happen soon is compared with something else that the test does.
 */
export const PATIENCE_MS = 100_000;

const { waitFor, waitUntil } = vi;
const patient = (options: number | { timeout?: number; interval?: number } | undefined) =>
  typeof options === "number" ? options : { timeout: PATIENCE_MS, ...options };
vi.waitFor = (check, options) => waitFor(check, patient(options));
vi.waitUntil = (check, options) => waitUntil(check, patient(options));
