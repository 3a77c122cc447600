import { describe, expect, test } from "vitest";
import { type Bench, failure } from "./harness.js";

export function describeLaunch(use: () => Bench): void {
  describe("launch", () => {
    test("five workers that launch one instance at once make exactly one", async () => {
      const { prepared, request, another, backend, call } = use();
      const workspace = await prepared();
      const instance = workspace.instance();
      const launched = await Promise.all(
        Array.from({ length: 5 }, () => another().launch(request(workspace, instance), call)),
      );
      expect(new Set(launched.map(({ providerId }) => providerId)).size).toBe(1);
      const owned = await backend.listOwned(call);
      expect(owned.filter(({ kind }) => kind === "instance")).toHaveLength(1);
    });

    test("a launch whose answer was lost is adopted by the next one, and not made again", async () => {
      const { prepared, running, request, another, stateOf, call } = use();
      const workspace = await prepared();
      const { providerId, ...known } = await running(workspace);
      const lost = { ...known, providerId: null };
      expect(await stateOf(lost)).toBe("running");
      const adopted = await another().launch(request(workspace, lost), call);
      expect(adopted.providerId).toBe(providerId);
    });

    test("an instance that ran and ended isn't started again by a repeated launch", async () => {
      const { prepared, running, request, harness, stateOf, backend, call } = use();
      const workspace = await prepared();
      const instance = await running(workspace);
      await harness.crash(instance);
      await expect.poll(() => stateOf(instance)).toBe("stopped");
      const again = await backend.launch(request(workspace, instance), call);
      expect(again.providerId).toBe(instance.providerId);
      expect(await stateOf(instance)).toBe("stopped");
    });

    test("after its stop the same generation can be launched afresh", async () => {
      const { prepared, running, backend, call } = use();
      const workspace = await prepared();
      const first = await running(workspace);
      expect(await backend.stop(first, call)).toBe("gone");
      const second = await running(workspace);
      expect(second.providerId).not.toBe(first.providerId);
    });

    test("another generation in its place is an error and never gets company (I1)", async () => {
      const { prepared, running, request, stateOf, backend, call } = use();
      const workspace = await prepared();
      const current = await running(workspace, 2);
      const newer = backend.launch(request(workspace, workspace.instance(3)), call);
      await expect(newer).rejects.toThrow(failure("other_generation", "transient"));
      // A worker that slept through a generation: it can't become right by trying again (I9).
      const older = backend.launch(request(workspace, workspace.instance(1)), call);
      await expect(older).rejects.toThrow(failure("other_generation", "permanent"));
      expect(await stateOf(current)).toBe("running");
      const owned = await backend.listOwned(call);
      expect(owned.filter(({ kind }) => kind === "instance")).toHaveLength(1);
    });

    test("of two generations launched at once at most one comes to be", async () => {
      const { prepared, request, another, backend, call } = use();
      for (let round = 0; round < 5; round++) {
        const workspace = await prepared();
        const refs = [workspace.instance(1), workspace.instance(2)];
        const launched = await Promise.allSettled(
          refs.map((ref) => another().launch(request(workspace, ref), call)),
        );
        for (const result of launched)
          if (result.status === "rejected") expect(result.reason).toEqual(failure("other_generation"));
        const owned = await backend.listOwned(call);
        const made = owned.filter((one) => one.kind === "instance" && one.workspaceId === workspace.id);
        expect(made).toHaveLength(launched.filter(({ status }) => status === "fulfilled").length);
        expect(made.length).toBeLessThanOrEqual(1);
      }
    });
  });
}
