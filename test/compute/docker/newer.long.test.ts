import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unpackFrom } from "../../support/apt-unpack.js";
import { dockerCli } from "../../support/docker-cli.js";
import { DOCKER_PACKAGES, startDockerd, type TestDockerd } from "../../support/dockerd.js";
import { importTestImages } from "../../support/images.js";
import { describeBackend } from "../conformance.js";
import { dockerHarness } from "./harness.js";

/** Releases of Debian, each with the least version of Docker that it has had. */
const RELEASES = { trixie: 26, sid: 28 };

async function programsOf(release: string): Promise<string[] | null> {
  try {
    return await unpackFrom(release, DOCKER_PACKAGES, await mkdtemp(join(tmpdir(), `${release}-`)));
  } catch (error) {
    console.warn(`Docker of Debian ${release} isn't tested: ${(error as Error).message}`);
    return null;
  }
}

for (const [release, least] of Object.entries(RELEASES)) {
  const programs = await programsOf(release);
  describe.skipIf(programs === null)(`with the Docker daemon of Debian ${release}`, () => {
    let daemon: TestDockerd | undefined;
    beforeAll(async () => {
      const root = await mkdtemp(join(tmpdir(), "docker-"));
      daemon = await startDockerd({ root, programs: programs ?? [] });
      await importTestImages(daemon.socketPath);
    }, 300_000);
    afterAll(async () => expect(await daemon?.stop(), "left in the daemon").toEqual([]));

    test(`it is of version ${least} or newer`, async () => {
      const version = await dockerCli(daemon?.socketPath ?? "")("version", "--format", "{{.Server.Version}}");
      expect(Number(version.split(".")[0]), version).toBeGreaterThanOrEqual(least);
      console.info(`dockerd ${version}`);
    });
    describeBackend("docker", () => dockerHarness(daemon?.socketPath ?? ""));
  });
}
