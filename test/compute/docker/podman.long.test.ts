import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { importTestImages } from "../../support/images.js";
import { unpackSystem } from "../../support/other-system.js";
import { PODMAN_PACKAGES, startPodman, type TestPodman } from "../../support/podman.js";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { dockerCli } from "../../support/docker-cli.js";
import { describeBackend } from "../conformance.js";
import { failure, useBench } from "../conformance/harness.js";
import { dockerHarness } from "./harness.js";
import { INSTALLATION } from "../../support/installations.js";

/** This machine's own, and those of later releases of Debian, each with the least version of Podman that it has had. */
const SERVICES = [
  { release: "here", least: 4, rootless: false },
  { release: "here", least: 4, rootless: true },
  { release: "trixie", least: 5, rootless: false },
  { release: "sid", least: 5, rootless: false },
];

/** Null: this machine's. @returns undefined where it can't be had */
async function systemOf(release: string): Promise<string | null | undefined> {
  if (release === "here") return null;
  const system = await mkdtemp(join(tmpdir(), `${release}-`));
  try {
    await unpackSystem(release, PODMAN_PACKAGES, system);
    return system;
  } catch (error) {
    console.warn(`Podman of Debian ${release} isn't tested: ${(error as Error).message}`);
    return undefined;
  }
}

for (const { release, least, rootless } of SERVICES) {
  const system = await systemOf(release);
  describe.skipIf(system === undefined)(
    `with a Podman service in place of a Docker daemon (${release}, rootless: ${rootless})`,
    () => {
      let podman: TestPodman | undefined;
      beforeAll(async () => {
        const root = await mkdtemp(join(tmpdir(), "podman-"));
        podman = await startPodman({ root, rootless, ...(system != null && { system }) });
        await importTestImages(podman.socketPath);
      }, 300_000);
      afterAll(async () => {
        const left = await podman?.stop();
        if (system != null) await rm(system, { recursive: true, force: true });
        // Only what tells which service it is.
        expect(left, "left in the service").toEqual(["volume berth-place was left"]);
      });
      test(`it is of version ${least} or newer`, async () => {
        const version = await dockerCli(podman?.socketPath ?? "")(
          "version",
          "--format",
          "{{.Server.Version}}",
        );
        expect(Number(version.split(".")[0]), version).toBeGreaterThanOrEqual(least);
        console.info(`Podman ${version}`);
      });
      const onPodman = async () => {
        const harness = await dockerHarness(podman?.socketPath ?? "", "none");
        // Without root, Podman leaves limits aside under version 1 of cgroups.
        return rootless && !existsSync("/sys/fs/cgroup/cgroup.controllers")
          ? { ...harness, limits: null }
          : harness;
      };
      describeBackend("docker", onPodman);

      describe("what only Podman does", () => {
        const use = useBench(onPodman);

        test("a service that carries no marker has no identity; it gets one by being marked, whoever asks (I12)", async () => {
          const { backend, another, call } = use();
          // As `podman volume prune` does.
          await dockerCli(podman?.socketPath ?? "")("volume", "rm", "--force", "berth-place");
          expect(await backend.identify(call)).toBeNull();
          const marked = await Promise.all(
            Array.from({ length: 5 }, async () => await another().mark?.(call)),
          );
          expect(new Set(marked).size).toBe(1);
          expect(await backend.identify(call)).toBe(marked[0]);
        });

        test("a network that isn't there is a permanent failure that names it, and leaves nothing", async () => {
          const { harness, prepared, request, backend, call } = use();
          const elsewhere = createDockerBackend({
            installationId: INSTALLATION,
            deploymentId: harness.deploymentId,
            host: `unix://${podman?.socketPath ?? ""}`,
            network: "no-such-network",
          });
          onTestFinished(() => elsewhere.close());
          const workspace = await prepared();
          const launch = elsewhere.launch(request(workspace, workspace.instance()), call);
          await expect(launch).rejects.toThrow(failure("start_failed", "permanent"));
          await expect(launch).rejects.toThrow(/no-such-network/);
          expect((await backend.listOwned(call)).map(({ kind }) => kind)).toEqual(["volume"]);
        });
      });
    },
  );
}
