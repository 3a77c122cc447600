/** Why the demo ends with 1, in words for whoever started it. */
export class DemoError extends Error {
  override name = "DemoError";
}
