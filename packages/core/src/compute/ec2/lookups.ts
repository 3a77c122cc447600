import type { EC2Client } from "@aws-sdk/client-ec2";
import type { CallOptions } from "../backend.js";
import { windowed } from "../../base/window.js";
import { askApart } from "./apart.js";
import type { Aws } from "./aws.js";
import { listInstances, listVolumes } from "./listing.js";
import { patiently } from "./pause.js";
import type { SeenInstance, SeenVolume } from "./seen.js";
import { DEPLOYMENT, RESOURCE, WORKSPACE } from "./tags.js";

/** Questions about single things, of which those asked within a moment become one call. */
export interface Lookups {
  /** Null if a clean answer didn't have it. Any state, whoever it belongs to. @throws BackendError */
  instance(id: string, options: CallOptions): Promise<SeenInstance | null>;
  /** This deployment's instances of a workspace, in any state, the latest last. @throws BackendError */
  instancesOf(workspaceId: string, options: CallOptions): Promise<SeenInstance[]>;
  volume(id: string, options: CallOptions): Promise<SeenVolume | null>;
  /** This deployment's volumes that were made for a ledger row. @throws BackendError */
  volumesFor(resourceId: string, options: CallOptions): Promise<SeenVolume[]>;
  /** An answer has shown it terminated. After about an hour none does any more. */
  hasEnded(id: string): boolean;
  /** StateReason of an instance that has ended, if an answer told it. */
  reasonOf(id: string): string | null;
}

/** A filter takes at most 200 values. */
const GATHER = { windowMs: 20, max: 200 };
const MAX_REMEMBERED = 20_000;

export function createLookups(aws: Aws, deploymentId: string): Lookups {
  const ended = new Map<string, true>();
  const reasons = new Map<string, string>();
  const note = (seen: readonly SeenInstance[]): void => {
    for (const { id, state, reason } of seen) {
      if (state === "terminated") remember(ended, id, true);
      if (reason !== null && state !== "running" && state !== "pending") remember(reasons, id, reason);
    }
  };
  /** What was tried hard already, together with more, is tried once. */
  const clientFor = (again: boolean): EC2Client => (again ? aws.impatient : aws.ec2);
  const instances = async ({ name, owned }: By, { values, again }: Asked): Promise<SeenInstance[]> => {
    const filters = filtersFor(name, values, owned ? deploymentId : null);
    const call = { what: "describe instances", priority: "user" } as const;
    const seen = await listInstances(aws, filters, call, clientFor(again));
    note(seen);
    return seen;
  };
  const volumes = ({ name, owned }: By, { values, again }: Asked): Promise<SeenVolume[]> => {
    const filters = filtersFor(name, values, owned ? deploymentId : null);
    return listVolumes(aws, filters, { what: "describe volumes", priority: "user" }, clientFor(again));
  };

  const byId = grouped(
    (asked) => instances({ name: "instance-id", owned: false }, asked),
    ({ id }) => id,
  );
  const byWorkspace = grouped(
    (asked) => instances({ name: `tag:${WORKSPACE}`, owned: true }, asked),
    ({ tags }) => tags.get(WORKSPACE),
  );
  const volumeById = grouped(
    (asked) => volumes({ name: "volume-id", owned: false }, asked),
    ({ id }) => id,
  );
  const volumesByResource = grouped(
    (asked) => volumes({ name: `tag:${RESOURCE}`, owned: true }, asked),
    ({ tags }) => tags.get(RESOURCE),
  );

  return {
    instance: async (id, options) => (await patiently(() => byId(id), options))[0] ?? null,
    async instancesOf(workspaceId, options) {
      const seen = await patiently(() => byWorkspace(workspaceId), options);
      return seen.toSorted((a, b) => a.launchedAt.getTime() - b.launchedAt.getTime());
    },
    volume: async (id, options) => (await patiently(() => volumeById(id), options))[0] ?? null,
    volumesFor: (resourceId, options) => patiently(() => volumesByResource(resourceId), options),
    hasEnded: (id) => ended.has(id),
    reasonOf: (id) => reasons.get(id) ?? null,
  };
}

function filtersFor(name: string, values: readonly string[], deploymentId: string | null) {
  const filters = [{ Name: name, Values: [...new Set(values)] }];
  if (deploymentId !== null) filters.push({ Name: `tag:${DEPLOYMENT}`, Values: [deploymentId] });
  return filters;
}

/** By which filter, and whether among this deployment's things only. */
interface By {
  name: string;
  owned: boolean;
}

interface Asked {
  values: readonly string[];
  again: boolean;
}

/** One listing for many keys, and to each what of it is its own. */
function grouped<Thing>(
  list: (asked: Asked) => Promise<Thing[]>,
  keyOf: (thing: Thing) => string | undefined,
): (key: string) => Promise<Thing[]> {
  return windowed(GATHER, (keys) =>
    askApart(keys, async (values, again) => {
      const found = new Map<string | undefined, Thing[]>(values.map((key) => [key, []]));
      for (const thing of await list({ values, again })) found.get(keyOf(thing))?.push(thing);
      return (key) => found.get(key)!;
    }),
  );
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_REMEMBERED) map.delete(map.keys().next().value!);
}
