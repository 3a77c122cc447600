import type { KeyScope } from "@berth/core/db/api-keys";
import type { TenantLabels } from "@berth/core/db/tenants";
import { BerthError } from "@berth/core/base/errors";

/**
 * Who may use a route. `viewer`, `operator` and `admin`: a key of that scope or a wider one. `workspace`: the
 * token of a workspace's generation and nothing else; such a token is good for no other route.
 */
export type Access = "public" | KeyScope | "workspace";

/** Who asks. */
export interface Caller {
  name: string;
  scope: KeyScope | "workspace";
  /** Null for the key of the configuration and for workspaces. */
  keyId: string | null;
  /** The labels of the only workspaces that there are for it; null: it is for all. */
  tenant: TenantLabels | null;
  /** What a `workspace` route was called with. The route judges it: it belongs to one workspace. */
  token?: string;
}

/** Where Bull Board is. */
export const QUEUES_PATH = "/admin/queues";

/** Jobs may be read by operators; what removes or retries them by hand goes past the gates. */
export function jobAccess(method: string): KeyScope {
  return method === "GET" || method === "HEAD" ? "operator" : "admin";
}

const WIDTH: Readonly<Record<KeyScope, number>> = { viewer: 0, operator: 1, admin: 2 };

/** @throws BerthError `forbidden`, which names the scope needed and the scope held. */
export function requireScope(caller: Caller, needed: KeyScope): void {
  if (caller.scope !== "workspace" && WIDTH[caller.scope] >= WIDTH[needed]) return;
  throw new BerthError(
    "forbidden",
    `this needs a key of scope ${needed}; ${caller.name} has ${caller.scope}`,
    {
      needed,
      held: caller.scope,
    },
  );
}
