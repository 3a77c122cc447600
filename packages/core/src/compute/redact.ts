import type { LaunchRequest } from "./backend.js";

/** Shorter ones would tear holes into any text. */
const SHORTEST_SECRET = 4;

/** What a provider or a program may repeat in its words, and nobody is to see there. */
export function secretsOf({
  spec,
  env,
  secretArguments = [],
}: Pick<LaunchRequest, "spec" | "env" | "secretArguments">): string[] {
  return [...Object.values({ ...spec.env, ...env }), ...secretArguments];
}

/** A text without these. A secret of several lines is taken out line by line too. */
export function redacted(text: string, secrets: readonly string[]): string {
  const known = new Set(secrets.flatMap((secret) => [secret, ...secret.split(/\r?\n/)]));
  return (
    [...known]
      .filter((secret) => secret.trim().length >= SHORTEST_SECRET)
      // The longest first: one may be a part of another.
      .toSorted((a, b) => b.length - a.length)
      .reduce((rest, secret) => rest.replaceAll(secret, "[redacted]"), text)
  );
}
