import { HANGING } from "../audit/record.js";
import { AGENT_COMMAND } from "../fleet/docker.js";
import type { Caller } from "../load/caller.js";

/**
 * Asks for workspaces whose image a registry never gives, all at once.
 * @returns what deletes them again, and waits until all has been answered
 */
export function hangPulls(call: Caller, image: string, creates: number): () => Promise<void> {
  const asked = Array.from({ length: creates }, async (_, n) => {
    const { status, body } = await call({
      kind: "create",
      method: "POST",
      path: "/workspaces",
      body: {
        name: `${HANGING}${n + 1}`,
        backend: "docker",
        spec: { image, command: AGENT_COMMAND, readiness: "running" },
      },
    });
    return status === 202 || status === 200 ? (body["id"] as string) : null;
  });
  return async () => {
    await Promise.all(
      asked.map(async (one) => {
        const id = await one;
        if (id !== null)
          await call({
            kind: "delete",
            method: "DELETE",
            path: `/workspaces/${id}?cascade=true`,
            workspace: id,
          });
      }),
    );
  };
}
