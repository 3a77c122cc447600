import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { ANOTHER, INSTALLATION } from "../../support/installations.js";
import { type Bench, failure } from "./harness.js";

export function describeOwnership(use: () => Bench): void {
  describe("ownership (I10)", () => {
    test("two deployments on one provider don't see and don't touch each other's", async () => {
      const { prepared, running, another, stateOf, backend, call } = use();
      const instance = await running(await prepared());
      const other = another("another-deployment");
      expect(await other.listOwned(call)).toEqual([]);
      expect(await stateOf(instance, other)).toBe("gone");
      expect(await other.stop({ ...instance, providerId: null }, call)).toBe("gone");
      expect(await other.stop(instance, call)).toBe("gone");
      expect((await other.logs(instance, { ...call, tail: 10 })).lines).toEqual([]);
      expect(await stateOf(instance)).toBe("running");
      expect(await backend.listOwned(call)).toHaveLength(2);
    });

    test("two installations of one deployment's name see each other's only as lookalikes, and don't touch them", async () => {
      const { prepared, request, running, another, stateOf, harness, backend, call } = use();
      const of = await prepared();
      const instance = await running(of);
      const other = another(harness.deploymentId, ANOTHER);
      const taken = failure("name_taken", "permanent");
      expect(await other.listOwned(call)).toEqual([]);
      const alike = (await other.listLookalikes!(call)).filter(({ workspaceId }) => workspaceId === of.id);
      expect(alike.map(({ kind, installation }) => [kind, installation]).toSorted()).toEqual([
        ["instance", INSTALLATION],
        ["volume", INSTALLATION],
      ]);
      expect(await stateOf(instance, other), "it says nothing of what that one's ledger means").toBe(
        "unknown",
      );
      await expect(other.stop(instance, call)).rejects.toThrow(taken);
      await expect(other.stop({ ...instance, providerId: null }, call)).rejects.toThrow(taken);
      await expect(other.launch(request(of, instance), call)).rejects.toThrow(taken);
      const volume = alike.find(({ kind }) => kind === "volume")!;
      await expect(other.removeVolume({ ...of.volume, providerId: volume.providerId }, call)).rejects.toThrow(
        taken,
      );
      expect(await stateOf(instance)).toBe("running");
      expect((await backend.listOwned(call)).map(({ installation }) => installation)).toEqual([
        INSTALLATION,
        INSTALLATION,
      ]);
    });

    test("notes tell databases with one installation's id from each other, and are in no list of what is owned", async () => {
      const { another, harness, call } = use();
      const id = randomUUID();
      const [one, same] = [another(harness.deploymentId, id), another(harness.deploymentId, id)];
      const { signal } = call;
      const [first, second, waiting] = [randomUUID(), randomUUID(), randomUUID()];
      expect(await one.notes!.read("at-work", signal)).toEqual([]);
      await one.notes!.leave("at-work", first, signal);
      await one.notes!.leave("at-work", first, signal);
      await same.notes!.leave("waiting", waiting, signal);
      expect(await same.notes!.read("at-work", signal)).toEqual([first]);
      expect(await one.notes!.read("waiting", signal)).toEqual([waiting]);
      await same.notes!.leave("at-work", second, signal);
      expect(await one.notes!.read("at-work", signal)).toEqual([second]);
      expect(await another(harness.deploymentId, randomUUID()).notes!.read("at-work", signal)).toEqual([]);
      expect([...(await one.listOwned(call)), ...(await one.listLookalikes!(call))]).toEqual([]);
      await one.notes!.leave("at-work", null, signal);
      await one.notes!.leave("waiting", null, signal);
      expect([
        ...(await one.notes!.read("at-work", signal)),
        ...(await one.notes!.read("waiting", signal)),
      ]).toEqual([]);
    });

    test("a foreign instance with our name is reported, and stays as it is", async (context) => {
      const { prepared, request, harness, stateOf, backend, call } = use();
      const { foreign } = harness;
      if (foreign === null) return context.skip("names are not shared with others here");
      const workspace = await prepared();
      const instance = workspace.instance();
      await foreign.makeInstance(instance.name);
      try {
        const launched = backend.launch(request(workspace, instance), call);
        await expect(launched).rejects.toThrow(failure("name_taken", "permanent"));
        expect(await backend.stop(instance, call)).toBe("gone");
        expect(await stateOf(instance)).toBe("gone");
        const alike = await backend.listLookalikes!(call);
        expect(alike.filter(({ name }) => name === instance.name)).toMatchObject([
          { kind: "instance", workspaceId: null, generation: null, state: "running" },
        ]);
        expect((await backend.listOwned(call)).map(({ kind }) => kind)).toEqual(["volume"]);
        expect(await foreign.instanceIsIntact(instance.name)).toBe(true);
      } finally {
        await foreign.remove(instance.name);
      }
    });

    test("a foreign volume with our name is reported, and stays as it is", async (context) => {
      const { workspace, request, harness, backend, call } = use();
      const { foreign } = harness;
      if (foreign === null) return context.skip("names are not shared with others here");
      const of = workspace();
      await foreign.makeVolume(of.volume.name);
      try {
        const taken = failure("name_taken", "permanent");
        await expect(backend.createVolume(of.volume, call)).rejects.toThrow(taken);
        await expect(backend.removeVolume(of.volume, call)).rejects.toThrow(taken);
        await expect(backend.launch(request(of, of.instance()), call)).rejects.toThrow(taken);
        const alike = await backend.listLookalikes!(call);
        expect(alike.filter(({ name }) => name === of.volume.name)).toMatchObject([{ kind: "volume" }]);
        expect(await backend.listOwned(call)).toEqual([]);
        expect(await foreign.volumeIsIntact(of.volume.name)).toBe(true);
      } finally {
        await foreign.remove(of.volume.name);
      }
    });

    test("names and ids that no ledger has are refused before the provider is asked", async () => {
      const { workspace, request, backend, call } = use();
      const of = workspace();
      const refused = failure("invalid_spec", "permanent");
      for (const bad of ["../../etc", "a/b", "*", "", "WS", `${of.id}\n`]) {
        const volume = { ...of.volume, workspaceId: bad, name: `ws-${bad}` };
        const instance = { ...volume, generation: 1 };
        await expect(backend.createVolume(volume, call), bad).rejects.toThrow(refused);
        await expect(backend.removeVolume(volume, call), bad).rejects.toThrow(refused);
        await expect(backend.stop(instance, call), bad).rejects.toThrow(refused);
        await expect(backend.logs(instance, { ...call, tail: 1 }), bad).rejects.toThrow(refused);
        await expect(backend.launch({ ...request(of, instance), volume }, call), bad).rejects.toThrow(
          refused,
        );
      }
    });
  });
}
