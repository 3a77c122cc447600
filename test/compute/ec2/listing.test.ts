import { randomUUID } from "node:crypto";
import { CreateVolumeCommand, RunInstancesCommand } from "@aws-sdk/client-ec2";
import type { InstanceRef } from "@berth/core/compute/backend";
import { describe, expect, test } from "vitest";
import { failure, textOf } from "../conformance/harness.js";
import { IMAGE } from "./harness.js";
import { type Lab, openLab } from "./lab.js";

const OURS = [{ Key: "berth:deployment", Value: "conformance" }];

async function manyInstances(lab: Lab, count: number, workspaceId?: string): Promise<string[]> {
  const Tags = [
    ...OURS,
    ...(workspaceId === undefined ? [] : [{ Key: "berth:workspace", Value: workspaceId }]),
  ];
  const ids: string[] = [];
  while (ids.length < count) {
    const { Instances = [] } = await lab.operator.send(
      new RunInstancesCommand({
        MinCount: 1,
        MaxCount: Math.min(1_000, count - ids.length),
        ImageId: IMAGE,
        InstanceType: "t3.micro",
        TagSpecifications: [{ ResourceType: "instance", Tags }],
      }),
    );
    ids.push(...Instances.map(({ InstanceId }) => InstanceId!));
  }
  return ids;
}

describe("a listing is whole or it is none", () => {
  test("pages of 1,000 are followed to the end, and a page that fails fails the whole (I4)", async () => {
    const lab = await openLab();
    const ids = await manyInstances(lab, 2_300);
    const listed = await lab.backend.listOwned(lab.call);
    expect(listed.map(({ providerId }) => providerId).toSorted()).toEqual(ids.toSorted());
    expect(lab.calls("DescribeInstances")).toEqual(["ok", "ok", "ok"]);
    lab.fault({ kind: "page", action: "DescribeInstances", page: 3 });
    await expect(lab.backend.listOwned(lab.call)).rejects.toThrow(failure("backend_failed", "transient"));
  });

  test("volumes that fail to be listed fail the listing of instances too", async () => {
    const lab = await openLab();
    await manyInstances(lab, 1);
    lab.fault({ kind: "error", action: "DescribeVolumes", code: "UnauthorizedOperation", status: 403 });
    await expect(lab.backend.listOwned(lab.call)).rejects.toThrow(failure("credentials", "permanent"));
  });

  test("what is only named as ours are is listed apart, and not what any deployment has labelled (I10)", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    await workspace.launch(workspace.instance());
    const theirs = lab.open({ deploymentId: "other" });
    const other = lab.unmade();
    await theirs.createVolume(other.volume, lab.call);
    const name = `ws-${randomUUID()}`;
    const named = (ResourceType: "instance" | "volume", Value: string) => [
      { ResourceType, Tags: [{ Key: "Name", Value }] },
    ];
    for (const TagSpecifications of [named("instance", name), named("instance", "ws-mine")])
      await lab.operator.send(
        new RunInstancesCommand({
          MinCount: 1,
          MaxCount: 1,
          ImageId: IMAGE,
          InstanceType: "t3.micro",
          TagSpecifications,
        }),
      );
    await lab.operator.send(
      new CreateVolumeCommand({
        AvailabilityZone: "eu-west-1a",
        Size: 1,
        TagSpecifications: named("volume", name),
      }),
    );
    const alike = await lab.backend.listLookalikes!(lab.call);
    expect(alike.map((thing) => [thing.kind, thing.name, thing.workspaceId])).toEqual([
      ["instance", name, null],
      ["volume", name, null],
    ]);
    expect(await lab.backend.listOwned(lab.call)).toHaveLength(2);
  });

  test("a root disk counts with its instance, and by itself once it has outlived it", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    await workspace.launch(workspace.instance());
    expect((await lab.backend.listOwned(lab.call)).map(({ kind }) => kind)).toEqual(["instance", "volume"]);
    await lab.operator.send(
      new CreateVolumeCommand({
        AvailabilityZone: "eu-west-1a",
        Size: 1,
        TagSpecifications: [
          { ResourceType: "volume", Tags: [...OURS, { Key: "berth:role", Value: "root" }] },
        ],
      }),
    );
    expect(await lab.backend.listOwned(lab.call)).toHaveLength(3);
  });
});

