import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { memo, useCallback, useRef, type KeyboardEvent, type ReactNode } from "react";
import { plain, Status } from "../parts/status.js";
import { Ago } from "../parts/time.js";
import { linkTo } from "../route.js";
import type { Shown } from "./workspaces-order.js";

const NARROW = matchMedia("(width < 45rem)");
/** As the style has them, in px. */
const HEIGHT = { wide: 34, narrow: 58 };

const heightOf = (): number => (NARROW.matches ? HEIGHT.narrow : HEIGHT.wide);

/** Only those in sight are in the page, however many there are. */
export function Rows({ rows, empty }: { rows: readonly Shown[]; empty: string }): ReactNode {
  const list = useRef<HTMLDivElement>(null);
  const ids = useIds(rows);
  const keyOf = useCallback((at: number) => ids[at]!, [ids]);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: heightOf,
    overscan: 12,
    scrollMargin: list.current?.offsetTop ?? 0,
    getItemKey: keyOf,
  });
  if (rows.length === 0) return <p className="quiet">{empty}</p>;
  return (
    <div role="table" aria-label="Workspaces" aria-rowcount={rows.length + 1} className="rows">
      <div role="rowgroup" className="head">
        <div role="row" aria-rowindex={1}>
          {["Name", "Status", "Reason", "Where", "Labels", "Age"].map((one) => (
            <span role="columnheader" key={one}>
              {one}
            </span>
          ))}
        </div>
      </div>
      <div
        role="rowgroup"
        ref={list}
        onKeyDown={walk}
        style={{ height: virtual.getTotalSize(), position: "relative" }}
      >
        {virtual.getVirtualItems().map(({ index, key, start }) => (
          <div
            key={key}
            role="row"
            aria-rowindex={index + 2}
            style={{ transform: `translateY(${start - virtual.options.scrollMargin}px)` }}
          >
            <Line one={rows[index]!} />
          </div>
        ))}
      </div>
    </div>
  );
}

const STEPS: Readonly<Record<string, "nextElementSibling" | "previousElementSibling">> = {
  ArrowDown: "nextElementSibling",
  ArrowUp: "previousElementSibling",
};

/** The arrow keys go from name to name. */
function walk(event: KeyboardEvent<HTMLElement>): void {
  const step = STEPS[event.key];
  if (step === undefined) return;
  event.preventDefault();
  (event.target as HTMLElement).closest("[role=row]")?.[step]?.querySelector("a")?.focus();
}

/** The same list while the same workspaces stand in the same order: with another one all of them are measured anew. */
function useIds(rows: readonly Shown[]): readonly string[] {
  const kept = useRef<readonly string[]>([]);
  const { current: ids } = kept;
  if (ids.length !== rows.length || rows.some(({ row }, at) => row.id !== ids[at]))
    kept.current = rows.map(({ row }) => row.id);
  return kept.current;
}

const Line = memo(
  function Line({ one: { row, depth } }: { one: Shown }): ReactNode {
    const labels = Object.entries(row.labels).map(([name, value]) => `${name}:${value}`);
    return (
      <>
        <span role="cell" className="name" style={{ paddingLeft: `${depth * 1.2}rem` }}>
          <a href={linkTo(`workspaces/${row.id}`)} title={row.id}>
            {row.name}
          </a>
        </span>
        <span role="cell">
          <Status is={row.status} />
        </span>
        <span role="cell" className="reason" title={row.status_reason ?? undefined}>
          {row.status_reason !== null && plain(row.status_reason)}
        </span>
        <span role="cell" className="quiet">
          {row.place}
        </span>
        <span role="cell" className="labels quiet" title={labels.join("\n")}>
          {labels.join(" ")}
        </span>
        <span role="cell" className="age quiet">
          <Ago at={row.created_at} />
        </span>
      </>
    );
  },
  (a, b) => a.one.row === b.one.row && a.one.depth === b.one.depth,
);
