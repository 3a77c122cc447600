import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { berth } from "./berth.js";

/** As many are asked for at once. */
const AT_ONCE = 100;
/** A name changes rarely. In ms. */
const KEPT_MS = 60_000;

/** What the workspaces with these ids are called, as far as it is known yet. */
export function useNames(ids: readonly string[]): ReadonlyMap<string, string> {
  const wanted = [...new Set(ids)].toSorted();
  const { data } = useQuery({
    queryKey: ["names", wanted],
    queryFn: async ({ signal }) => {
      const parts: string[][] = [];
      for (let at = 0; at < wanted.length; at += AT_ONCE) parts.push(wanted.slice(at, at + AT_ONCE));
      const pages = await Promise.all(
        parts.map((id) =>
          berth.GET("/workspaces", {
            params: { query: { id, include_removed: true, limit: AT_ONCE } },
            signal,
          }),
        ),
      );
      return new Map(pages.flatMap((page) => page.data.map((one) => [one.id, one.name] as const)));
    },
    enabled: wanted.length > 0,
    staleTime: KEPT_MS,
    placeholderData: keepPreviousData,
  });
  return data ?? new Map<string, string>();
}
