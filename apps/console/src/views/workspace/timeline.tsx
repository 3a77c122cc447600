import { useState, type ReactNode } from "react";
import { exact, spanOf } from "../../parts/time.js";
import { linkTo } from "../../route.js";
import { marksOf, type Lane } from "./timeline-marks.js";
import type { History } from "./queries.js";

const RANGES: readonly (readonly [string, number])[] = [
  ["10 min", 600_000],
  ["hour", 3_600_000],
  ["day", 86_400_000],
  ["all", Infinity],
];
const TICKS = 5;

/** Its life drawn to scale: what ran and what it waited, what was made and for how long, and each event. */
export function Timeline({ known }: { known: History }): ReactNode {
  const [range, setRange] = useState("all");
  const lanes = marksOf(known);
  const now = Date.now();
  const first = Math.min(...lanes.flatMap(({ marks }) => marks.map(({ from }) => from)), now - 1_000);
  const last = Math.max(...lanes.flatMap(({ marks }) => marks.map(({ to }) => to ?? now)), first + 1_000);
  const span = RANGES.find(([name]) => name === range)![1];
  const from = Math.max(first, last - span);
  const whole = (last - from) * 1.01;
  const at = (time: number): number => ((time - from) / whole) * 100;
  return (
    <section aria-labelledby="timeline">
      <h2 id="timeline">
        Timeline <span className="quiet">{spanOf(last - from)}, to scale</span>
      </h2>
      <p className="facets" role="group" aria-label="How far back">
        {RANGES.map(([name]) => (
          <button
            key={name}
            type="button"
            className="facet"
            aria-pressed={name === range}
            onClick={() => setRange(name)}
          >
            {name === "all" ? "all of it" : `last ${name}`}
          </button>
        ))}
      </p>
      <div className="timeline">
        {lanes.map((lane) => (
          <LaneRow key={lane.name} lane={lane} at={at} now={now} />
        ))}
        <div className="lane ticks" aria-hidden="true">
          <span className="lane-name" />
          <div className="track">
            {Array.from({ length: TICKS }, (_, tick) => {
              const time = from + (whole * tick) / TICKS;
              return (
                <span key={tick} className="tick" style={{ left: `${(100 * tick) / TICKS}%` }}>
                  {clock(time, whole)}
                </span>
              );
            })}
          </div>
        </div>
      </div>
    </section>
  );
}

function LaneRow({ lane, at, now }: { lane: Lane; at: (time: number) => number; now: number }): ReactNode {
  return (
    <div className="lane">
      <span className="lane-name">{lane.name}</span>
      <div className="track">
        {lane.marks.map(({ key, from, to, tone, says, operation, point }) => {
          const end = at(to ?? now);
          if (end < 0) return null;
          const begin = Math.max(0, at(from));
          const title = `${says}\n${exact(from)}`;
          const style =
            point === true ? { left: `${begin}%` } : { left: `${begin}%`, width: `${end - begin}%` };
          const looks = `mark ${tone}${point === true ? " point" : ""}`;
          if (operation === undefined)
            return (
              <span key={key} className={looks} style={style} title={title} role="img" aria-label={says} />
            );
          return (
            <a
              key={key}
              className={looks}
              style={style}
              title={title}
              aria-label={says}
              href={linkTo(`operations/${operation}`)}
            />
          );
        })}
      </div>
    </div>
  );
}

function clock(time: number, whole: number): string {
  const day = whole > 86_400_000;
  return new Date(time).toLocaleString(undefined, {
    ...(day ? { month: "short", day: "numeric" } : {}),
    hour: "2-digit",
    minute: "2-digit",
    ...(whole < 600_000 ? { second: "2-digit" } : {}),
  });
}
