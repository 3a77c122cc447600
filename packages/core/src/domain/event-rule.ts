import type { FieldName } from "./event-fields.js";

/** What an event tells: when it is written, which fields its payload always has, and which only at times. */
export interface EventRule<
  Always extends FieldName = FieldName,
  AtTimes extends FieldName = FieldName,
  More extends boolean = boolean,
> {
  when: string;
  always: readonly Always[];
  atTimes: readonly AtTimes[];
  /** True if the backend adds what it knows. */
  more: More;
}

export function event<
  const A extends FieldName,
  const T extends FieldName = never,
  const M extends boolean = false,
>(when: string, always: readonly A[], atTimes: readonly T[] = [], more: M = false as M): EventRule<A, T, M> {
  return { when, always, atTimes, more };
}
