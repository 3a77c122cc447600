import type { Logger } from "../base/logger.js";
import { traced } from "../base/tracing.js";
import type { BackendName } from "../domain/backend.js";
import type { Backend } from "./backend.js";
import { BackendError, type BackendErrorCode } from "./backend-error.js";
import { checkLaunch, checkRef } from "./request-check.js";

/**
 * What holds for every backend, put around it once: nothing that could never come from the ledger reaches it, and a
 * `probe` that fails is doubt about all that it was asked for (I5).
 */
export function checked(backend: Backend, logger?: Logger): Backend {
  return {
    ...backend,
    async createVolume(volume, options) {
      checkRef(volume);
      return backend.createVolume(volume, options);
    },
    async removeVolume(volume, options) {
      checkRef(volume);
      return backend.removeVolume(volume, options);
    },
    async launch(request, options) {
      checkLaunch(request);
      return backend.launch(request, options);
    },
    async stop(instance, options) {
      checkRef(instance);
      return backend.stop(instance, options);
    },
    async probe(instances, options) {
      try {
        return await backend.probe(instances, options);
      } catch (error) {
        logger?.debug({ err: error, backend: backend.name }, "a probe failed");
        return new Map(instances.map((ref) => [ref.resourceId, "unknown"]));
      }
    },
    async logs(instance, options) {
      checkRef(instance);
      return backend.logs(instance, options);
    },
  };
}

/** One call of a backend, when it has ended. */
export interface ObservedCall {
  backend: BackendName;
  method: ObservedMethod;
  ms: number;
  /** `failed`: with something else than a {@link BackendError}. */
  outcome: "ok" | "failed" | BackendErrorCode;
}

const OBSERVED = ["createVolume", "removeVolume", "launch", "stop", "probe", "listOwned", "logs"] as const;
type ObservedMethod = (typeof OBSERVED)[number];

/** Tells `observe` of each call's end, traces it, and changes nothing about it. */
export function measured(backend: Backend, observe: (call: ObservedCall) => void): Backend {
  const measuredOf = <M extends ObservedMethod>(method: M): Backend[M] => {
    const call = async (...args: unknown[]): Promise<unknown> => {
      const begun = performance.now();
      const told = (outcome: ObservedCall["outcome"]): void =>
        observe({ backend: backend.name, method, ms: performance.now() - begun, outcome });
      try {
        const ask = backend[method] as (...given: unknown[]) => Promise<unknown>;
        const attributes = { "berth.backend": backend.name };
        const result = await traced(`provider ${method}`, attributes, () => ask(...args));
        told("ok");
        return result;
      } catch (error) {
        told(error instanceof BackendError ? error.code : "failed");
        throw error;
      }
    };
    return call as Backend[M];
  };
  return { ...backend, ...Object.fromEntries(OBSERVED.map((method) => [method, measuredOf(method)])) };
}
