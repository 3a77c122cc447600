import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import type { Operation } from "@berth/client";
import { berth, isLoggedOut, isRefusal, logIn } from "./berth.js";

/** What nothing tells us of (a sweep's run, a place's worker) is asked for again after this, in ms. */
export const LOOK_EVERY_MS = 5_000;
/** What couldn't be read is asked for again after this, in ms. */
const AGAIN_AFTER_MS = 2_000;

const leave = (error: unknown): void => {
  if (isLoggedOut(error)) logIn();
};

export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError: leave }),
  mutationCache: new MutationCache({ onError: leave }),
  defaultOptions: {
    queries: {
      // For ever: a page that is left open finds its way back.
      retry: (_failures, error) => !isRefusal(error),
      retryDelay: AGAIN_AFTER_MS,
      staleTime: 1_000,
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

export const nowQuery = {
  queryKey: ["now"],
  queryFn: async () => (await berth.GET("/now")).data,
  refetchInterval: LOOK_EVERY_MS,
};
export type Now = Awaited<ReturnType<typeof nowQuery.queryFn>>;
export type Trouble = Now["troubles"][number];

export const sweepsQuery = {
  queryKey: ["sweeps"],
  queryFn: async () => (await berth.GET("/sweeps")).data,
  refetchInterval: LOOK_EVERY_MS,
};
export const placesQuery = {
  queryKey: ["places"],
  queryFn: async () => (await berth.GET("/places")).data,
  refetchInterval: LOOK_EVERY_MS,
};
export const leaksQuery = {
  queryKey: ["leaks"],
  queryFn: async () => (await berth.GET("/leaks", { params: { query: { limit: 1_000 } } })).data,
  refetchInterval: LOOK_EVERY_MS,
};
export const keysQuery = { queryKey: ["keys"], queryFn: async () => (await berth.GET("/keys")).data };
export const webhooksQuery = {
  queryKey: ["webhooks"],
  queryFn: async () => (await berth.GET("/webhooks")).data,
  refetchInterval: LOOK_EVERY_MS,
};

export type OperationState = Operation["state"];
export type OperationKind = Operation["kind"];

/** The newest so many of these states and kinds. */
export function operationsQuery(states: OperationState[], kinds: OperationKind[], limit: number) {
  return {
    queryKey: ["operations", states, kinds, limit],
    queryFn: async () =>
      (
        await berth.GET("/operations", {
          params: {
            query: {
              ...(states.length === 0 ? {} : { state: states }),
              ...(kinds.length === 0 ? {} : { kind: kinds }),
              limit,
            },
          },
        })
      ).data,
  };
}
