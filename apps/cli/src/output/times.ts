const STEPS: readonly (readonly [ms: number, unit: string])[] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1_000, "s"],
];

/** About how long, in one unit: `42s`, `5m`, `3h`, `12d`. */
export function span(ms: number): string {
  const [size, unit] = STEPS.find(([step]) => ms >= 2 * step) ?? STEPS.at(-1)!;
  return `${Math.max(0, Math.floor(ms / size))}${unit}`;
}

/** How long ago, or in how long; `–` for what hasn't a time. */
export function relative(time: string | null, now: number): string {
  if (time === null) return "–";
  const ms = now - Date.parse(time);
  return ms >= 0 ? `${span(ms)} ago` : `in ${span(-ms)}`;
}
