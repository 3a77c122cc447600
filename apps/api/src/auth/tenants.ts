import { getOperation } from "@berth/core/db/operations";
import type { Pool } from "@berth/core/db/pool";
import {
  isBulkOfTenant,
  isOfTenant,
  isTreeOfTenant,
  notOfTenant,
  type TenantLabels,
} from "@berth/core/db/tenants";
import { BerthError, bulkNotFound, operationNotFound, workspaceNotFound } from "@berth/core/base/errors";
import { treeForbidden } from "@berth/core/requests/by-kind";
import type { FastifyRequest } from "fastify";
import type { App } from "../services.js";

/**
 * What of a route there is for a key of a tenant. A route without a rule is about all tenants, and refused.
 * - `workspace`: the workspace of its path, if it is the tenant's; `tree`: with all its descendants.
 * - `operation`: the operation of its path, of such a workspace with all its descendants.
 * - `labels`: what its filter `label` lets pass; the tenant's are added. `filter`: the same of a filter in its body, and
 *   what that names by ids is the tenant's (asked once more when its turn comes, `requests/by-kind.ts`). `bulk`: the bulk operation of its path, if the tenant's.
 * - `create`: what it makes gets the tenant's labels, and a parent of the tenant's.
 * - `shared`: it says nothing of anybody's.
 */
export type TenantRule =
  "workspace" | "tree" | "operation" | "labels" | "filter" | "bulk" | "create" | "shared";

declare module "fastify" {
  interface FastifyContextConfig {
    tenants?: TenantRule;
  }
}

/** Keeps each tenant's keys to its own workspaces: what is another's answers as if it weren't there. */
export function keepTenantsApart(app: App, pool: Pool): void {
  // Before its body is read: what is about all tenants isn't even told what is wrong with it.
  app.addHook("onRequest", async (request) => {
    if (request.caller?.tenant != null && !request.is404) requireRule(request);
  });
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
    narrow(request.query as Labelled, tenant);
  },
  async filter(pool, request, tenant) {
    const { filter, workspace_ids: ids = [] } = request.body as {
      filter?: Labelled;
      workspace_ids?: string[];
    };
    if (filter !== undefined) narrow(filter, tenant);
    const [other] = await notOfTenant(pool, ids, tenant);
    if (other !== undefined) throw workspaceNotFound(other);
  },
  async bulk(pool, request, tenant) {
    const { id } = request.params as { id: string };
    if (!(await isBulkOfTenant(pool, id, tenant))) throw bulkNotFound(id);
  },
  async create(pool, request, tenant) {
    const body = request.body as { labels?: Record<string, string>; parent_id?: string | null };
    putLabels((body.labels ??= {}), tenant);
    if (body.parent_id != null) await requireWorkspaceOf(pool, body.parent_id, tenant);
  },
};

interface Labelled {
  label?: string[];
}

/** Adds the tenant's labels to those that a filter wants. @throws BerthError `forbidden` */
function narrow(filter: Labelled, tenant: TenantLabels): void {
  for (const label of filter.label ?? []) {
    const at = label.indexOf(":");
    requireOwn(label.slice(0, at), label.slice(at + 1), tenant);
  }
  filter.label = [...(filter.label ?? []), ...Object.entries(tenant).map((pair) => pair.join(":"))];
}

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
  throw treeForbidden(id);
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
