import { getOperation } from "@berth/core/db/operations";
import type { Pool } from "@berth/core/db/pool";
import { isOfTenant, isTreeOfTenant, type TenantLabels } from "@berth/core/db/tenants";
import { BerthError, operationNotFound, workspaceNotFound } from "@berth/core/base/errors";
import type { FastifyRequest } from "fastify";
import type { App } from "../services.js";

/**
 * What of a route there is for a key of a tenant. A route without a rule is about all tenants, and refused.
 * - `workspace`: the workspace of its path, if it is the tenant's; `tree`: with all its descendants.
 * - `operation`: the operation of its path, of such a workspace with all its descendants.
 * - `labels`: what its filter `label` lets pass; the tenant's are added.
 * - `create`: what it makes gets the tenant's labels, and a parent of the tenant's.
 * - `shared`: it says nothing of anybody's.
 */
export type TenantRule = "workspace" | "tree" | "operation" | "labels" | "create" | "shared";

declare module "fastify" {
  interface FastifyContextConfig {
    tenants?: TenantRule;
  }
}

/** Keeps each tenant's keys to its own workspaces: what is another's answers as if it weren't there. */
export function keepTenantsApart(app: App, pool: Pool): void {
  // After the validation, which makes ids canonical, and before any handler.
  app.addHook("preHandler", async (request) => {
    const { tenant } = request.caller ?? {};
    if (tenant == null || request.is404) return;
    await RULES[requireRule(request)](pool, request, tenant);
  });
}

function requireRule({ caller, routeOptions }: FastifyRequest): TenantRule {
  const { tenants } = routeOptions.config;
  if (tenants !== undefined) return tenants;
  throw new BerthError("forbidden", `this is about all tenants, and ${caller.name} is a key of one`);
}

type Check = (pool: Pool, request: FastifyRequest, tenant: TenantLabels) => Promise<void>;

const RULES: Readonly<Record<TenantRule, Check>> = {
  async shared() {},
  async workspace(pool, request, tenant) {
    await requireWorkspaceOf(pool, workspaceOf(request), tenant);
    const { labels } = (request.body ?? {}) as { labels?: Record<string, string> };
    if (labels !== undefined) putLabels(labels, tenant);
  },
  async tree(pool, request, tenant) {
    await requireWorkspaceOf(pool, workspaceOf(request), tenant);
    await requireTreeOf(pool, workspaceOf(request), tenant);
  },
  async operation(pool, request, tenant) {
    const { id } = request.params as { id: string };
    const operation = await getOperation(pool, id);
    if (operation === null || !(await isOfTenant(pool, operation.workspace_id, tenant)))
      throw operationNotFound(id);
    await requireTreeOf(pool, operation.workspace_id, tenant);
  },
  async labels(_pool, request, tenant) {
    const query = request.query as { label?: string[] };
    for (const label of query.label ?? []) {
      const at = label.indexOf(":");
      requireOwn(label.slice(0, at), label.slice(at + 1), tenant);
    }
    query.label = [...(query.label ?? []), ...Object.entries(tenant).map((pair) => pair.join(":"))];
  },
  async create(pool, request, tenant) {
    const body = request.body as { labels?: Record<string, string>; parent_id?: string | null };
    putLabels((body.labels ??= {}), tenant);
    if (body.parent_id != null) await requireWorkspaceOf(pool, body.parent_id, tenant);
  },
};

function workspaceOf({ params }: FastifyRequest): string {
  const { id, workspaceId } = params as { id?: string; workspaceId: string };
  return id ?? workspaceId;
}

/** @throws BerthError `workspace_not_found`, as for one that isn't there. */
async function requireWorkspaceOf(pool: Pool, id: string, tenant: TenantLabels): Promise<void> {
  if (await isOfTenant(pool, id, tenant)) return;
  throw workspaceNotFound(id);
}

async function requireTreeOf(pool: Pool, id: string, tenant: TenantLabels): Promise<void> {
  if (await isTreeOfTenant(pool, id, tenant)) return;
  throw new BerthError("forbidden", `not all descendants of ${id} are your tenant's: ask an operator of all`);
}

/** @throws BerthError `forbidden` where they say something else. */
function putLabels(labels: Record<string, string>, tenant: TenantLabels): void {
  for (const [name, value] of Object.entries(labels)) requireOwn(name, value, tenant);
  Object.assign(labels, tenant);
}

function requireOwn(name: string, value: string, tenant: TenantLabels): void {
  if (!Object.hasOwn(tenant, name) || tenant[name] === value) return;
  throw new BerthError("forbidden", `label ${name}: this key is for ${name}:${tenant[name]!} alone`);
}
