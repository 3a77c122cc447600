import { defined } from "../defined.js";
import type { Operation } from "@berth/client";
import { action, examples, type Register, waits, workspaceArgument } from "../command.js";
import { type Context, printJson } from "../context.js";
import { settle, type WaitOptions } from "../settle.js";
import { findWorkspace } from "../workspaces.js";

type Path = { path: { id: string } };
type Ask<O> = (context: Context, params: Path, options: O) => Promise<readonly Operation[]>;

/** What is asked of one workspace and then waited for. */
const verb =
  <O = object>(given: {
    name: string;
    alias?: string;
    summary: string;
    description: string;
    options?: readonly (readonly [string, string])[];
    ask: Ask<O>;
    examples: readonly string[];
  }): Register =>
  (program, surroundings) => {
    const command = program
      .command(given.name)
      .addArgument(workspaceArgument())
      .summary(given.summary)
      .description(given.description);
    if (given.alias !== undefined) command.alias(given.alias);
    for (const [flags, description] of given.options ?? []) command.option(flags, description);
    command.action(
      action<O & WaitOptions>(surroundings, async (context, options, wanted: string) => {
        const { berth, signal, json, print } = context;
        const { id, name } = await findWorkspace(context, wanted, { removed: given.name === "rm" });
        const accepted = await given.ask(context, { path: { id } }, options);
        const operations = await settle(context, name, accepted, options);
        const workspace = await berth
          .GET("/workspaces/{id}", { params: { path: { id } }, signal })
          .catch(() => null);
        if (json) return printJson(context, { ...workspace?.data, operations });
        const under =
          options.wait || operations.length === 0
            ? ""
            : `; ${operations[0]!.kind} accepted: ${operations[0]!.id}`;
        print(`${name} is ${workspace?.data.status ?? "purged"}${under}`);
      }),
    );
    waits(command);
    examples(command, ...given.examples);
  };

/** For what launches. */
const NEW_VOLUME = [
  "--new-volume",
  "with an empty volume, where its own has vanished or was lost with its place",
] as const;
const volumeQuery = ({ newVolume }: { newVolume?: true }) => defined({ new_volume: newVolume });

export const restart = verb<{ rejectIfBusy?: true; newVolume?: true }>({
  name: "restart",
  summary: "stop and start one again, with its volume",
  description:
    "Stops a workspace and starts it with the same volume. Of many restarts at once at most two are made.",
  options: [["--reject-if-busy", "be refused while another operation is unfinished"], NEW_VOLUME],
  ask: async ({ berth, signal }, given, { rejectIfBusy, ...options }) => {
    const body = rejectIfBusy === undefined ? {} : { if_busy: "reject" as const };
    const params = { ...given, query: volumeQuery(options) };
    return [(await berth.POST("/workspaces/{id}/restart", { params, body, signal })).data.operation];
  },
  examples: ["berth restart echo", "berth restart echo --no-wait"],
});

export const rm = verb<{ cascade?: true; purge?: true }>({
  name: "rm",
  alias: "delete",
  summary: "delete one, with its volume",
  description:
    "Deletes a workspace: it is removed at once, and what was made for it is stopped and proven gone.",
  options: [
    ["--cascade", "its descendants too"],
    ["--purge", "forget its rows as well, once everything is gone"],
  ],
  ask: async ({ berth, signal }, params, { cascade, purge }) => {
    const query = {
      ...defined({ cascade, purge }),
    };
    return (await berth.DELETE("/workspaces/{id}", { params: { ...params, query }, signal })).data.operations;
  },
  examples: ["berth rm echo", "berth rm project --cascade"],
});

export const pause = verb({
  name: "pause",
  summary: "stop one and its descendants, and keep their volumes",
  description:
    "Stops a workspace and its descendants, and keeps their volumes. Nothing but resume starts them again.",
  ask: async ({ berth, signal }, params) =>
    (await berth.POST("/workspaces/{id}/pause", { params, signal })).data.operations,
  examples: ["berth pause echo"],
});

export const hibernate = verb<{ force?: true }>({
  name: "hibernate",
  summary: "pause what isn't needed now",
  description: "Like pause, for what isn't needed now. Refused while its agents have active tasks.",
  options: [["--force", "even if agents have active tasks"]],
  ask: async ({ berth, signal }, params, { force }) => {
    const body = defined({ force });
    return (await berth.POST("/workspaces/{id}/hibernate", { params, body, signal })).data.operations;
  },
  examples: ["berth hibernate echo --force"],
});

export const resume = verb<{ newVolume?: true }>({
  name: "resume",
  summary: "start a paused or hibernated one again",
  description:
    "Starts a paused or hibernated workspace again, with its volume. Its descendants stay as they are.",
  options: [NEW_VOLUME],
  ask: async ({ berth, signal }, given, options) => {
    const params = { ...given, query: volumeQuery(options) };
    return [(await berth.POST("/workspaces/{id}/resume", { params, signal })).data.operation];
  },
  examples: ["berth resume echo"],
});

export const wake = verb<{ newVolume?: true }>({
  name: "wake",
  summary: "the same as resume",
  description: "Wakes a hibernated workspace: the same as resume.",
  options: [NEW_VOLUME],
  ask: async ({ berth, signal }, given, options) => {
    const params = { ...given, query: volumeQuery(options) };
    return [(await berth.POST("/workspaces/{id}/wake", { params, signal })).data.operation];
  },
  examples: ["berth wake echo"],
});
