import type { Backend } from "@berth/core/compute/backend";
import { BackendError } from "@berth/core/compute/backend-error";
import { checked, measured, type ObservedCall } from "@berth/core/compute/decorate";
import { createExternalBackend } from "@berth/core/compute/external";
import { describe, expect, it } from "vitest";

const { signal } = new AbortController();
const ID = "00000000-0000-4000-8000-000000000001";
const ref = {
  resourceId: "a row",
  workspaceId: ID,
  generation: 1,
  name: `ws-${ID}`,
  providerId: null,
  clientToken: "token",
  details: {},
  askedAt: null,
};
/** One that notes what reaches it. */
function noting(change: Partial<Backend> = {}): { backend: Backend; reached: string[] } {
  const reached: string[] = [];
  const stop = async () => {
    reached.push("stop");
    return "gone" as const;
  };
  return { backend: { ...createExternalBackend(), stop, ...change }, reached };
}

describe("a checked backend", () => {
  it("is never reached by what can't come from the ledger", async () => {
    const { backend, reached } = noting();
    const strange = { ...ref, name: "../../etc" };
    await expect(checked(backend).stop(strange, { signal })).rejects.toThrow("a name must be");
    expect(reached).toEqual([]);
    await expect(checked(backend).stop(ref, { signal })).resolves.toBe("gone");
    expect(reached).toEqual(["stop"]);
  });

  it("takes a failed probe for doubt about all that it was asked for (I5)", async () => {
    const { backend } = noting({ probe: () => Promise.reject(new Error("what")) });
    expect(await checked(backend).probe([ref], { signal })).toEqual(new Map([["a row", "unknown"]]));
  });
});

it("a measured backend tells of each call's end, and changes nothing about it", async () => {
  const calls: ObservedCall[] = [];
  const refused = new BackendError("capacity", "transient", "full");
  const { backend } = noting({ createVolume: () => Promise.reject(refused) });
  const one = measured(backend, (call) => calls.push(call));
  await expect(one.stop(ref, { signal })).resolves.toBe("gone");
  await expect(one.createVolume(ref, { signal })).rejects.toBe(refused);
  expect(calls).toEqual([
    { backend: "external", method: "stop", ms: expect.any(Number) as number, outcome: "ok" },
    { backend: "external", method: "createVolume", ms: expect.any(Number) as number, outcome: "capacity" },
  ]);
});
