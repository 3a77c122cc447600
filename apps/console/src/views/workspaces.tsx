import { useDeferredValue, useEffect, useMemo, useRef, type ReactNode } from "react";
import { useFleet, type Row } from "../api/fleet.js";
import { Facet } from "../parts/facet.js";
import { changeQuery, useRoute } from "../route.js";
import { Rows } from "./workspaces-rows.js";
import { arrange, matches, type SortBy } from "./workspaces-order.js";

const SORTS: readonly (readonly [SortBy, string])[] = [
  ["newest", "newest first"],
  ["oldest", "oldest first"],
  ["name", "by name"],
  ["changed", "changed last first"],
  ["trouble", "trouble first"],
];

/** All workspaces, as they are at this moment: what the address says of filters can be sent to somebody. */
export function WorkspacesView(): ReactNode {
  const { query } = useRoute();
  const status = query.get("status");
  const backend = query.get("backend");
  const find = query.get("find") ?? "";
  const label = query.get("label");
  const tree = query.get("tree") === "1";
  const sort = SORTS.find(([name]) => name === query.get("sort"))?.[0] ?? (tree ? "name" : "newest");
  const { rows, loading, cut, error } = useFleet({ removed: status === "removed", label });
  const wanted = useDeferredValue(find);
  const box = useRef<HTMLInputElement>(null);
  useSlash(box);

  const inBackend = useMemo(
    () => rows.filter((row) => backend === null || row.backend === backend),
    [rows, backend],
  );
  const shown = useMemo(
    () =>
      arrange(
        inBackend.filter((row) => (status === null || row.status === status) && matches(row, wanted)),
        { sort, tree },
      ),
    [inBackend, status, wanted, sort, tree],
  );
  return (
    <>
      <h1>
        Workspaces{" "}
        <span className="quiet">
          {rows.length.toLocaleString()}
          {loading ? " so far…" : ""}
        </span>
      </h1>
      {error !== null && <p className="strip bad">{error}</p>}
      {cut && <p className="strip warn">There are more than this page holds: narrow them down by a label.</p>}
      <form className="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <input
          ref={box}
          type="search"
          aria-label="Search by name, label, id, reason or address"
          placeholder="Search name, label, id, reason   /"
          value={find}
          onChange={(event) => changeQuery({ find: event.target.value })}
        />
        <input
          key={label}
          className="label"
          aria-label="Label as name:value"
          placeholder="label: team:red"
          defaultValue={label ?? ""}
          onBlur={(event) => setLabel(event.target.value)}
          onKeyDown={(event) => event.key === "Enter" && setLabel(event.currentTarget.value)}
        />
        <select
          aria-label="Order"
          value={sort}
          onChange={(event) => changeQuery({ sort: event.target.value })}
        >
          {SORTS.map(([name, words]) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
        <label className="check">
          <input
            type="checkbox"
            checked={tree}
            onChange={() => changeQuery({ tree: tree ? null : "1", sort: null })}
          />{" "}
          as a tree
        </label>
      </form>
      <Facets rows={inBackend} all={rows} status={status} backend={backend} />
      <Rows rows={shown} empty={loading ? "Reading…" : "None of that kind."} />
    </>
  );
}

function setLabel(text: string): void {
  const label = text.trim();
  changeQuery({ label: /^[^:]+:/.test(label) ? label : null });
}

/** The slash goes to the search, as on many pages. */
function useSlash(box: { readonly current: HTMLInputElement | null }): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const at = event.target as HTMLElement;
      if (event.key !== "/" || event.ctrlKey || event.metaKey || at.matches("input, textarea, select"))
        return;
      event.preventDefault();
      box.current?.focus();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [box]);
}

/** How many there are of each status and backend, to be chosen by. */
function Facets({
  rows,
  all,
  status,
  backend,
}: {
  rows: readonly Row[];
  all: readonly Row[];
  status: string | null;
  backend: string | null;
}): ReactNode {
  const statuses = useMemo(() => tally(rows, (row) => row.status), [rows]);
  const backends = useMemo(() => tally(all, (row) => row.backend), [all]);
  return (
    <div className="facets">
      <Facet chosen={status === null} onClick={() => changeQuery({ status: null })} text="all" />
      {statuses.map(([name, n]) => (
        <Facet
          key={name}
          status={name}
          chosen={status === name}
          onClick={() => changeQuery({ status: name })}
          n={n}
        />
      ))}
      {status !== "removed" && (
        <Facet chosen={false} onClick={() => changeQuery({ status: "removed" })} text="removed…" />
      )}
      {backends.length > 1 && <span className="between" />}
      {backends.length > 1 &&
        backends.map(([name, n]) => (
          <Facet
            key={name}
            chosen={backend === name}
            onClick={() => changeQuery({ backend: backend === name ? null : name })}
            text={name}
            n={n}
          />
        ))}
    </div>
  );
}

function tally(rows: readonly Row[], of: (row: Row) => string): [string, number][] {
  const found = new Map<string, number>();
  for (const row of rows) found.set(of(row), (found.get(of(row)) ?? 0) + 1);
  return [...found].toSorted((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}
