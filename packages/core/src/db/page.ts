import type { Queryable } from "./pool.js";

/**
 * Rows that one page looks at, at most. Where few of them pass the filter, pages are short and lead on: none is a
 * long scan.
 */
const MAX_LOOKED_AT = 5_000;
/** Where a page ends, however few rows it has by then. In bytes. */
const MAX_PAGE_BYTES = 2 * 2 ** 20;
/** Where most rows pass, as many times the page are enough: only a page that comes up short looks further. */
const FIRST_LOOK = 4;

/** Where rows come from, in the order of the list by an index. */
export interface PageSource {
  /** `from …`, and a condition that the index decides. */
  from: string;
  /** The columns of the order as they are called here. */
  key: readonly string[];
}

export interface Page<Row> {
  rows: Row[];
  /** The key of the row after which the next page begins; null if there is none. */
  next: string[] | null;
  /** That row, which needn't be one of the page. */
  last: Row | null;
}

export type KeyType = "timestamptz" | "uuid" | "bigint";

/** As a cursor has it: times in microseconds, which no date of JavaScript can tell. */
const WRITTEN: Readonly<Record<KeyType, (column: string) => string>> = {
  timestamptz: (column) => `(extract(epoch from ${column}) * 1000000)::bigint::text`,
  uuid: (column) => `${column}::text`,
  bigint: (column) => `${column}::text`,
};
const READ: Readonly<Record<KeyType, (value: string) => string>> = {
  timestamptz: (value) => `timestamptz 'epoch' + ${value}::bigint * interval '1 microsecond'`,
  uuid: (value) => `${value}::uuid`,
  bigint: (value) => `${value}::bigint`,
};

/** A query that is put together: its values, and the texts that stand for them. */
export function values(): { all: unknown[]; put: (value: unknown) => string } {
  const all: unknown[] = [];
  return { all, put: (value) => `$${all.push(value)}` };
}

/**
 * A page of a list. Several sources are merged. All texts are ours; what callers say is among the values.
 * @param key of the last row of the page before, as `next` had it.
 */
export async function readPage<Row>(
  db: Queryable,
  list: {
    columns: string;
    sources: readonly PageSource[];
    /** Of each column of the key. */
    types: readonly KeyType[];
    direction: "asc" | "desc";
    /** What a row must pass besides. */
    where: readonly string[];
    after: readonly string[] | null;
    limit: number;
    /** How large a row is, in bytes, where that differs much: an expression of its columns. */
    bytes?: string;
  },
  query: ReturnType<typeof values>,
): Promise<Page<Row>> {
  const most = Math.max(MAX_LOOKED_AT, list.limit + 1);
  const first = Math.min(FIRST_LOOK * (list.limit + 1), most);
  const page = await lookFor<Row>(db, list, query, first);
  const isShort = page.last !== null && page.last !== page.rows.at(-1);
  return isShort && first < most ? lookFor<Row>(db, list, query, most) : page;
}

/** What passes among the first `most` rows. */
async function lookFor<Row>(
  db: Queryable,
  list: Parameters<typeof readPage>[1],
  query: ReturnType<typeof values>,
  most: number,
): Promise<Page<Row>> {
  const { types, direction, after, limit, bytes } = list;
  const all = [...query.all];
  const put = (value: unknown): string => `$${all.push(value)}`;
  const names = types.map((_, n) => `key_${n}`);
  const order = (columns: readonly string[]): string =>
    `order by ${columns.map((column) => `${column} ${direction}`).join(", ")}`;
  const position = after?.map((value, n) => READ[types[n]!](put(value)));
  const beyond = (key: readonly string[]): string =>
    position === undefined
      ? ""
      : `and (${key.join(", ")}) ${direction === "asc" ? ">" : "<"} (${position.join(", ")})`;
  const hit = list.where.length === 0 ? "true" : list.where.map((one) => `(${one})`).join(" and ");
  const sources = list.sources.map(
    ({ from, key }) =>
      `(select ${list.columns}, ${key.map((column, n) => `${column} as key_${n}`).join(", ")}, coalesce(${hit}, false) as hit
        ${from} ${beyond(key)} ${order(key)} limit ${most})`,
  );
  // What comes before a row in its page.
  const before = bytes === undefined ? "0" : `sum(${bytes}) over (${order(names)}) - (${bytes})`;
  const { rows } = await db.query<Row & Record<string, unknown>>(
    `with looked as materialized (
       select * from (${sources.join(" union all ")}) merged ${order(names)} limit ${most}
     ), hits as (
       select *, ${before} as before from (select * from looked where hit ${order(names)} limit ${limit + 1}) passed
     ), last as (select *, 0 as before from looked ${order(names)} offset ${most - 1})
     select *, (select count(*) from hits) as hit_count,
       ${names.map((name, n) => `${WRITTEN[types[n]!](name)} as ${name}_text`).join(", ")}
     from (select *, true as is_hit from hits union all select *, false from last) found
     where before < ${MAX_PAGE_BYTES} ${order(names)}`,
    all,
  );
  const keyOf = (row: Record<string, unknown>): string[] =>
    names.map((name) => row[`${name}_text`] as string);
  const inOrder = rows.filter((row) => row["is_hit"] === true);
  const shown = inOrder.slice(0, limit);
  const isCut = inOrder.length > limit || inOrder.length < Number(inOrder[0]?.["hit_count"] ?? 0);
  const last = isCut ? shown.at(-1) : rows.find((row) => row["is_hit"] === false);
  return { rows: shown, next: last === undefined ? null : keyOf(last), last: last ?? null };
}
