import type { Registry } from "prom-client";
import type { Dispatcher } from "../gate/dispatcher.js";
import { figuresOf } from "./figures.js";

/**
 * A dispatcher that counts what this process has accepted, as it is handed on. What was lost before a queue had it is
 * handed on by a sweep, which isn't counted.
 */
export function countAccepted(registry: Registry, dispatcher: Dispatcher): Dispatcher {
  const accepted = figuresOf(registry).counter(
    "berth_operations_accepted_total",
    "Operations that this process has accepted.",
    "kind",
  );
  return {
    add(operation, when) {
      accepted.inc({ kind: operation.kind });
      return dispatcher.add(operation, when);
    },
    wake: (operation) => dispatcher.wake(operation),
    promote: (workspaceId, ticket, place) => dispatcher.promote(workspaceId, ticket, place),
  };
}
