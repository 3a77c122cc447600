import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { InstanceRef } from "@berth/core/compute/backend";
import { describe, expect, onTestFinished, test } from "vitest";
import { failure } from "../conformance/harness.js";
import { type Lab, openLab } from "./lab.js";

async function launched(lab: Lab): Promise<InstanceRef & { providerId: string }> {
  const workspace = await lab.workspace();
  const instance = workspace.instance();
  await workspace.launch(instance);
  return { ...instance, providerId: instance.providerId! };
}

const probed = async (lab: Lab, refs: readonly InstanceRef[]) => {
  const states = await lab.backend.probe(refs, lab.call);
  return refs.map((ref) => states.get(ref.resourceId));
};

describe("one instance that AWS stumbles over fails nobody else (I15)", () => {
  test("in a terminate for many: each is asked for alone, and the others end", async () => {
    const lab = await openLab();
    const refs = await Promise.all(Array.from({ length: 6 }, () => launched(lab)));
    const poisoned = refs[3]!.providerId;
    lab.fault({ kind: "error", action: "TerminateInstances", code: "InternalError", instance: poisoned });
    const answers = await Promise.allSettled(refs.map((ref) => lab.backend.stop(ref, lab.call)));
    for (const [index, answer] of answers.entries())
      if (index === 3)
        expect(answer).toMatchObject({
          status: "rejected",
          reason: { code: "backend_failed", passing: true },
        });
      else expect(answer).toEqual({ status: "fulfilled", value: "gone" });
    expect(lab.alive()).toEqual([poisoned]);
  }, 30_000);

  test.each(["RequestLimitExceeded", "ExpiredToken"])(
    "in a terminate for many refused with %s nobody is asked for alone: that is about all of them",
    async (code) => {
      const lab = await openLab();
      const refs = await Promise.all([launched(lab), launched(lab), launched(lab)]);
      lab.fault({ kind: "error", action: "TerminateInstances", code, status: 503 });
      const answers = await Promise.allSettled(refs.map((ref) => lab.backend.stop(ref, lab.call)));
      expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
      const seconds = lab.params("TerminateInstances", "InstanceId.2");
      expect(seconds.every((second) => second !== undefined)).toBe(true);
    },
    30_000,
  );

  test("in a look at many: it alone is unknown (I5), and it takes few calls to find it", async () => {
    const lab = await openLab();
    const refs = await Promise.all(Array.from({ length: 9 }, () => launched(lab)));
    lab.sim.calls.clear();
    lab.fault({
      kind: "error",
      action: "DescribeInstances",
      code: "InternalError",
      instance: refs[4]!.providerId,
    });
    const states = await probed(lab, refs);
    expect(states).toEqual(refs.map((_, index) => (index === 4 ? "unknown" : "running")));
    // Five attempts for all nine, then halves.
    expect(lab.calls("DescribeInstances").length).toBeLessThan(5 + 2 * 9);
  }, 30_000);

  test("and where AWS fails for all of them, nobody goes through all of them one by one", async () => {
    const lab = await openLab();
    const refs = Array.from({ length: 200 }, () => ({
      ...lab.unmade().instance(),
      providerId: `i-${Math.random().toString(16).slice(2, 10).padEnd(8, "0")}`,
    }));
    lab.fault({ kind: "error", action: "DescribeInstances", code: "InternalError", status: 500 });
    expect(new Set(await probed(lab, refs))).toEqual(new Set(["unknown"]));
    expect(lab.calls("DescribeInstances").length).toBeLessThan(30);
  }, 30_000);
});

describe("an answer that isn't AWS's own says nothing (I4, I5)", () => {
  test.each([200, 403, 404, 502, 503])(
    "HTML with %i is an outage that passes",
    async (status) => {
      const lab = await openLab();
      const ref = await launched(lab);
      lab.fault({ kind: "html", status });
      const passing = {
        code: "backend_unreachable",
        kind: "transient",
        passing: true,
        providerCode: "NotFromAws",
      };
      expect(await probed(lab, [ref])).toEqual(["unknown"]);
      await expect(lab.backend.stop(ref, lab.call)).rejects.toMatchObject(passing);
      await expect(lab.backend.listOwned(lab.call)).rejects.toMatchObject(passing);
      await expect(lab.workspace()).rejects.toMatchObject(passing);
      lab.clearFaults();
      expect(await probed(lab, [ref])).toEqual(["running"]);
    },
    60_000,
  );

  test.each([
    ["nothing at all", ""],
    ["well-formed HTML", "<html><body><p>Please log in</p></body></html>"],
    ["another service's XML", '<?xml version="1.0"?>\n<ListBucketResult><Name>x</Name></ListBucketResult>'],
    ["text", "upstream connect error"],
  ])(
    "%s with 200 is no empty listing ([V] SDK 3.1169 takes the first two for one)",
    async (_, body) => {
      const lab = await openLab();
      const ref = { ...(await launched(lab)), askedAt: null };
      const proxy = createServer((request, response) => {
        request.resume();
        response.writeHead(200, { "content-type": "text/xml" }).end(body);
      }).listen(0, "127.0.0.1");
      await new Promise((resolve) => proxy.once("listening", resolve));
      onTestFinished(() => void proxy.close());
      const through = lab.open({ endpoint: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` });
      expect((await through.probe([ref], lab.call)).get(ref.resourceId)).toBe("unknown");
      await expect(through.listOwned(lab.call)).rejects.toThrow(failure("backend_unreachable", "transient"));
      await expect(through.stop(ref, lab.call)).rejects.toThrow(failure("backend_unreachable", "transient"));
    },
    60_000,
  );

  test("HTML in answer to a launch loses nothing: it is repeated under its one token (I3)", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    lab.fault({ kind: "html", status: 200, action: "RunInstances", count: 2 });
    const id = await workspace.launch(workspace.instance());
    expect(lab.alive()).toEqual([id]);
    expect(new Set(lab.params("RunInstances", "ClientToken")).size).toBe(1);
  });
});

test.each([
  ["ExpiredToken", "transient"],
  ["UnauthorizedOperation", "permanent"],
] as const)(
  "%s on every call is about the credentials, passes, and nothing is concluded (I5)",
  async (code, kind) => {
    const lab = await openLab();
    const ref = await launched(lab);
    const workspace = await lab.workspace();
    lab.fault({ kind: "error", code, status: 400 });
    const refused = { code: "credentials", kind, passing: true, providerCode: code };
    expect(await probed(lab, [ref])).toEqual(["unknown"]);
    await expect(lab.backend.stop(ref, lab.call)).rejects.toMatchObject(refused);
    await expect(lab.backend.listOwned(lab.call)).rejects.toMatchObject(refused);
    await expect(workspace.launch(workspace.instance())).rejects.toMatchObject(refused);
    expect(lab.alive()).toEqual([ref.providerId]);
  },
);
