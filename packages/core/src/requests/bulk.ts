import { randomUUID } from "node:crypto";
import { insertBulk, type Bulk, type BulkOptions } from "../db/bulk.js";
import { insertEvents } from "../db/events.js";
import type { Pool } from "../db/pool.js";
import { listWorkspaces, type WorkspaceFilter } from "../db/workspace-lists.js";
import type { BulkKind } from "../domain/operation.js";
import { BerthError } from "../base/errors.js";
import type { TenantLabels } from "../db/tenants.js";
import { requestByKind, requireTenant } from "./by-kind.js";
import { acceptIdempotently, TakenBack, type Asker } from "./idempotency.js";
import type { RequestContext } from "./accept.js";

/** How many workspaces one bulk operation may be for. */
export const MAX_IN_BULK = 10_000;
const PAGE = 1_000;
/** How many are tried out at once. */
const LANES = 4;

/** `tenant`: of whose workspaces it is; what else is named isn't there. Absent or null: all. */
type BulkAsker = Asker & { tenant?: TenantLabels | null };
export type BulkRequest = { kind: BulkKind } & BulkOptions;

/** @throws BerthError `invalid_request` if there are more than {@link MAX_IN_BULK}. */
export async function workspacesOf(
  pool: Pool,
  filter: Omit<WorkspaceFilter, "limit" | "after">,
): Promise<string[]> {
  const found: string[] = [];
  let after: string[] | null = null;
  do {
    const page: Awaited<ReturnType<typeof listWorkspaces>> = await listWorkspaces(pool, {
      ...filter,
      after,
      limit: PAGE,
    });
    found.push(...page.rows.map((row) => row.id));
    if (found.length > MAX_IN_BULK) {
      const expected = `a filter that at most ${MAX_IN_BULK} workspaces pass`;
      throw new BerthError("invalid_request", `filter: expected ${expected}`, {
        errors: [{ field: "filter", expected }],
      });
    }
    after = page.next;
  } while (after !== null);
  return found;
}

/**
 * Accepts one request for many workspaces. The sweep `bulk` asks for each, as its own request would; what is refused
 * for one changes nothing for the others.
 */
export function acceptBulk(
  { pool }: Pick<RequestContext, "pool">,
  { kind, ...options }: BulkRequest,
  workspaceIds: readonly string[],
  asker: BulkAsker,
): Promise<Bulk> {
  return acceptIdempotently(pool, null, asker, async (tx) => {
    const bulk = await insertBulk(
      tx,
      { id: randomUUID(), kind, options, requested_by: asker.requestedBy, tenant: asker.tenant ?? null },
      workspaceIds,
    );
    await insertEvents(tx, [
      {
        event_type: "bulk.requested",
        workspace_id: null,
        payload: { bulk_id: bulk.id, kind, workspaces: bulk.total, requested_by: asker.requestedBy },
      },
    ]);
    return bulk;
  });
}

/** A workspace for which a bulk operation would be refused now, and why. */
export interface Refusal {
  workspace_id: string;
  code: string;
  message: string;
}

/**
 * Tries the request for each workspace out, and takes each back. A child that is refused for its parent, or a parent for
 * its children, counts as accepted if those are among them and accepted, as they are asked for first.
 */
export async function tryBulk(
  context: RequestContext,
  request: BulkRequest,
  workspaceIds: readonly string[],
  asker: BulkAsker,
): Promise<Refusal[]> {
  const refusals = new Map<string, BerthError>();
  const waiting = [...workspaceIds];
  const lane = async (): Promise<void> => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const refusal = await tryOut(context, request, id, asker);
      if (refusal !== null) refusals.set(id, refusal);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const among = new Set(workspaceIds);
  const isMet = (id: string): boolean => among.has(id) && stands(id) === null;
  const stands = (id: string): BerthError | null => {
    const refusal = refusals.get(id);
    if (refusal === undefined) return null;
    const { code, details } = refusal;
    if (code === "ancestor_suspended" && isMet(details["workspace_id"] as string)) return null;
    if (
      code === "has_children" &&
      (details["children"] as { id: string }[]).every((child) => isMet(child.id))
    )
      return null;
    return refusal;
  };
  return workspaceIds.flatMap((id) => {
    const refusal = stands(id);
    return refusal === null ? [] : [{ workspace_id: id, code: refusal.code, message: refusal.message }];
  });
}

async function tryOut(
  context: RequestContext,
  request: BulkRequest,
  workspaceId: string,
  { requestedBy, tenant = null }: BulkAsker,
): Promise<BerthError | null> {
  try {
    await requireTenant(context, request.kind, workspaceId, tenant);
    await requestByKind(context, request, workspaceId, { source: "api", requestedBy, dryRun: true });
    throw new Error(`a ${request.kind} that was tried out was carried out`);
  } catch (error) {
    if (error instanceof TakenBack) return null;
    if (error instanceof BerthError && !isOurFault(error)) return error;
    throw error;
  }
}

/** A refusal says something of the workspace; a failure, of Berth now. */
export function isOurFault({ code }: BerthError): boolean {
  return ["overloaded", "database_unavailable", "queues_unavailable", "internal"].includes(code);
}
