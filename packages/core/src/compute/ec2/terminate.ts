import { TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import type { CallPriority } from "../backend.js";
import { windowed } from "../../base/window.js";
import { type Aws, send } from "./aws.js";
import { failureOf, meaningOf } from "./failure.js";
import type { Meaning } from "./launch-errors.js";

/**
 * Asks for the end of one instance. Those asked for within a moment go in one call.
 * @throws BackendError; `termination_protected` if somebody has protected it
 */
export type Terminator = (id: string, priority: CallPriority) => Promise<void>;

/** Far below the 1,000 that AWS takes, so that one bad id among them spoils few. */
const GATHER = { windowMs: 20, max: 100 };
/** These are about the caller or the way to AWS. Any other may be about one instance of many (docs/facts.md). */
const ABOUT_ALL = new Set<Meaning>(["throttled", "unreachable", "timeout", "aborted", "stale_credentials"]);

export function createTerminator(aws: Aws): Terminator {
  const gather = windowed<{ id: string; priority: CallPriority }, void>(GATHER, async (items) => {
    const priority = items.some((item) => item.priority === "user") ? "user" : items[0]!.priority;
    const ids = [...new Set(items.map(({ id }) => id))];
    try {
      await terminateAll(aws, ids, priority);
      return items.map(() => ({ status: "fulfilled", value: undefined }));
    } catch (error) {
      if (ids.length === 1 || ABOUT_ALL.has(meaningOf(error)))
        throw failureOf(`terminate ${ids.length === 1 ? ids[0]! : `${ids.length} instances`}`, error);
      return oneByOne(aws, items);
    }
  });
  return (id, priority) => gather({ id, priority });
}

async function oneByOne(
  aws: Aws,
  items: readonly { id: string; priority: CallPriority }[],
): Promise<PromiseSettledResult<void>[]> {
  const asked = new Map<string, Promise<void>>();
  for (const { id, priority } of items)
    if (!asked.has(id))
      asked.set(
        id,
        terminateAll(aws, [id], priority).catch((error: unknown) => {
          throw failureOf(`terminate ${id}`, error);
        }),
      );
  return Promise.allSettled(items.map(({ id }) => asked.get(id)!));
}

async function terminateAll(aws: Aws, ids: string[], priority: CallPriority): Promise<void> {
  await send(
    aws,
    aws.ec2,
    new TerminateInstancesCommand({ InstanceIds: ids }),
    { what: `terminate ${ids.join(", ").slice(0, 200)}`, priority, instances: ids.length },
    { raw: true },
  );
}
