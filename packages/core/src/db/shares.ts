import type { Queryable } from "./pool.js";

/** What waits of one who asks, in a place. */
export interface Waiting {
  requested_by: string;
  /** Whose key it is, where that is a tenant's: what its keys ask for is of one. */
  tenant: string | null;
  waiting: number;
}

/** How many operations wait in a place, by who has asked for them; the tenants of keys without any as well. */
export async function waitingByRequester(db: Queryable, place: string): Promise<Waiting[]> {
  const { rows } = await db.query<Waiting>(
    `select coalesce(n.requested_by, k.name) as requested_by, k.tenant::text as tenant, coalesce(n.waiting, 0) as waiting
     from (select requested_by, count(*)::int as waiting from operations
       where state = 'queued' and place = $1 group by requested_by) n
     full join (select name, tenant from api_keys where revoked_at is null and tenant is not null) k
       on k.name = n.requested_by`,
    [place],
  );
  return rows;
}
