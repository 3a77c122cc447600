import { chmod, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProcessBackend } from "@berth/core/compute/process/backend";
import { describe, expect, it, vi } from "vitest";
import { INSTALLATION } from "../../support/installations.js";
import { useBench, textOf } from "../conformance/harness.js";
import { processHarness } from "./harness.js";

const USER = { uid: 54_321, gid: 54_322 };
const asRoot = process.getuid?.() === 0;

describe.runIf(asRoot)("programs as another user than Berth's", () => {
  let dataDir = "";
  const use = useBench(async () => {
    const harness = await processHarness();
    ({ dataDir } = harness);
    await mkdir(dataDir);
    for (const path of [tmpdir(), join(dataDir, ".."), dataDir])
      await chmod(path, (await stat(path)).mode | 0o001);
    return {
      ...harness,
      open: (deploymentId = harness.deploymentId, installationId = INSTALLATION) =>
        createProcessBackend({ dataDir, deploymentId, installationId, stopGraceMs: 1_000, user: USER }),
    };
  });

  it("have that user's rights and no others, and their volume to write to", async () => {
    const { prepared, running, backend, call } = use();
    const script = `id -u; id -g; id -G; grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status; echo mine > "$HOME/file" && cat "$HOME/file"
      ls ${join(dataDir, "process/conformance/instances")} 2>&1; exec sleep 60`;
    const workspace = await prepared();
    const instance = await running(workspace, 1, { command: ["sh", "-c", script] });
    const told = async () => textOf(await backend.logs(instance, { ...call, tail: 100 }));
    await vi.waitFor(async () => expect(await told()).toMatch(/denied/));
    expect(await told()).toMatch(
      /^54321\n54322\n54322\nCapEff:\s0+\nCapBnd:\s0+\nNoNewPrivs:\s1\nmine\nls: .*Permission denied$/,
    );
    const owner = await stat(join(dataDir, "process/conformance/volumes", workspace.volume.name));
    expect([owner.uid, owner.gid]).toEqual([USER.uid, USER.gid]);
  });
});

it.runIf(asRoot)("warns where that user can't come to its volumes", async () => {
  await chmod(tmpdir(), (await stat(tmpdir())).mode | 0o001);
  const dataDir = await mkdtemp(join(tmpdir(), "user-"));
  const backend = createProcessBackend({
    dataDir,
    deploymentId: "closed",
    installationId: INSTALLATION,
    user: USER,
  });
  expect((await backend.examine!({ signal: new AbortController().signal, images: [] })).warnings).toEqual([
    `BERTH_PROCESS_USER may not enter ${dataDir}: chmod o+x it, or change BERTH_DATA_DIR`,
  ]);
  await rm(dataDir, { recursive: true });
});

it.skipIf(asRoot)("are refused to whoever isn't root", () => {
  expect(() =>
    createProcessBackend({ dataDir: tmpdir(), deploymentId: "x", installationId: INSTALLATION, user: USER }),
  ).toThrow(/isn't root/);
});
