import { describe, expect, test } from "vitest";
import { type Bench, failure } from "./harness.js";

export function describeDoubt(use: () => Bench): void {
  describe("doubt (I4, I5)", () => {
    test("an unreachable provider makes every state unknown, and nothing gone", async () => {
      const { prepared, running, workspace, request, harness, stateOf, call } = use();
      const of = await prepared();
      const instance = await running(of);
      const never = workspace().instance();
      const away = await harness.openUnreachable();
      const states = await away.probe([instance, never], call);
      expect([...states.values()]).toEqual(["unknown", "unknown"]);
      const unreachable = failure("backend_unreachable", "transient");
      await expect(away.listOwned(call)).rejects.toThrow(unreachable);
      await expect(away.stop(instance, call)).rejects.toThrow(unreachable);
      await expect(away.removeVolume(of.volume, call)).rejects.toThrow(unreachable);
      await expect(away.createVolume(of.volume, call)).rejects.toThrow(unreachable);
      await expect(away.launch(request(of, of.instance()), call)).rejects.toThrow(unreachable);
      await away.close();
      expect(await stateOf(instance)).toBe("running");
    });

    test("a call that is given up before it begins does nothing, and a probe then knows nothing", async () => {
      const { prepared, running, request, backend, stateOf } = use();
      const workspace = await prepared();
      const instance = await running(workspace);
      const options = { signal: AbortSignal.abort() };
      const aborted = failure("aborted", "transient");
      await expect(backend.createVolume(workspace.volume, options)).rejects.toThrow(aborted);
      await expect(backend.removeVolume(workspace.volume, options)).rejects.toThrow(aborted);
      await expect(backend.launch(request(workspace, instance), options)).rejects.toThrow(aborted);
      await expect(backend.stop(instance, options)).rejects.toThrow(aborted);
      await expect(backend.listOwned(options)).rejects.toThrow(aborted);
      await expect(backend.logs(instance, { ...options, tail: 1 })).rejects.toThrow(aborted);
      expect([...(await backend.probe([instance], options)).values()]).toEqual(["unknown"]);
      expect(await stateOf(instance)).toBe("running");
    });
  });
}
