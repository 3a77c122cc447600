import type { Workspace } from "@berth/client";
import type { Context } from "./context.js";
import { CliError, EXIT } from "./exit.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The workspace with this id or name. `removed`: where none has the name, the last one that had it is meant.
 * @throws CliError if there is none, or more than one
 */
export async function findWorkspace(
  { berth, signal }: Pick<Context, "berth" | "signal">,
  given: string,
  { removed = false }: { removed?: boolean } = {},
): Promise<Workspace> {
  if (UUID.test(given))
    return (await berth.GET("/workspaces/{id}", { params: { path: { id: given } }, signal })).data;
  const named = async (query: { name: string; include_removed?: boolean }): Promise<Workspace[]> => {
    const found: Workspace[] = [];
    for await (const one of berth.rows("/workspaces", { params: { query }, signal })) found.push(one);
    return found;
  };
  const found = await named({ name: given });
  const last =
    found[0] ?? (removed ? (await named({ name: given, include_removed: true })).at(-1) : undefined);
  if (found.length > 1)
    throw new CliError(
      EXIT.usage,
      `${found.length} workspaces are named ${given}`,
      `use an id: ${found.map(({ id }) => id).join(", ")}`,
    );
  if (last !== undefined) return last;
  throw new CliError(EXIT.notFound, `there is no workspace ${given}`, "see: berth ls --all");
}

/** The names of workspaces, for tables; of one that is purged its id. */
export async function namesOf(
  { berth, signal }: Pick<Context, "berth" | "signal">,
  ids: readonly (string | null)[],
): Promise<(id: string | null) => string> {
  const wanted = [...new Set(ids.filter((id) => id !== null))];
  const found = await Promise.all(
    wanted.map(async (id) => {
      const workspace = await berth
        .GET("/workspaces/{id}", { params: { path: { id } }, signal })
        .catch(() => undefined);
      return [id, workspace?.data.name ?? id] as const;
    }),
  );
  const names = new Map(found);
  return (id) => (id === null ? "–" : (names.get(id) ?? id));
}
