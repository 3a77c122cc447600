import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { importTestImages } from "../../support/images.js";
import { startPodman, type TestPodman } from "../../support/podman.js";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { dockerCli } from "../../support/docker-cli.js";
import { describeBackend } from "../conformance.js";
import { failure, useBench } from "../conformance/harness.js";
import { dockerHarness } from "./harness.js";
import { INSTALLATION } from "../../support/installations.js";

describe.each([{ rootless: false }, { rootless: true }])(
  "with a Podman service in place of a Docker daemon, rootless: $rootless",
  ({ rootless }) => {
    let podman: TestPodman | undefined;
    beforeAll(async () => {
      podman = await startPodman({ root: await mkdtemp(join(tmpdir(), "podman-")), rootless });
      await importTestImages(podman.socketPath);
    }, 300_000);
    afterAll(async () => {
      // Only what tells which service it is.
      expect(await podman?.stop(), "left in the service").toEqual(["volume berth-place was left"]);
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
        const marked = await Promise.all(Array.from({ length: 5 }, async () => await another().mark?.(call)));
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
