import Type from "typebox";
import { nullable, ref } from "./common.js";
import { Workspace } from "./workspace.js";

/** What one workspace shows and a list doesn't. */
export const WorkspaceWithAgent = Type.Intersect([
  ref(Workspace),
  Type.Object({
    agent: nullable(
      Type.Object({
        url: nullable(Type.String()),
        card: Type.Unknown({ description: "As it was given; null where none was." }),
        current_task: nullable(Type.String()),
        sample_error: nullable(Type.String()),
        uptime_seconds: nullable(Type.Number()),
      }),
      {
        description:
          "What the agent of this generation last said of itself; null before it was heard. Like its figures it makes no version.",
      },
    ),
  }),
]);

export const AGENT_EXAMPLE = {
  url: "http://10.0.4.17:7000",
  card: { name: "echo", version: "2.1.0", skills: ["search"] },
  current_task: "indexing repository",
  sample_error: null,
  uptime_seconds: 312.5,
};
