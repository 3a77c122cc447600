import { traceRequest, type TracedRequest } from "@berth/core/base/tracing";
import type { FastifyRequest } from "fastify";
import type { App } from "../services.js";

/** Traces each request by its route's pattern, with all that is done for it, the job that it adds among that. */
export function traceRequests(app: App): void {
  const under = new WeakMap<FastifyRequest, TracedRequest>();
  app.addHook("onRequest", (request, _reply, done) => {
    const route = request.routeOptions.url ?? "none";
    const method = route === "none" ? "any" : request.method;
    const attributes = { "http.request.method": method, "http.route": route, "berth.request_id": request.id };
    const traced = traceRequest(`${method} ${route}`, request.headers, attributes);
    under.set(request, traced);
    traced.within(done);
  });
  // A body is read in the context of its connection, and what follows it would be there too.
  app.addHook("preValidation", (request, _reply, done) => under.get(request)!.within(done));
  app.addHook("onResponse", (request, reply, done) => {
    under.get(request)?.end(reply.statusCode);
    done();
  });
}
