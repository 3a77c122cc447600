import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { execFile } from "node:child_process";
import { gzipSync } from "node:zlib";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { dockerCli } from "../../support/docker-cli.js";
import { BUSYBOX_IMAGE, importBusybox } from "../../support/images.js";
import { failure, useBench } from "../conformance/harness.js";
import { dockerHarness } from "./harness.js";
import { INSTALLATION } from "../../support/installations.js";

const exec = promisify(execFile);
const daemon = inject("docker");
const socketPath = daemon?.socketPath ?? "";

describe.skipIf(daemon === null)("docker: images (needs Linux and root)", () => {
  const docker = dockerCli(socketPath);
  const use = useBench(() => dockerHarness(socketPath));

  const launch = async (
    image: string,
    limits: { pullTimeoutMs?: number; pullStallMs?: number } = { pullTimeoutMs: 20_000 },
    { call } = use(),
  ) => {
    const { prepared, request, harness } = use();
    const { deploymentId } = harness;
    const backend = createDockerBackend({
      installationId: INSTALLATION,
      deploymentId,
      host: `unix://${socketPath}`,
      ...limits,
    });
    onTestFinished(() => backend.close());
    const workspace = await prepared();
    const instance = workspace.instance();
    return { instance, launched: backend.launch(request(workspace, instance, { image }), call) };
  };

  test("an image that the daemon lacks is pulled from its registry, once for many launches", async () => {
    const registry = await startRegistry();
    const image = `${registry.address}/berth/busybox`;
    const { instance, launched } = await launch(image);
    const second = await launch(image);
    await Promise.all([launched, second.launched]);
    await vi.waitFor(async () => expect(await use().stateOf(instance)).toBe("running"));
    // Without a tag it would have asked for all of them.
    expect(registry.asked.some((path) => path.endsWith("/manifests/latest"))).toBe(true);
    expect(registry.asked.some((path) => path.endsWith("/tags/list"))).toBe(false);
    await use().clear();
    await docker("rmi", "--force", image);
  });

  test("an image that a restart will need is there before anything is stopped, or refused by name (I14)", async () => {
    const registry = await startRegistry();
    const image = `${registry.address}/berth/busybox:latest`;
    const { backend, call } = use();
    await backend.ready!({ volume: null, image: BUSYBOX_IMAGE }, call);
    expect(registry.asked, "it is there").toEqual([]);
    await backend.ready!({ volume: null, image }, call);
    expect(await docker("images", "--quiet", image)).not.toBe("");
    const unknown = `${registry.address}/berth/unknown:1`;
    const refused = backend.ready!({ volume: null, image: unknown }, call);
    await expect(refused).rejects.toThrow(failure("image_not_found", "permanent"));
    await docker("rmi", "--force", image);
  });

  test("an image that its registry doesn't know is a permanent failure, and leaves nothing", async () => {
    const registry = await startRegistry();
    const { launched } = await launch(`${registry.address}/berth/nothing:1`);
    await expect(launched).rejects.toThrow(failure("image_not_found", "permanent"));
    const { backend, call } = use();
    expect((await backend.listOwned(call)).map(({ kind }) => kind)).toEqual(["volume"]);
  });

  test("a registry that can't be reached is worth another try", async () => {
    const { launched } = await launch("127.0.0.1:1/berth/busybox:latest");
    await expect(launched).rejects.toThrow(failure("backend_failed", "transient"));
  });

  test("a pull has a time limit of its own, and one for standing still", async () => {
    for (const [limits, words] of [
      [{ pullTimeoutMs: 300 }, /no answer within 300 ms/],
      [{ pullStallMs: 300 }, /no progress for 300 ms/],
    ] as const) {
      const registry = await startRegistry({ hangs: true });
      const { launched } = await launch(`${registry.address}/berth/busybox:latest`, limits);
      await expect(launched).rejects.toThrow(failure("backend_timeout", "transient"));
      await expect(launched).rejects.toThrow(words);
    }
  });

  test("a pull that goes on, however slowly, isn't taken for one that stands still", async () => {
    // With a layer that the daemon doesn't have.
    const own = "berth-test/own:latest";
    await importBusybox(socketPath, own);
    const registry = await startRegistry({ dripMs: 100, of: own });
    await docker("rmi", own);
    const image = `${registry.address}/berth/busybox`;
    const { launched } = await launch(image, { pullStallMs: 1_500 });
    await launched;
    expect(registry.dripped()).toBeGreaterThan(20);
    await use().clear();
    await docker("rmi", "--force", image);
  });

  test("a pull whose operation is no longer wanted ends at once", async () => {
    const registry = await startRegistry({ hangs: true });
    const unwanted = new AbortController();
    const call = { ...use().call, unwanted: unwanted.signal };
    const { launched } = await launch(`${registry.address}/berth/busybox:latest`, {}, { ...use(), call });
    await Promise.all([
      expect(launched).rejects.toThrow(failure("aborted", "transient")),
      registry.reached.then(() => unwanted.abort()),
    ]);
  });

  /**
   * A registry that has busybox as `berth/busybox:latest`, and nothing else. One that hangs answers to `/v2/` only;
   * `dripMs` is its pause between two of 25 pieces of a layer.
   */
  async function startRegistry({ hangs = false, dripMs = 0, of = BUSYBOX_IMAGE } = {}) {
    const blobs = await blobsOf(of);
    const asked: string[] = [];
    let onReached: () => void = () => undefined;
    const reached = new Promise<void>((resolve) => (onReached = resolve));
    let dripped = 0;
    const server = createServer((request, response) => {
      const path = request.url ?? "";
      asked.push(path);
      if (path === "/v2/") return void response.end("{}");
      if (hangs) return onReached();
      const [, name, kind, reference] = /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(path) ?? [];
      const known = name === "berth/busybox" && (kind === "blobs" || blobs.tags.has(reference ?? ""));
      const digest = blobs.tags.get(reference ?? "") ?? reference ?? "";
      const body = known ? blobs.bytes.get(digest) : undefined;
      if (body === undefined) {
        const error = { code: "MANIFEST_UNKNOWN", message: "manifest unknown" };
        return void response.writeHead(404).end(JSON.stringify({ errors: [error] }));
      }
      const type = kind === "manifests" ? MANIFEST_TYPE : "application/octet-stream";
      response.writeHead(200, {
        "content-type": type,
        "content-length": body.length,
        "docker-content-digest": digest,
      });
      if (request.method === "HEAD") return void response.end();
      if (dripMs === 0 || body.length < 10_000) return void response.end(body);
      const size = Math.ceil(body.length / 25);
      const drip = (at: number): void => {
        dripped++;
        response.write(body.subarray(at, at + size));
        if (at + size >= body.length) response.end();
        else setTimeout(drip, dripMs, at + size);
      };
      drip(0);
    }).listen(0, "127.0.0.1");
    onTestFinished(() => server.close().closeAllConnections());
    await once(server, "listening");
    return {
      address: `127.0.0.1:${(server.address() as { port: number }).port}`,
      asked,
      /** Somebody waits for an answer that never comes. */
      reached,
      dripped: () => dripped,
    };
  }

  async function blobsOf(image: string) {
    const directory = await mkdtemp(join(tmpdir(), "saved-"));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    await docker("save", "--output", join(directory, "image.tar"), image);
    await exec("tar", ["-C", directory, "-xf", join(directory, "image.tar")]);
    const read = (path: string) => readFile(join(directory, path));
    const saved = JSON.parse(String(await read("manifest.json"))) as [{ Config: string; Layers: string[] }];
    const [{ Config: configPath, Layers: layerPaths }] = saved;
    const bytes = new Map<string, Buffer>();
    const add = (body: Buffer, mediaType: string) => {
      const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
      bytes.set(digest, body);
      return { mediaType, size: body.length, digest };
    };
    const config = add(await read(configPath), "application/vnd.docker.container.image.v1+json");
    const layers = [];
    for (const path of layerPaths)
      layers.push(add(gzipSync(await read(path)), "application/vnd.docker.image.rootfs.diff.tar.gzip"));
    const manifest = { schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers };
    const { digest } = add(Buffer.from(JSON.stringify(manifest)), MANIFEST_TYPE);
    return {
      bytes,
      tags: new Map([
        ["latest", digest],
        [digest, digest],
      ]),
    };
  }
});

const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";
