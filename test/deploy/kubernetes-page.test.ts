import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { parseAllDocuments } from "yaml";
import { blocksUnder } from "../support/pages.js";
import { CHART, dryRun, HAS_HELM, installTools, invalidIn, type Manifest } from "./helm.js";

it.skipIf(!HAS_HELM)(
  "what docs/kubernetes.md has one type and write makes a Secret, and a release that finds its keys in it",
  async () => {
    await installTools();
    const directory = await mkdtemp(join(tmpdir(), "kubernetes-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const blocks = blocksUnder("docs/kubernetes.md", "Install", {
      "deploy/helm/berth": CHART,
      "sha256:…": `sha256:${"0".repeat(64)}`,
    });
    expect(blocks.map(({ language }) => language)).toEqual(["sh", "yaml"]);
    const [commands, values] = blocks.map(({ text }) => text) as [string, string];
    await writeFile(join(directory, "values.yaml"), values);
    const said = await dryRun(commands, directory);
    const [asked, released] = said.split(/^NAME: berth\n/m) as [string, string];
    const [namespace, secret] = asked
      .split(/(?<=^\})\n/m)
      .map((text) => JSON.parse(text || "null") as Manifest | null);
    expect(namespace).toMatchObject({ kind: "Namespace", metadata: { name: "berth" } });
    const keys = Object.keys(secret!["data"] as object);
    const manifests = parseAllDocuments(released.split("MANIFEST:\n")[1]!.split("\nNOTES:\n")[0]!)
      .map((document) => document.toJS() as Manifest | null)
      .filter((one) => one !== null);
    expect((await Promise.all(manifests.map((one) => invalidIn(one)))).flat()).toEqual([]);
    const wanted = [...JSON.stringify(manifests).matchAll(/"secretKeyRef":\{"name":"berth","key":"(\w+)"/g)];
    expect(wanted.length).toBeGreaterThan(3);
    for (const [, key] of wanted) expect(keys).toContain(key);
  },
);
