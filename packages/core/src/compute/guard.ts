import { mismatchOf } from "../domain/place.js";
import type { Backend, CallOptions, Dns, InstanceState } from "./backend.js";
import { BackendError } from "./backend-error.js";

/** The place that a backend is to reach. */
export interface Meant {
  readonly name: string;
  /** As it is recorded now; null: not at all, so that nothing may be touched. */
  identity(): string | null;
  /** Told whenever something else was reached. */
  onMismatch(seen: string | null, message: string): void;
}

/**
 * A backend that counts only while it reaches the place that is meant (I12). Who answers is asked before each call,
 * and again before its outcome is believed: a daemon may be swapped in between.
 *
 * From anywhere else acts, lists and logs reject with `wrong_place`, which is transient, and a probe tells nothing.
 */
export function guard(backend: Backend, place: Meant): Backend {
  const require = async (call: CallOptions): Promise<void> => {
    const recorded = place.identity();
    if (recorded === null)
      throw new BackendError(
        "wrong_place",
        "transient",
        `place ${place.name} has no confirmed identity, so nothing in it is touched`,
      );
    const seen = await backend.identify(call);
    if (seen === recorded) return;
    const message = mismatchOf(backend.name, place.name, recorded, seen);
    place.onMismatch(seen, message);
    throw new BackendError("wrong_place", "transient", message);
  };
  const there = async <T>(call: CallOptions, ask: () => Promise<T>): Promise<T> => {
    await require(call);
    const answer = await ask();
    await require(call);
    return answer;
  };
  const { mark, listLookalikes, ready, reasonOf, secretOf, dns } = backend;
  return {
    name: backend.name,
    settleMs: backend.settleMs,
    identify: (call) => backend.identify(call),
    ...(mark === undefined ? {} : { mark: (call) => mark.call(backend, call) }),
    createVolume: (volume, call) => there(call, () => backend.createVolume(volume, call)),
    removeVolume: (volume, call) => there(call, () => backend.removeVolume(volume, call)),
    launch: (request, call) => there(call, () => backend.launch(request, call)),
    stop: (instance, call) => there(call, () => backend.stop(instance, call)),
    async probe(instances, call) {
      try {
        return await there(call, () => backend.probe(instances, call));
      } catch {
        return new Map<string, InstanceState>(instances.map((one) => [one.resourceId, "unknown"]));
      }
    },
    listOwned: (call) => there(call, () => backend.listOwned(call)),
    ...(ready === undefined
      ? {}
      : { ready: (needs, call) => there(call, () => ready.call(backend, needs, call)) }),
    ...(listLookalikes === undefined
      ? {}
      : { listLookalikes: (call) => there(call, () => listLookalikes.call(backend, call)) }),
    logs: (instance, options) => there(options, () => backend.logs(instance, options)),
    ...(reasonOf === undefined ? {} : { reasonOf: (instance) => reasonOf.call(backend, instance) }),
    ...(secretOf === undefined
      ? {}
      : { secretOf: (secret, call) => there(call, () => secretOf.call(backend, secret, call)) }),
    ...(dns === undefined ? {} : { dns: guardDns(dns, there) }),
    close: () => backend.close(),
  };
}

/** A zone's records belong to the account that its place is in. */
function guardDns(dns: Dns, there: <T>(call: CallOptions, ask: () => Promise<T>) => Promise<T>): Dns {
  return {
    nameOf: (workspaceId) => dns.nameOf(workspaceId),
    publish: (record, instance, call) => there(call, () => dns.publish(record, instance, call)),
    listOwned: (call) => there(call, () => dns.listOwned(call)),
    remove: (record, call) => there(call, () => dns.remove(record, call)),
  };
}
