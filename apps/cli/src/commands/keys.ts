import type { ApiKey } from "@berth/client";
import { action, choice, examples, type Register } from "../command.js";
import { type Context, printJson } from "../context.js";
import { CliError, EXIT } from "../exit.js";
import { table } from "../output/table.js";
import { relative } from "../output/times.js";
import { defined } from "../defined.js";
import { label, labelsOf, labelsText, moment } from "../parse.js";

/** Who may do what. */
export const keys: Register = (program, surroundings) => {
  const group = program
    .command("keys")
    .summary("API keys: list, create, revoke")
    .description("Who may do what. Needs a key of scope admin.");
  group
    .command("list", { isDefault: true })
    .alias("ls")
    .description("Lists the keys, the newest first.")
    .option("-a, --all", "also those that are revoked")
    .action(
      action<{ all?: true }>(surroundings, async (context, { all }) => {
        const { json, paint, print, tell, now } = context;
        const found = await allOf(context, all === true);
        if (json) return printJson(context, found);
        if (found.length === 0)
          return tell("There are none. Make one: berth keys create ci --scope operator");
        const rows = found.map((one) => [
          one.name,
          one.scope,
          one.tenant === null ? "–" : labelsText(one.tenant),
          relative(one.created_at, now),
          relative(one.last_used_at, now),
          relative(one.expires_at, now),
          one.revoked_at === null ? "–" : relative(one.revoked_at, now),
          one.id,
        ]);
        print(table(paint, ["NAME", "SCOPE", "TENANT", "CREATED", "USED", "EXPIRES", "REVOKED", "ID"], rows));
      }),
    );
  group
    .command("create")
    .argument("<name>", "whose it is")
    .addOption(
      choice("--scope <scope>", "what it may do", ["viewer", "operator", "admin"]).makeOptionMandatory(),
    )
    .option(
      "--tenant <name:value>",
      "it is for workspaces with this label alone; repeat it for several",
      label,
    )
    .option("--ttl <duration>", "it is refused after so long, or from this time on")
    .description("Makes a key and prints it: it can't be read again.")
    .action(
      action<{ scope: ApiKey["scope"]; tenant?: string[]; ttl?: string }>(
        surroundings,
        async (context, { scope, tenant, ttl }, name: string) => {
          const { berth, signal, json, print, tell, now } = context;
          const expires = ttl === undefined ? {} : { expires_at: moment(ttl, now) };
          const { data } = await berth.POST("/keys", {
            body: { name, scope, ...expires, ...(tenant === undefined ? {} : { tenant: labelsOf(tenant) }) },
            signal,
          });
          if (json) return printJson(context, data);
          tell("The key, which can't be shown again:");
          print(data.key);
        },
      ),
    );
  group
    .command("revoke")
    .argument("<key>", "its name or id")
    .option("--cascade", "also the keys that it has made, and theirs")
    .description("Revokes a key: it is refused within 5 s.")
    .action(
      action<{ cascade?: true }>(surroundings, async (context, { cascade }, given: string) => {
        const { berth, signal, json, print } = context;
        const one = (await allOf(context, false)).find(({ id, name }) => id === given || name === given);
        if (one === undefined)
          throw new CliError(EXIT.notFound, `there is no key ${given}`, "see: berth keys");
        const { data } = await berth.DELETE("/keys/{id}", {
          params: { path: { id: one.id }, query: defined({ cascade }) },
          signal,
        });
        if (json) return printJson(context, data);
        print(`${data.name} is revoked`);
      }),
    );
  examples(group, "berth keys", "berth keys create ci --scope operator --ttl 90d", "berth keys revoke ci");
};

async function allOf({ berth, signal }: Context, revoked: boolean): Promise<ApiKey[]> {
  const found: ApiKey[] = [];
  for await (const one of berth.rows("/keys", { signal }))
    if (revoked || one.revoked_at === null) found.push(one);
  return found;
}
