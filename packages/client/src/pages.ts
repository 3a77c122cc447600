import type { Calls } from "./calls.js";
import type { paths } from "./types.js";

interface List {
  parameters: { query?: object };
  responses: { 200: { content: { "application/json": readonly unknown[] } } };
}
type QueryOf<G extends List> = NonNullable<G["parameters"]["query"]>;
/** The paths that answer in pages. */
export type ListPath = {
  [P in keyof paths]: paths[P] extends { get: infer G extends List }
    ? [QueryOf<G>] extends [never]
      ? never
      : "after" extends keyof QueryOf<G>
        ? P
        : never
    : never;
}[keyof paths];
type Get<P extends ListPath> = paths[P] extends { get: infer G extends List } ? G : never;
export type Row<P extends ListPath> = Get<P>["responses"][200]["content"]["application/json"][number];

export interface ListOptions<P extends ListPath> {
  params?: Pick<Get<P>["parameters"], "query" | ("path" extends keyof Get<P>["parameters"] ? "path" : never)>;
  signal?: AbortSignal;
}

/** The pages of a list, one asked for after the other as `Link` says. Some may be empty, with more behind them. */
export async function* pages<P extends ListPath>(
  { GET }: Calls,
  path: P,
  { params, signal }: ListOptions<P>,
): AsyncGenerator<Row<P>[], void, undefined> {
  const get = GET as unknown as (
    path: string,
    init: object,
  ) => Promise<{ data: Row<P>[]; response: Response }>;
  for (let after: string | null = null, first = true; first || after !== null; first = false) {
    const query = after === null ? params?.query : { ...params?.query, after };
    const { data, response } = await get(path, { params: { ...params, query }, signal: signal ?? null });
    yield data;
    after = nextOf(response);
  }
}

/** The position of the next page. Only that, since a proxy may serve Berth under another path than it knows. */
export function nextOf(response: Response): string | null {
  const [, target] = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("link") ?? "") ?? [];
  return target === undefined ? null : new URL(target, "http://berth").searchParams.get("after");
}
