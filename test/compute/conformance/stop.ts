import { describe, expect, test } from "vitest";
import { BackendError } from "@berth/core/compute/backend-error";
import { type Bench, failure } from "./harness.js";

export function describeStop(use: () => Bench): void {
  describe("stop", () => {
    test("an instance stopped twice is gone twice, and its volume is still there", async () => {
      const { prepared, running, stateOf, backend, call } = use();
      const workspace = await prepared();
      const instance = await running(workspace);
      expect(await backend.stop(instance, call)).toBe("gone");
      expect(await stateOf(instance)).toBe("gone");
      expect(await backend.stop(instance, call)).toBe("gone");
      expect(await backend.listOwned(call)).toMatchObject([{ kind: "volume", workspaceId: workspace.id }]);
    });

    test("an instance that never was is gone", async () => {
      const { workspace, backend, call } = use();
      expect(await backend.stop(workspace().instance(), call)).toBe("gone");
    });

    test("an instance whose provider id was never learned is found by name and generation", async () => {
      const { prepared, running, stateOf, backend, call } = use();
      const instance = await running(await prepared());
      expect(await backend.stop({ ...instance, providerId: null }, call)).toBe("gone");
      expect(await stateOf(instance)).toBe("gone");
    });

    test("an instance that ended by itself is cleared away", async () => {
      const { prepared, running, harness, stateOf, backend, call } = use();
      const instance = await running(await prepared());
      await harness.crash(instance);
      await expect.poll(() => stateOf(instance)).toBe("stopped");
      expect(await backend.stop(instance, call)).toBe("gone");
      expect(await stateOf(instance)).toBe("gone");
    });

    test("five stops at once all end as gone", async () => {
      const { prepared, running, another, backend, call } = use();
      const instance = await running(await prepared());
      const answers = await Promise.all(Array.from({ length: 5 }, () => another().stop(instance, call)));
      // One that loses the race may be told to look again, but none fails.
      for (const answer of answers) expect(["gone", "stopping"]).toContain(answer);
      await expect.poll(() => backend.stop(instance, call)).toBe("gone");
    });

    test("a late stop for an older generation leaves the newer one alone (I9)", async () => {
      const { prepared, running, stateOf, backend, call } = use();
      const workspace = await prepared();
      const old = await running(workspace, 1);
      expect(await backend.stop(old, call)).toBe("gone");
      const current = await running(workspace, 2);
      expect(await backend.stop(old, call)).toBe("gone");
      expect(await backend.stop({ ...old, providerId: null }, call)).toBe("gone");
      expect(await stateOf(current)).toBe("running");
    });

    test("a late stop for an earlier launch of the same generation leaves the later one alone", async () => {
      const { prepared, running, stateOf, backend, call } = use();
      const workspace = await prepared();
      const first = await running(workspace);
      expect(await backend.stop(first, call)).toBe("gone");
      const second = await running(workspace);
      expect(await backend.stop(first, call)).toBe("gone");
      expect(await stateOf(second)).toBe("running");
      expect(await stateOf(first)).toBe("gone");
    });

    test("a stop that meets a launch leaves nothing that a second stop doesn't end", async () => {
      const { prepared, request, stateOf, another, backend, call } = use();
      const workspace = await prepared();
      for (let round = 0; round < 8; round++) {
        const instance = workspace.instance(round);
        const launched = another().launch(request(workspace, instance), call);
        const [launch, stop] = await Promise.allSettled([launched, another().stop(instance, call)]);
        if (launch.status === "rejected") {
          expect(launch.reason).toBeInstanceOf(BackendError);
          expect((launch.reason as BackendError).kind).toBe("transient");
        }
        expect(stop.status).toBe("fulfilled");
        await expect.poll(() => backend.stop(instance, call)).toBe("gone");
        expect(await stateOf(instance)).toBe("gone");
      }
    });

    test("a stop that is given up is carried through by the next one", async () => {
      const { prepared, running, harness, stateOf, backend, call } = use();
      const stubborn = { command: ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"] };
      const spec = harness.volumePath === null ? {} : stubborn;
      const instance = await running(await prepared(), 1, spec);
      const given = new AbortController();
      const stopped = backend.stop(instance, { signal: given.signal });
      // It has been asked by now, or is about to be: both must be safe.
      setImmediate(() => given.abort());
      await expect(stopped).rejects.toThrow(failure("aborted", "transient"));
      expect(await backend.stop(instance, call)).toBe("gone");
      expect(await stateOf(instance)).toBe("gone");
    });
  });
}
