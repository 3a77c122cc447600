import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { variablesFor } from "@berth/core/config/config";
import { BackendError } from "@berth/core/compute/backend-error";
import { missingForBackend } from "@berth/core/domain/backend";
import type { AccountSecret, SecretRef } from "@berth/core/domain/secrets";
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
  accountPrefix: "/ws/",
});
const ACCOUNT: Readonly<Record<string, string>> = {
  "/ws/db": "of SSM",
  "/ws/db:3": "of SSM, the third",
  "/ws/key": "of Secrets Manager",
  "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/ws/key-AbCdEf": "by its ARN",
  "/ws/empty": "",
  "/ws/large": "x".repeat(32 * 1024 + 1),
};
/** What an account says that was asked by mistake as well. */
const ask = async (secret: AccountSecret): Promise<string> =>
  ACCOUNT["ssm" in secret ? secret.ssm : secret.secretsManager] ?? "not yours";
const parameter = (ssm: string): SecretRef => ({ secretRef: { ssm } });
const managed = (secretsManager: string): SecretRef => ({ secretRef: { secretsManager } });
const valueOf = async (ref: SecretRef, from = sources()) =>
  (await launchSpecOf({ env: { KEY: ref } }, from, ask)).spec.env?.["KEY"];

describe("a reference to a secret", () => {
  it("is the worker's file without its last line feed, or its variable", async () => {
    expect(await valueOf(file("password"))).toBe("hunter2");
    expect(await valueOf(file("mounted"))).toBe("of Kubernetes");
    expect(await valueOf(variable("WS_TOKEN"))).toBe("t0ken");
  });

  it("is what the account of its place says, whose name begins as the worker lets out", async () => {
    expect(await valueOf(parameter("/ws/db"))).toBe("of SSM");
    expect(await valueOf(parameter("/ws/db:3"))).toBe("of SSM, the third");
    expect(await valueOf(managed("/ws/key"))).toBe("of Secrets Manager");
    const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/ws/key-AbCdEf";
    expect(await valueOf(managed(arn))).toBe("by its ARN");
  });

  it("stands in a command too, where marked texts are secrets as well", async () => {
    const command = ["run", { secret: "x" }, file("password")];
    expect(await launchSpecOf({ command, tier: 2 }, sources(), ask)).toEqual({
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
    [
      "of another's parameter",
      parameter("/prod/db"),
      /spec\.env\.KEY: the parameter "\/prod\/db".*BERTH_SECRETS_AWS_PREFIX/,
    ],
    ["of another's secret", managed("prod/ws/"), /the Secrets Manager secret "prod\/ws\/".*AWS_PREFIX/],
    [
      "of another's secret by its ARN",
      managed("arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/ws/-AbCdEf"),
      /AWS_PREFIX/,
    ],
    ["whose parameter is empty", parameter("/ws/empty"), /is empty/],
    ["whose parameter is too large", parameter("/ws/large"), /32768 bytes/],
  ])("%s fails what refers to it, and may be there later", async (_, ref, message) => {
    const failure = { code: "secret_not_found", kind: "permanent", passing: true };
    await expect(valueOf(ref)).rejects.toMatchObject({ ...failure, message: expect.stringMatching(message) });
  });

  it("is none on a worker without such settings", async () => {
    const none = {
      directory: null,
      variables: variablesFor(null, { WS_TOKEN: "t0ken" }),
      accountPrefix: null,
    };
    await expect(valueOf(parameter("/ws/db"), none)).rejects.toThrow(/no BERTH_SECRETS_AWS_PREFIX/);
    await expect(valueOf(managed("/ws/key"), none)).rejects.toThrow(/no BERTH_SECRETS_AWS_PREFIX/);
    await expect(valueOf(file("password"), none)).rejects.toThrow(/no BERTH_SECRETS_DIR/);
    await expect(valueOf(variable("WS_TOKEN"), none)).rejects.toThrow(/WS_TOKEN/);
    await rename(join(directory, "password"), join(directory, "password-1"));
    await expect(valueOf(file("password"))).rejects.toThrow(/"password"/);
    await rename(join(directory, "password-1"), join(directory, "password"));
  });

  it("fails as its place does where that refuses, with the field in its words", async () => {
    const refuse = (): Promise<string> =>
      Promise.reject(new BackendError("throttled", "transient", "slower", { providerCode: "Throttling" }));
    await expect(
      launchSpecOf({ env: { KEY: parameter("/ws/db") } }, sources(), refuse),
    ).rejects.toMatchObject({
      code: "throttled",
      kind: "transient",
      passing: true,
      providerCode: "Throttling",
      message: 'spec.env.KEY: the parameter "/ws/db": slower',
    });
  });

  it.each(["docker", "process", "external"] as const)(
    "to an account is for EC2, and not for %s",
    (backend) => {
      const spec = {
        image: "x",
        command: ["run", managed("a")],
        env: { A: parameter("/a"), B: variable("B") },
      };
      expect(missingForBackend("ec2", spec)).toEqual([]);
      expect(missingForBackend(backend, spec)).toEqual(
        ["spec.command[1]", "spec.env.A"].map((field) => ({
          field,
          expected: expect.stringMatching(`text, .* for backend "ec2" only, not "${backend}"`),
        })),
      );
    },
  );
});
