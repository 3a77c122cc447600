import { describe, expect, test } from "vitest";
import type { Bench } from "./harness.js";

export function describeProbe(use: () => Bench): void {
  describe("probe and listOwned", () => {
    test("each of many instances gets its own answer in one probe", async () => {
      const { prepared, running, harness, workspace, stateOf, backend, call } = use();
      const runs = await running(await prepared());
      const crashed = await running(await prepared());
      await harness.crash(crashed);
      await expect.poll(() => stateOf(crashed)).toBe("stopped");
      const stopped = await running(await prepared());
      expect(await backend.stop(stopped, call)).toBe("gone");
      const never = workspace().instance();
      const states = await backend.probe([runs, crashed, stopped, never], call);
      expect(Object.fromEntries(states)).toEqual({
        [runs.resourceId]: "running",
        [crashed.resourceId]: "stopped",
        [stopped.resourceId]: "gone",
        [never.resourceId]: "gone",
      });
    });

    test("a probe of nothing is empty", async () => {
      expect(await use().backend.probe([], use().call)).toEqual(new Map());
    });

    test("an older generation is gone while a newer one runs (I9)", async () => {
      const { prepared, running, backend, call } = use();
      const workspace = await prepared();
      const current = await running(workspace, 2);
      const old = workspace.instance(1);
      const states = await backend.probe([old, current], call);
      expect([states.get(old.resourceId), states.get(current.resourceId)]).toEqual(["gone", "running"]);
    });

    test("what is owned is listed in any state, with what it belongs to", async () => {
      const { prepared, running, harness, stateOf, backend, call } = use();
      const before = Date.now();
      const [one, other] = [await prepared(), await prepared()];
      const runs = await running(one, 7);
      const crashed = await running(other, 3);
      await harness.crash(crashed);
      await expect.poll(() => stateOf(crashed)).toBe("stopped");
      const owned = await backend.listOwned(call);
      const brief = owned.map(({ kind, name, workspaceId, generation, state }) =>
        [kind, name, workspaceId, generation, kind === "instance" ? state : ""].join(" "),
      );
      expect(brief.toSorted()).toEqual(
        [
          `instance ${runs.name} ${one.id} 7 running`,
          `instance ${crashed.name} ${other.id} 3 stopped`,
          `volume ${one.volume.name} ${one.id}  `,
          `volume ${other.volume.name} ${other.id}  `,
        ].toSorted(),
      );
      const ids = owned.filter(({ kind }) => kind === "instance").map(({ providerId }) => providerId);
      expect(ids.toSorted()).toEqual([runs.providerId, crashed.providerId].toSorted());
      for (const { createdAt } of owned) {
        // Providers count whole seconds.
        expect(createdAt!.getTime()).toBeGreaterThan(before - 2_000);
        expect(createdAt!.getTime()).toBeLessThanOrEqual(Date.now() + 2_000);
      }
    });
  });
}
