import type { Status } from "../domain/status.js";
import { readPage, values, type Page, type PageSource } from "./page.js";
import type { Queryable } from "./pool.js";
import { LISTED_COLUMNS, type Workspace } from "./workspaces.js";

/** What lists tell of one: its spec, which may be large, only where it was asked for. */
export type ListedWorkspace = Omit<Workspace, "spec"> & Partial<Pick<Workspace, "spec">>;

/** Which workspaces: all that is given must be so. */
export interface WorkspaceFilter {
  includeRemoved: boolean;
  statuses?: readonly Status[];
  backends?: readonly string[];
  places?: readonly string[];
  parentId?: string;
  /** The whole name. */
  name?: string;
  ids?: readonly string[];
  /** How its id begins: four hexadecimal digits or more. */
  idPrefix?: string;
  labels?: Readonly<Record<string, string>>;
  createdAfter?: string;
  createdBefore?: string;
  after?: readonly string[] | null;
  limit: number;
  /** With their specs. */
  specs?: boolean;
}

/** A page of workspaces, oldest first. */
export async function listWorkspaces(db: Queryable, filter: WorkspaceFilter): Promise<Page<ListedWorkspace>> {
  const query = values();
  const { put } = query;
  const { statuses, backends, places, parentId, name, ids, idPrefix, labels = {} } = filter;
  const { createdAfter, createdBefore } = filter;
  const [label] = Object.entries(labels);
  const live = "w.status <> 'removed'";
  const between = (column: string): string =>
    (createdAfter === undefined ? "" : ` and ${column} >= ${put(createdAfter)}::timestamptz`) +
    (createdBefore === undefined ? "" : ` and ${column} < ${put(createdBefore)}::timestamptz`);
  const source = (condition: string): PageSource => ({
    from: `from workspaces w where ${condition}${between("w.created_at")}`,
    key: ["w.created_at", "w.id"],
  });
  const sourcesOf = (): PageSource[] => {
    if (idPrefix !== undefined) {
      const [lowest, highest] = idsFrom(idPrefix);
      return [
        {
          // `offset 0` makes it read the few of that range, by the primary key, before it puts them in order.
          from: `from (select * from workspaces one
            where one.id between ${put(lowest)}::uuid and ${put(highest)}::uuid offset 0) w
            where true${between("w.created_at")}`,
          key: ["w.created_at", "w.id"],
        },
      ];
    }
    if (ids !== undefined) return [source(`w.id = any (${put(ids)}::uuid[])`)];
    if (name !== undefined) return [source(`w.name = ${put(name)}`)];
    if (parentId !== undefined) return [source(`w.parent_id = ${put(parentId)}`)];
    if (label !== undefined)
      return [
        {
          // `offset 0` keeps the two apart: as a join, a smaller table would be read as a whole instead.
          from: `from workspace_labels l
            cross join lateral (select * from workspaces one where one.id = l.workspace_id offset 0) w
            where l.key = ${put(label[0])} and l.value = ${put(label[1])}${between("l.created_at")}`,
          key: ["l.created_at", "l.workspace_id"],
        },
      ];
    if (statuses !== undefined) return statuses.map((status) => source(`w.status = ${put(status)}`));
    if (places !== undefined && !filter.includeRemoved)
      return places.map((place) => source(`w.place = ${put(place)} and ${live}`));
    if (backends !== undefined && !filter.includeRemoved)
      return backends.map((backend) => source(`w.backend = ${put(backend)} and ${live}`));
    return [source(filter.includeRemoved ? "true" : live)];
  };
  const sources = sourcesOf();
  const where = [
    ...(filter.includeRemoved ? [] : [live]),
    ...(statuses === undefined ? [] : [`w.status = any (${put(statuses)})`]),
    ...(backends === undefined ? [] : [`w.backend = any (${put(backends)})`]),
    ...(places === undefined ? [] : [`w.place = any (${put(places)})`]),
    ...(name === undefined ? [] : [`w.name = ${put(name)}`]),
    ...(parentId === undefined ? [] : [`w.parent_id = ${put(parentId)}`]),
    ...(label === undefined ? [] : [`w.labels @> ${put(JSON.stringify(labels))}`]),
  ];
  const spec = filter.specs === true ? ["spec"] : [];
  const columns = [...LISTED_COLUMNS.split(",").map((one) => one.trim()), ...spec];
  const large = ["labels", "place_labels", ...spec];
  return readPage<ListedWorkspace>(
    db,
    {
      columns: columns.map((column) => `w.${column}`).join(", "),
      sources,
      types: ["timestamptz", "uuid"],
      direction: "asc",
      where,
      after: filter.after ?? null,
      limit: filter.limit,
      bytes: large.map((column) => `octet_length(${column}::text)`).join(" + "),
    },
    query,
  );
}

/** The lowest and the highest id that begin so. */
function idsFrom(prefix: string): [string, string] {
  const digits = prefix.replaceAll("-", "").slice(0, 32);
  return [digits.padEnd(32, "0"), digits.padEnd(32, "f")];
}
