import { defined } from "./defined.js";
import { BACKENDS, STATUSES, type paths } from "@berth/client";
import type { Command } from "commander";
import type { Context } from "./context.js";
import { label, words } from "./parse.js";
import { oneOf } from "./words.js";
import { findWorkspace } from "./workspaces.js";

/** Which workspaces a command is about: what `ls` and `ops bulk` may filter by. */
export interface FilterOptions {
  status?: string[];
  backend?: string[];
  place?: string[];
  label?: string[];
  name?: string;
  parent?: string;
}

type Filter = NonNullable<
  paths["/operations/bulk"]["post"]["requestBody"]["content"]["application/json"]["filter"]
>;

export function filters(command: Command): Command {
  return command
    .option("-s, --status <status...>", `only in one of these statuses: ${STATUSES.join(", ")}`, words)
    .option("-b, --backend <backend...>", `only on one of these backends: ${BACKENDS.join(", ")}`, words)
    .option("--place <place...>", "only in one of these places", words)
    .option("-l, --label <name:value>", "only with this label; repeat it for several", label)
    .option("--name <name>", "only with this very name")
    .option("--parent <workspace>", "only the children of this one");
}

/** The filter as the API takes it. @throws CliError for a word that isn't known. */
export async function filterOf(
  context: Context,
  { status, backend, place, label: labels, name, parent }: FilterOptions,
  { removed = false }: { removed?: boolean } = {},
): Promise<Filter> {
  return {
    ...(status === undefined ? {} : { status: oneOf("--status", STATUSES, status) }),
    ...(backend === undefined ? {} : { backend: oneOf("--backend", BACKENDS, backend) }),
    ...defined({ place, label: labels, name }),
    ...(parent === undefined ? {} : { parent_id: (await findWorkspace(context, parent, { removed })).id }),
  };
}
