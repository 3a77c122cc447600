import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** Which promise is broken. */
export type Fault = "none" | "leak" | "overlap" | "lost_request" | "failure" | "forgotten_child";

/**
 * The demo's part of the REST API with everything ended at once, and one promise broken: what a demo must
 * notice, and what no real Berth can be made to do.
 */
export async function startBrokenBerth(fault: Fault): Promise<{ url: string } & AsyncDisposable> {
  const operations: Record<string, unknown>[] = [];
  const workspaces: string[] = [];
  let clock = Date.parse("2026-01-01T00:00:00Z");
  const tick = (ms: number) => new Date((clock += ms)).toISOString();

  const operate = (workspaceId: string, kind: string) => {
    const created_at = tick(10);
    const first = operations.find((one) => one["workspace_id"] === workspaceId);
    const started_at = fault === "overlap" && first !== undefined ? first["started_at"] : tick(10);
    const operation = { id: randomUUID(), workspace_id: workspaceId, kind, coalesced: 1, error: null };
    const failed = fault === "failure" && kind === "restart";
    const state = failed
      ? { state: "failed", error: { code: "x", message: "no capacity" } }
      : { state: "succeeded" };
    operations.push({ ...operation, ...state, created_at, started_at, finished_at: tick(10) });
    return operations.at(-1)!;
  };
  const restart = (id: string) => {
    const waiting = operations.find((one) => one["kind"] === "restart");
    if (waiting === undefined) return operate(id, "restart");
    if (fault !== "lost_request") waiting["coalesced"] = Number(waiting["coalesced"]) + 1;
    return waiting;
  };
  const create = () => {
    workspaces.push(randomUUID());
    const id = workspaces.at(-1)!;
    return { id, name: "x", backend: "external", operation: operate(id, "provision") };
  };
  const answer = ({ method, url }: IncomingMessage): unknown => {
    const [, , id = "", part] = (url ?? "").split(/[/?]/);
    switch (`${method} ${part ?? ""}`) {
      case "POST ":
        return create();
      case "GET ":
        // Of all lists the demo reads that of the places.
        return id === "" ? [] : operations.find((one) => one["id"] === id);
      case "POST restart":
        return { id, operation: restart(id) };
      case "DELETE cascade=true":
        for (const one of workspaces) operate(one, "delete");
        return { cascade_deleted: fault === "forgotten_child" ? 2 : 3 };
      case "GET operations":
        return operations.filter((one) => one["workspace_id"] === id);
      case "GET resources":
        return [{ kind: "instance", name: `ws-${id}`, state: fault === "leak" ? "releasing" : "gone" }];
      default:
        return operations.find((one) => one["id"] === id);
    }
  };

  const server = createServer((request, response) => {
    request.resume().on("end", () => response.end(JSON.stringify(answer(request))));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
