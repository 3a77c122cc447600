import { action, examples, type Register } from "../command.js";
import { defined } from "../defined.js";
import { plain } from "../output/table.js";
import { moment } from "../parse.js";

const SINCE = "1h";

/** Who asked for what. */
export const audit: Register = (program, surroundings) => {
  const command = program
    .command("audit")
    .summary("show who asked for what")
    .description(
      `Shows writes, reads of logs, logins and refusals, in order: of the last ${SINCE} unless told otherwise. With --json ` +
        "a JSON line each. Needs a key of scope admin.",
    )
    .option("--since <duration>", "since so long ago, or since this time")
    .option("--until <time>", "before this time")
    .option("--caller <name>", "only of the key with this name")
    .action(
      action<{ since?: string; until?: string; caller?: string }>(
        surroundings,
        async ({ berth, signal, now, json, print }, { since = SINCE, until, caller }) => {
          const query = {
            created_after: moment(since, now, -1),
            ...defined({ caller }),
            ...(until === undefined ? {} : { created_before: moment(until, now, -1) }),
            limit: 1_000,
          };
          for await (const one of berth.rows("/audit", { params: { query }, signal }))
            print(
              json
                ? JSON.stringify(one)
                : plain(
                    `${one.at} ${one.status} ${one.caller ?? "–"} ${one.address} ${one.method} ${one.path}`,
                  ),
            );
        },
      ),
    );
  examples(command, "berth audit --since 1d --caller ci", "berth audit --since 30d --json > audit.jsonl");
};