describe("a probe", () => {
  test("of 450 instances is three calls by filter, and a failing one makes those it was asked for unknown (I5)", async () => {
    const lab = await openLab();
    const { id: workspaceId } = lab.unmade();
    const ids = await manyInstances(lab, 450, workspaceId);
    const refs = ids.map((providerId): InstanceRef => ({
      ...lab.unmade().instance(),
      workspaceId,
      providerId,
    }));
    await lab.backend.probe(refs, lab.call);
    lab.sim.calls.clear();
    lab.fault({
      kind: "error",
      action: "DescribeInstances",
      code: "UnauthorizedOperation",
      status: 403,
      count: 1,
    });
    const states = [...(await lab.backend.probe(refs, lab.call)).values()];
    expect(lab.calls("DescribeInstances")).toHaveLength(3);
    expect(lab.params("DescribeInstances", "InstanceId.1")).toEqual([undefined, undefined, undefined]);
    expect(states.filter((state) => state === "unknown")).toHaveLength(200);
    expect(states.filter((state) => state === "running")).toHaveLength(250);
  });

  test("of many workers' waits that meet in one moment is one call", async () => {
    const lab = await openLab();
    const workspaces = await Promise.all(Array.from({ length: 10 }, () => lab.workspace()));
    const refs = workspaces.map((workspace) => workspace.instance());
    await Promise.all(workspaces.map((workspace, n) => workspace.launch(refs[n]!)));
    lab.sim.calls.clear();
    const states = await Promise.all(refs.map((ref) => lab.backend.probe([ref], lab.call)));
    expect(states.flatMap((state) => [...state.values()])).toEqual(refs.map(() => "running"));
    expect(lab.calls("DescribeInstances")).toHaveLength(1);
  });

  test("that gets no answer in time says unknown, within the time limit of a call", async () => {
    const lab = await openLab({}, { callTimeoutMs: 150 });
    const workspace = await lab.workspace();
    const instance = workspace.instance();
    await workspace.launch(instance);
    lab.fault({ kind: "latency", action: "DescribeInstances", ms: 90_000 });
    expect([...(await lab.backend.probe([instance], lab.call)).values()]).toEqual(["unknown"]);
  });
});

describe("logs", () => {
  test("are the last lines of the console", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    const instance = workspace.instance();
    await workspace.launch(instance);
    await fetch(`${lab.url}/_sim/instances/${instance.providerId!}/console`, {
      method: "PUT",
      body: "one\r\ntwo\r\nthree\r\n",
    });
    expect(textOf(await lab.backend.logs(instance, { ...lab.call, tail: 2 }))).toBe("two\nthree");
    lab.fault({
      kind: "error",
      action: "GetConsoleOutput",
      code: "UnsupportedOperation",
      status: 400,
      count: 1,
    });
    expect(textOf(await lab.backend.logs(instance, { ...lab.call, tail: 1 }))).toBe("three");
  });

  test("after a cursor are what the next snapshot has more, and say so when it no longer has the last", async () => {
    const lab = await openLab();
    const workspace = await lab.workspace();
    const instance = workspace.instance();
    await workspace.launch(instance);
    const write = (body: string) =>
      fetch(`${lab.url}/_sim/instances/${instance.providerId!}/console`, { method: "PUT", body });
    const read = (since?: string) =>
      lab.backend.logs(instance, { ...lab.call, tail: 9, since, wholeLines: true });
    await write("one\r\ntwo\r\nthr");
    const first = await read();
    expect(first).toMatchObject({ lines: [{ text: "one" }, { text: "two" }], truncated: false });
    await write("two\r\none\r\ntwo\r\nthree\r\n");
    const second = await read(first.cursor!);
    expect(second).toMatchObject({ lines: [{ text: "three", stream: null, time: null }], truncated: false });
    expect(await read(second.cursor!)).toMatchObject({ lines: [], truncated: false });
    await write("new\r\n");
    expect(await read(second.cursor!)).toMatchObject({ lines: [{ text: "new" }], truncated: true });
  });
});
