import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { variablesFor } from "@berth/core/config/config";
import type { SecretRef } from "@berth/core/domain/secrets";
import { launchSpecOf } from "@berth/core/operations/secrets";
import type { SecretSources } from "@berth/core/operations/step";

let base: string;
let directory: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "secrets-"));
  directory = join(base, "secrets");
  await mkdir(directory);
  await writeFile(join(directory, "password"), "hunter2\n");
  await writeFile(join(directory, "large"), "x".repeat(33 * 1024));
  await mkdir(join(directory, "folder"));
  await writeFile(join(base, "outside"), "not yours");
  await symlink(join(base, "outside"), join(directory, "escape"));
  // As Kubernetes mounts a secret, to change all of its files at once.
  await mkdir(join(directory, "..2026"));
  await writeFile(join(directory, "..2026", "mounted"), "of Kubernetes");
  await symlink("..2026", join(directory, "..data"));
  await symlink("..data/mounted", join(directory, "mounted"));
});
afterAll(() => rm(base, { recursive: true, force: true }));

const file = (name: string): SecretRef => ({ secretRef: { file: name } });
const variable = (name: string): SecretRef => ({ secretRef: { env: name } });
const sources = (): SecretSources => ({
  directory,
  variables: variablesFor("WS_", { WS_TOKEN: "t0ken", HOME: "/root", WS_EMPTY: "" }),
});
const valueOf = async (ref: SecretRef, from = sources()) =>
  (await launchSpecOf({ env: { KEY: ref } }, from)).spec.env?.["KEY"];

describe("a reference to a secret", () => {
  it("is the worker's file without its last line feed, or its variable", async () => {
    expect(await valueOf(file("password"))).toBe("hunter2");
    expect(await valueOf(file("mounted"))).toBe("of Kubernetes");
    expect(await valueOf(variable("WS_TOKEN"))).toBe("t0ken");
  });

  it("stands in a command too, where marked texts are secrets as well", async () => {
    const command = ["run", { secret: "x" }, file("password")];
    expect(await launchSpecOf({ command, tier: 2 }, sources())).toEqual({
      spec: { command: ["run", "x", "hunter2"], tier: 2 },
      secretArguments: ["x", "hunter2"],
    });
  });

  it.each([
    ["that isn't there", file("nobody"), /spec\.env\.KEY: the file "nobody".*ENOENT/],
    ["that leads out", file("escape"), /"escape" leads out/],
    ["that is a path", file("../outside"), /"\.\.\/outside"/],
    ["that is a folder", file("folder"), /no file/],
    ["that is too large", file("large"), /32768 bytes/],
    ["without the prefix", variable("HOME"), /"HOME".*BERTH_SECRETS_ENV_PREFIX/],
    ["that is empty", variable("WS_EMPTY"), /"WS_EMPTY"/],
    ["of every object", variable("constructor"), /"constructor"/],
  ])("%s fails what refers to it, and may be there later", async (_, ref, message) => {
    const failure = { code: "secret_not_found", kind: "permanent", passing: true };
    await expect(valueOf(ref)).rejects.toMatchObject({ ...failure, message: expect.stringMatching(message) });
  });

  it("is none on a worker without such settings", async () => {
    const none = { directory: null, variables: variablesFor(null, { WS_TOKEN: "t0ken" }) };
    await expect(valueOf(file("password"), none)).rejects.toThrow(/no BERTH_SECRETS_DIR/);
    await expect(valueOf(variable("WS_TOKEN"), none)).rejects.toThrow(/WS_TOKEN/);
    await rename(join(directory, "password"), join(directory, "password-1"));
    await expect(valueOf(file("password"))).rejects.toThrow(/"password"/);
    await rename(join(directory, "password-1"), join(directory, "password"));
  });
});
