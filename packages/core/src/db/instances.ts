import { sendAlong } from "./sent.js";
import type { Tx } from "./pool.js";

/** Nothing runs any more, if it is this instance that is proven gone. */
export async function forgetInstance(tx: Tx, id: string, providerId: string): Promise<void> {
  await sendAlong(
    tx,
    "update workspaces set instance_id = null, url = null where id = $1 and instance_id = $2",
    [id, providerId],
  );
}

/** What still runs is heard as before. */
export async function restoreToken(tx: Tx, id: string, tokenHash: Buffer): Promise<void> {
  await sendAlong(
    tx,
    `update workspaces set token_hash = $2
     where id = $1 and status <> 'removed' and token_hash is distinct from $2`,
    [id, tokenHash],
  );
}
