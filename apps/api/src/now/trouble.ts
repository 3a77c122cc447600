import type { Trouble } from "../schemas/now.js";

/** One thing that is wrong; what isn't told of it is null, and it is of one thing. */
export function trouble(
  code: Trouble["code"],
  title: string,
  told: Partial<Omit<Trouble, "since" | "next_at">> & {
    remedy: string;
    since?: Date | string | null;
    next_at?: Date | string | null;
  },
): Trouble {
  const { since, next_at, ...rest } = told;
  return {
    code,
    title,
    cause: null,
    needs_person: false,
    count: 1,
    cost_per_hour: null,
    workspace: null,
    operation_id: null,
    place: null,
    sweep: null,
    ...rest,
    since: iso(since),
    next_at: iso(next_at),
  };
}

function iso(at: Date | string | null | undefined): string | null {
  return at === null || at === undefined ? null : new Date(at).toISOString();
}
