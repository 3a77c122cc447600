import type { Row } from "../api/fleet.js";

export type SortBy = "newest" | "oldest" | "name" | "changed" | "trouble";
/** A workspace with how deep it stands below those that it belongs to. */
export interface Shown {
  row: Row;
  depth: number;
}

const GRAVITY = ["failed", "offline", "degraded", "provisioning", "awaiting_agent"];

/** Made once, and not for each comparison. */
const NAMES = new Intl.Collator(undefined, { numeric: true });

const ORDERS: Readonly<Record<SortBy, (a: Row, b: Row) => number>> = {
  newest: (a, b) => byTime(b.created_at, a.created_at),
  oldest: (a, b) => byTime(a.created_at, b.created_at),
  name: (a, b) => NAMES.compare(a.name, b.name),
  changed: (a, b) => byTime(b.updated_at, a.updated_at),
  trouble: (a, b) => gravity(a) - gravity(b) || byTime(a.updated_at, b.updated_at),
};

/** As the API writes them, times stand in the order of their texts. */
function byTime(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function gravity({ status }: Row): number {
  const at = GRAVITY.indexOf(status);
  return at === -1 ? GRAVITY.length : at;
}

/** True if each word is somewhere in its name, labels, id, reason, place or address. */
export function matches(row: Row, find: string): boolean {
  if (find === "") return true;
  const labels = Object.entries(row.labels).map(([name, value]) => `${name}:${value}`);
  const text = [row.name, row.id, row.status_reason, row.place, row.instance_id, row.url, ...labels]
    .join("\n")
    .toLowerCase();
  return (
    text.includes(find.toLowerCase()) ||
    find
      .toLowerCase()
      .split(/\s+/)
      .every((word) => text.includes(word))
  );
}

/** In this order; as a tree, each below the one that it belongs to, if that is shown too. */
export function arrange(rows: readonly Row[], { sort, tree }: { sort: SortBy; tree: boolean }): Shown[] {
  const sorted = rows.toSorted(ORDERS[sort]);
  if (!tree) return sorted.map((row) => ({ row, depth: 0 }));
  const there = new Set(sorted.map(({ id }) => id));
  const children = new Map<string | null, Row[]>();
  for (const row of sorted) {
    const parent = row.parent_id !== null && there.has(row.parent_id) ? row.parent_id : null;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [row]);
    else siblings.push(row);
  }
  const shown: Shown[] = [];
  const add = (parent: string | null, depth: number): void => {
    for (const row of children.get(parent) ?? []) {
      shown.push({ row, depth });
      add(row.id, depth + 1);
    }
  };
  add(null, 0);
  return shown;
}
