import type { ListedWorkspace, StructureEvent } from "@berth/client";
import { berth } from "../../api/berth.js";
import { queryClient } from "../../api/queries.js";

/** What nothing tells us of, such as a resource that is gone, is looked for again after this, in ms. */
const LOOK_EVERY_MS = 5_000;
const MAX_EVENTS = 2_000;
const MAX_DESCENDANTS = 500;

export function workspaceQuery(id: string) {
  return {
    queryKey: ["workspace", id],
    queryFn: async () => (await berth.GET("/workspaces/{id}", { params: { path: { id } } })).data,
    refetchInterval: LOOK_EVERY_MS,
  };
}

/** With what its agent says of itself. */
export type WholeWorkspace = Awaited<ReturnType<ReturnType<typeof workspaceQuery>["queryFn"]>>;

export function whyQuery(id: string) {
  return {
    queryKey: ["workspace", id, "why"],
    queryFn: async () => (await berth.GET("/workspaces/{id}/why", { params: { path: { id } } })).data,
    refetchInterval: LOOK_EVERY_MS,
  };
}

export function childrenQuery(id: string) {
  return {
    queryKey: ["workspace", id, "children"],
    queryFn: async () =>
      (await berth.GET("/workspaces", { params: { query: { parent_id: id, limit: 100 } } })).data,
  };
}

/** The newest operations, all things made for it, and what happened. */
export function historyQuery(id: string) {
  return {
    queryKey: ["workspace", id, "history"],
    refetchInterval: LOOK_EVERY_MS,
    queryFn: async () => {
      const path = { id };
      const [operations, resources, events] = await Promise.all([
        berth.GET("/workspaces/{id}/operations", { params: { path, query: { limit: 200 } } }),
        berth.GET("/workspaces/{id}/resources", { params: { path } }),
        eventsOf(id),
      ]);
      return { operations: operations.data, resources: resources.data, events };
    },
  };
}
export type History = Awaited<ReturnType<ReturnType<typeof historyQuery>["queryFn"]>>;

async function eventsOf(workspaceId: string): Promise<StructureEvent[]> {
  const found: StructureEvent[] = [];
  const pages = berth.pages("/events/{workspaceId}", {
    params: { path: { workspaceId }, query: { limit: 1_000 } },
  });
  for await (const page of pages) {
    found.push(...page);
    if (found.length >= MAX_EVENTS) break;
  }
  return found;
}

/** Those that are deleted with it. */
export function descendantsQuery(id: string) {
  return { queryKey: ["workspace", id, "descendants"], queryFn: () => descendantsOf(id) };
}

/** True if those that are deleted with it have been shown, and there are any. */
export function isKnownToHaveOthers(id: string): boolean {
  const others = queryClient.getQueryData<ListedWorkspace[]>(descendantsQuery(id).queryKey);
  return others !== undefined && others.length > 0;
}

/** The nearest first. */
async function descendantsOf(id: string): Promise<ListedWorkspace[]> {
  const found: ListedWorkspace[] = [];
  for (let parents = [id]; parents.length > 0 && found.length < MAX_DESCENDANTS;) {
    const pages = await Promise.all(
      parents.map((parent_id) =>
        berth.GET("/workspaces", { params: { query: { parent_id, limit: 1_000 } } }),
      ),
    );
    const children = pages.flatMap(({ data }) => data);
    found.push(...children);
    parents = children.map((child) => child.id);
  }
  return found;
}
