import type { ListedWorkspace, Workspace } from "@berth/client";
import type { Context } from "./context.js";
import { CliError, EXIT } from "./exit.js";

/** As many with one name or beginning are looked at: those that are told of. */
const MAX_ALIKE = 20;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** So much of an id, at least, is taken for its beginning. */
const ID_PREFIX = /^[0-9a-f]{4,8}$|^[0-9a-f]{8}-[0-9a-f-]{0,27}$/i;

/**
 * The workspace with this id or name, or with this beginning of an id where none has that name. `removed`: where none has the name, the last one that had it is meant.
 * @throws CliError if there is none, or more than one
 */
export async function findWorkspace(
  { berth, signal }: Pick<Context, "berth" | "signal">,
  given: string,
  { removed = false }: { removed?: boolean } = {},
): Promise<ListedWorkspace> {
  if (UUID.test(given)) return read({ berth, signal }, given);
  const those = async (query: {
    name?: string;
    id_prefix?: string;
    include_removed?: boolean;
  }): Promise<ListedWorkspace[]> => {
    const found: ListedWorkspace[] = [];
    for await (const one of berth.rows("/workspaces", { params: { query }, signal })) {
      found.push(one);
      if (found.length > MAX_ALIKE) break;
    }
    return found;
  };
  const found = await those({ name: given });
  const last =
    found[0] ?? (removed ? (await those({ name: given, include_removed: true })).at(-1) : undefined);
  if (found.length > 1)
    throw new CliError(
      EXIT.usage,
      `${found.length} workspaces are named ${given}`,
      `use an id: ${found.map(({ id }) => id).join(", ")}`,
    );
  if (last !== undefined) return last;
  if (ID_PREFIX.test(given)) {
    const begun = await those({
      id_prefix: given.toLowerCase(),
      ...(removed ? { include_removed: true } : {}),
    });
    if (begun.length > 1)
      throw new CliError(
        EXIT.usage,
        `the ids of ${begun.length} workspaces begin with ${given}`,
        `give more of it: ${begun.map(({ id }) => id).join(", ")}`,
      );
    if (begun[0] !== undefined) return begun[0];
  }
  throw new CliError(EXIT.notFound, `there is no workspace ${given}`, "see: berth ls --all");
}

/** As {@link findWorkspace}, with its spec, which lists leave out. @throws CliError */
export async function readWorkspace(
  context: Pick<Context, "berth" | "signal">,
  given: string,
  options: { removed?: boolean } = {},
): Promise<Workspace> {
  return read(context, UUID.test(given) ? given : (await findWorkspace(context, given, options)).id);
}

async function read({ berth, signal }: Pick<Context, "berth" | "signal">, id: string): Promise<Workspace> {
  return (await berth.GET("/workspaces/{id}", { params: { path: { id } }, signal })).data;
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
