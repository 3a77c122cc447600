// A Fastify that does nothing but ask the same SQL as Berth's own routes: `bare.ts <database URL>`. Says its address.
import { createPool } from "@berth/core/db/pool";
import { listWorkspaces } from "@berth/core/db/workspace-lists";
import { getWorkspace } from "@berth/core/db/workspaces";
import { fastify } from "fastify";

const pool = createPool(process.argv[2]!);
const app = fastify();
app.get<{ Params: { id: string } }>("/workspaces/:id", ({ params }) => getWorkspace(pool, params.id));
app.get<{ Querystring: { limit: string } }>("/workspaces", async ({ query }) => {
  const { rows } = await listWorkspaces(pool, { includeRemoved: false, limit: Number(query.limit) });
  return { items: rows };
});
console.log(await app.listen({ port: 0, host: "127.0.0.1" }));
