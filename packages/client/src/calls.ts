import createFetchClient, {
  type FetchOptions,
  type FetchResponse,
  type MaybeOptionalInit,
} from "openapi-fetch";
import { BerthError } from "./errors.js";
import type { Transport } from "./transport.js";
import type { paths } from "./types.js";

type Method = "get" | "post" | "put" | "patch" | "delete";
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, object> ? P : never;
}[keyof paths];
type Json = "application/json";

/** What may, and what must, be given besides the path. */
type Init<P extends keyof paths, M extends Method> = MaybeOptionalInit<paths[P], M>;
type InitParam<I> = undefined extends I ? [init?: I] : [init: I];
/** The answer, which is what was asked for: all else is thrown. `data` tells the two apart without exactOptionalPropertyTypes too. */
export type Answered<Operation extends Record<string | number, unknown>, I> = Extract<
  FetchResponse<Operation, I, Json>,
  { data: unknown; error?: never }
>;

/** Asks, as of a path of the API's description. @throws BerthError for every answer that isn't a success. */
export type Call<M extends Method> = <P extends PathsWith<M>, I extends Init<P, M>>(
  path: P,
  ...init: InitParam<I>
) => Promise<Answered<paths[P][M] & Record<string | number, unknown>, I>>;

export interface Calls {
  GET: Call<"get">;
  POST: Call<"post">;
  PUT: Call<"put">;
  PATCH: Call<"patch">;
  DELETE: Call<"delete">;
}

export function createCalls(options: { url: string; key: string | null; transport: Transport }): Calls {
  const { url, key, transport } = options;
  const client = createFetchClient<paths, Json>({
    baseUrl: url,
    fetch: transport,
    headers: key === null ? {} : { authorization: `Bearer ${key}` },
  });
  const call =
    (method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE") =>
    async (path: string, init?: FetchOptions<unknown>): Promise<unknown> => {
      const ask = client[method] as (path: string, init?: object) => Promise<unknown>;
      try {
        return await ask(path, init);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        throw new BerthError("not_berth", `something that isn't Berth answers at ${url}`, { cause: error });
      }
    };
  return {
    GET: call("GET"),
    POST: call("POST"),
    PUT: call("PUT"),
    PATCH: call("PATCH"),
    DELETE: call("DELETE"),
  } as unknown as Calls;
}
