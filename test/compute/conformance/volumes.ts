import { describe, expect, test } from "vitest";
import { type Bench, failure } from "./harness.js";

export function describeVolumes(use: () => Bench): void {
  describe("volumes", () => {
    test("a volume made twice, or by five workers at once, is one volume with one id", async () => {
      const { workspace, another, call, backend } = use();
      const { volume } = workspace();
      const made = await Promise.all(Array.from({ length: 5 }, () => another().createVolume(volume, call)));
      const again = await backend.createVolume(volume, call);
      expect(new Set([...made, again].map(({ providerId }) => providerId)).size).toBe(1);
      const owned = await backend.listOwned(call);
      expect(owned).toMatchObject([
        { kind: "volume", providerId: again.providerId, workspaceId: volume.workspaceId },
      ]);
    });

    test("a volume that was removed, or never made, is gone (already gone is an answer)", async () => {
      const { prepared, workspace, backend, call } = use();
      const { volume } = await prepared();
      expect(await backend.removeVolume(volume, call)).toBe("gone");
      expect(await backend.removeVolume(volume, call)).toBe("gone");
      expect(await backend.removeVolume(workspace().volume, call)).toBe("gone");
      expect(await backend.listOwned(call)).toEqual([]);
    });

    test("five removals at once all end as gone", async () => {
      const { prepared, another, call } = use();
      const { volume } = await prepared();
      const answers = Array.from({ length: 5 }, () => another().removeVolume(volume, call));
      expect(await Promise.all(answers)).toEqual(Array.from({ length: 5 }, () => "gone"));
    });

    test("a volume is in use while its instance runs, and while what is left of it is there (I8)", async () => {
      const { prepared, running, harness, stateOf, backend, call } = use();
      const workspace = await prepared();
      const instance = await running(workspace);
      expect(await backend.removeVolume(workspace.volume, call)).toBe("in_use");
      await harness.crash(instance);
      await expect.poll(() => stateOf(instance)).toBe("stopped");
      expect(await backend.removeVolume(workspace.volume, call)).toBe("in_use");
      expect(await backend.stop(instance, call)).toBe("gone");
      expect(await backend.removeVolume(workspace.volume, call)).toBe("gone");
    });

    test("a volume that was made and has vanished is told of, and no empty one takes its place", async () => {
      const { prepared, request, backend, call } = use();
      const of = await prepared();
      const { providerId } = await backend.createVolume(of.volume, call);
      expect(await backend.removeVolume(of.volume, call)).toBe("gone");
      const volume = { ...of.volume, providerId };
      const missing = failure("volume_missing", "permanent");
      await expect(backend.createVolume(volume, call)).rejects.toThrow(missing);
      const launched = backend.launch({ ...request(of, of.instance()), volume }, call);
      await expect(launched).rejects.toThrow(/not there|does not exist/);
      expect(await backend.listOwned(call)).toEqual([]);
    });

    test("what a restart will need is looked for: a volume that is there is, one that has vanished is told of (I14)", async () => {
      const { prepared, backend, call } = use();
      const of = await prepared();
      const { providerId } = await backend.createVolume(of.volume, call);
      const needs = { volume: { ...of.volume, providerId }, image: undefined };
      await backend.ready!(needs, call);
      await backend.ready!({ ...needs, volume: null }, call);
      expect(await backend.removeVolume(of.volume, call)).toBe("gone");
      await expect(backend.ready!(needs, call)).rejects.toThrow(failure("volume_missing", "permanent"));
      expect(await backend.listOwned(call)).toEqual([]);
    });

    test("a launch without its volume fails, and leaves nothing", async () => {
      const { workspace, request, backend, call } = use();
      const without = workspace();
      const launched = backend.launch(request(without, without.instance()), call);
      await expect(launched).rejects.toThrow(/is not there/);
      expect(await backend.listOwned(call)).toEqual([]);
    });
  });
}
