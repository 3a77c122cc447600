import { BerthError } from "@berth/core/base/errors";
import type { App } from "../services.js";

/** Answers paths that don't exist with 404, and methods that a path doesn't have with 405 and `Allow`. */
export function refuseUnknown(app: App): void {
  const routes: { path: RegExp; method: string }[] = [];
  app.addHook("onRoute", ({ url, method }) => {
    if (url.includes("*")) return;
    const path = new RegExp(`^${url.replaceAll(/:[^/]+/g, "[^/]+").replace(/\/$/, "")}/?$`);
    for (const one of [method].flat()) routes.push({ path, method: one });
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0]!;
    const allowed = new Set(routes.filter((route) => route.path.test(path)).map((route) => route.method));
    if (allowed.size === 0) throw new BerthError("not_found", `there is nothing at ${path}`);
    const list = [...allowed].toSorted().join(", ");
    void reply.header("allow", list);
    throw new BerthError("method_not_allowed", `${path} has ${list}`, { allowed: [...allowed].toSorted() });
  });
}
