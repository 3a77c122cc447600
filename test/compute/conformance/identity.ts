import { describe, expect, test } from "vitest";
import { type Bench, failure } from "./harness.js";

export function describeIdentity(use: () => Bench): void {
  describe("identity (I12)", () => {
    test("every client of a place is told the same, whatever was made there meanwhile", async () => {
      const { harness, prepared, running, call } = use();
      const clients = Array.from({ length: 4 }, () => harness.open());
      const marked = await Promise.all(clients.map((one) => (one.mark ?? one.identify).call(one, call)));
      const [identity] = marked;
      expect(identity).toEqual(expect.stringMatching(/^[a-z]+:.+$/));
      expect(new Set(marked).size).toBe(1);
      await running(await prepared());
      for (const client of clients) {
        expect(await client.identify(call)).toBe(identity);
        await client.close();
      }
    });

    test("what can't be asked has no identity, and is given none", async () => {
      const { harness, backend } = use();
      const aborted = failure("aborted", "transient");
      const signal = AbortSignal.abort();
      await expect(backend.identify({ signal })).rejects.toThrow(aborted);
      if (backend.mark !== undefined) await expect(backend.mark({ signal })).rejects.toThrow(aborted);
      const away = await harness.openUnreachable();
      const unreachable = failure("backend_unreachable", "transient");
      await expect(away.identify(use().call)).rejects.toThrow(unreachable);
      if (away.mark !== undefined) await expect(away.mark(use().call)).rejects.toThrow(unreachable);
      await away.close();
    });
  });
}
