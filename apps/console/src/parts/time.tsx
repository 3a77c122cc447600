import { useSyncExternalStore, type ReactNode } from "react";

const TICK_MS = 1_000;
const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
] as const;

let now = Date.now();
const ticking = new Set<() => void>();
setInterval(() => {
  now = Date.now();
  for (const tick of ticking) tick();
}, TICK_MS);

function subscribe(tick: () => void): () => void {
  ticking.add(tick);
  return () => void ticking.delete(tick);
}

/** As a person says it: "3 min ago", "in 20 s"; exact, in the viewer's zone, when pointed at. */
export function Ago({ at, none = "–" }: { at: string | null | undefined; none?: string }): ReactNode {
  const text = useSyncExternalStore(subscribe, () =>
    at === null || at === undefined ? none : agoOf(at, now),
  );
  if (at === null || at === undefined) return <span className="quiet">{none}</span>;
  return (
    <time dateTime={at} title={exact(at)}>
      {text}
    </time>
  );
}

/** For how long something has been so: "for 3 min". */
export function For({ since }: { since: string }): ReactNode {
  const text = useSyncExternalStore(subscribe, () => `for ${spanOf(Math.max(0, now - Date.parse(since)))}`);
  return (
    <time dateTime={since} title={`since ${exact(since)}`}>
      {text}
    </time>
  );
}

/** Made once: making one takes longer than all else of a row. */
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

export function exact(at: string | number): string {
  return EXACT.format(new Date(at));
}

function agoOf(at: string, from: number): string {
  const ms = from - Date.parse(at);
  const text = spanOf(Math.abs(ms));
  if (Math.abs(ms) < 2_000) return "just now";
  return ms > 0 ? `${text} ago` : `in ${text}`;
}

/** A length of time in its two largest units. */
export function spanOf(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  const at = UNITS.findIndex(([, size]) => seconds >= size);
  const [unit, size] = UNITS[at]!;
  const whole = Math.floor(seconds / size);
  const next = UNITS[at + 1];
  const rest = next === undefined ? 0 : Math.floor((seconds % size) / next[1]);
  // "3 h 20 min", but "45 min": nobody wants its seconds.
  return rest === 0 || next === undefined || whole >= 5
    ? `${whole} ${unit}`
    : `${whole} ${unit} ${rest} ${next[0]}`;
}
