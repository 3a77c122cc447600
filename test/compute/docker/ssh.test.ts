import { readdir, readFile } from "node:fs/promises";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { INSTALLATION } from "../../support/installations.js";
import { startSshd, type TestSshd } from "../../support/sshd.js";
import { startProcess } from "../../support/worker-process.js";

const daemon = inject("docker");
const call = { signal: new AbortController().signal };

/** The ssh that go by this configuration. */
async function sshOf(config: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return lines.filter((line) => line.startsWith("ssh\0") && line.split("\0").includes(config));
}

describe.skipIf(daemon === null)("a Docker daemon over SSH (needs Linux and root)", () => {
  const socketPath = daemon?.socketPath ?? "";
  const start = async (): Promise<TestSshd> => {
    const sshd = await startSshd("docker-b");
    onTestFinished(() => sshd[Symbol.asyncDispose]());
    return sshd;
  };
  const open = (host: string, sshConfig?: string) => {
    const backend = createDockerBackend({
      installationId: INSTALLATION,
      deploymentId: "test",
      host,
      sshConfig,
    });
    onTestFinished(() => backend.close());
    return backend;
  };

  test("is the one that it is on its own machine, for all who ask at once over one ssh, which ends with the backend (I12)", async () => {
    const { config } = await start();
    const [near, far] = [open(`unix://${socketPath}`), open(`ssh://docker-b${socketPath}`, config)];
    expect(await sshOf(config), "before it was asked").toEqual([]);
    const identity = await near.identify(call);
    expect(await Promise.all([1, 2, 3, 4].map(() => far.identify(call)))).toEqual(Array(4).fill(identity));
    expect(await sshOf(config)).toHaveLength(1);
    await far.close();
    await vi.waitFor(async () => expect(await sshOf(config)).toEqual([]), { interval: 50 });
  });

  test("is reached again once SSH is back, and can't be reached until then (I5)", async () => {
    const sshd = await start();
    const far = open(`ssh://docker-b${socketPath}`, sshd.config);
    const identity = await far.identify(call);
    await sshd.stop();
    await expect(
      vi.waitUntil(
        () =>
          far.identify(call).then(
            () => false,
            (error: unknown) => error,
          ),
        { interval: 50 },
      ),
    ).resolves.toMatchObject({
      code: "backend_unreachable",
      message: expect.stringMatching(/the daemon can't be reached: ssh docker-b: .*Connection refused/),
    });
    await sshd.start();
    expect(await far.identify(call)).toBe(identity);
  });

  test("on a machine with another key than the known one is asked nothing, in ssh's own words (I12)", async () => {
    const { configOfAnother } = await start();
    await expect(open(`ssh://docker-b${socketPath}`, configOfAnother).identify(call)).rejects.toMatchObject({
      code: "backend_unreachable",
      message: expect.stringMatching(
        /the daemon can't be reached: ssh docker-b: Host key verification failed\.$/,
      ),
    });
  });

  test("leaves no ssh behind when its worker is killed", async () => {
    const { config } = await start();
    const entry = new URL("./ssh-entry.ts", import.meta.url);
    const worker = startProcess(entry, {}, [`ssh://docker-b${socketPath}`, config]);
    onTestFinished(() => worker.kill());
    await worker.said(/identified/);
    expect(await sshOf(config)).toHaveLength(1);
    await worker.kill();
    await vi.waitFor(async () => expect(await sshOf(config)).toEqual([]), { interval: 50 });
  });

  test("is refused with a password in its address, which would be seen, and never used", () => {
    expect(() => open("ssh://ops:hunter2@docker-b")).toThrow("ssh takes no password, only keys");
    expect(() => open("ssh://ops:hunter2@docker-b")).not.toThrow(/hunter2/);
  });
});
