import { useSyncExternalStore } from "react";

/** Where one is: what follows `#`, since the paths themselves are the API's. */
export interface Place {
  /** Such as `["workspaces", "<id>"]`. */
  path: readonly string[];
  query: URLSearchParams;
}

export function linkTo(path: string, query: Readonly<Record<string, string | null>> = {}): string {
  const given = Object.entries(query).filter(
    (one): one is [string, string] => one[1] !== null && one[1] !== "",
  );
  const text = new URLSearchParams(given).toString();
  return `#/${path}${text === "" ? "" : `?${text}`}`;
}

export function useRoute(): Place {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

/** Another query in the same place, which "back" doesn't stop at. */
export function changeQuery(change: Readonly<Record<string, string | null>>): void {
  const [path = "", query = ""] = location.hash.replace(/^#?\/?/, "").split("?");
  const all = { ...Object.fromEntries(new URLSearchParams(query)), ...change };
  history.replaceState(null, "", linkTo(path, all));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

function subscribe(changed: () => void): () => void {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
}
