import { DemoError } from "./demo-error.js";
import type { Settings } from "./settings.js";

export interface Operation {
  id: string;
  workspace_id: string;
  kind: string;
  state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  coalesced: number;
  attempt: number;
  error: { code: string; message: string } | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface Workspace {
  id: string;
  name: string;
  backend: string;
  place: string;
  status: string;
  generation: number;
}

export interface Resource {
  id: string;
  workspace_id: string;
  kind: string;
  name: string;
  provider_id: string | null;
  state: "intended" | "present" | "releasing" | "gone";
}

export interface Place {
  name: string;
  backend: string;
  served: boolean;
  cordoned: boolean;
}

/** The part of Berth's REST API that the demo needs. Each method throws DemoError. */
export interface Api {
  create(body: {
    name: string;
    parent_id: string | null;
    place?: string;
  }): Promise<Workspace & { operation: Operation }>;
  places(): Promise<Place[]>;
  restart(id: string): Promise<Workspace & { operation: Operation }>;
  remove(id: string): Promise<{ cascade_deleted: number }>;
  operation(id: string): Promise<Operation>;
  operations(workspaceId: string): Promise<Operation[]>;
  resources(workspaceId: string): Promise<Resource[]>;
}

export function createApi({ url, key, backend, image }: Settings): Api {
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const headers: Record<string, string> = { authorization: `Bearer ${key}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    const response = await fetch(url + path, {
      method,
      headers,
      signal: AbortSignal.timeout(30_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((error: Error) => {
      const cause = error.cause as NodeJS.ErrnoException | undefined;
      const reason = cause?.code ?? cause?.message ?? error.message;
      throw new DemoError(
        `Berth doesn't answer at ${url} (${reason}): start it with "npm start", or set BERTH_URL`,
      );
    });
    const text = await response.text();
    if (response.ok) return JSON.parse(text) as T;
    throw new DemoError(`${method} ${path} was answered ${response.status}: ${told(text)}`);
  };
  // The process backend ignores the image.
  const spec = { image, command: ["sleep", "3600"], readiness: "running" };
  return {
    create: (body) =>
      call("POST", "/workspaces", { ...body, spec, ...(backend === undefined ? {} : { backend }) }),
    places: () => call("GET", "/places"),
    restart: (id) => call("POST", `/workspaces/${id}/restart`),
    remove: (id) => call("DELETE", `/workspaces/${id}?cascade=true`),
    operation: (id) => call("GET", `/operations/${id}`),
    operations: (id) => call("GET", `/workspaces/${id}/operations`),
    resources: (id) => call("GET", `/workspaces/${id}/resources`),
  };
}

/** The problem in a sentence, else the beginning of what was answered. */
function told(text: string): string {
  try {
    const { title, detail } = JSON.parse(text) as { title?: string; detail?: string };
    if (title !== undefined) return detail === undefined ? title : `${title}: ${detail}`;
  } catch {
    // No JSON: something else than Berth answers there.
  }
  return text.slice(0, 200);
}
