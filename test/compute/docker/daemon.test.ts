import { createServer, connect, type AddressInfo } from "node:net";
import { once } from "node:events";
import { createDockerBackend } from "@berth/core/compute/docker/backend";
import { describe, expect, inject, test, vi } from "vitest";
import { dockerCli } from "../../support/docker-cli.js";
import { BUSYBOX_IMAGE, importBusybox } from "../../support/images.js";
import { failure, useBench } from "../conformance/harness.js";
import { dockerHarness } from "./harness.js";
import { INSTALLATION } from "../../support/installations.js";

const daemon = inject("docker");
const socketPath = daemon?.socketPath ?? "";

describe.skipIf(daemon === null)("docker: what the daemon does (needs Linux and root)", () => {
  const docker = dockerCli(socketPath);
  const use = useBench(() => dockerHarness(socketPath));

  const inspect = async (name: string) => JSON.parse(await docker("inspect", name)) as [Inspected];

  test("a container is made so that it stays stopped, holds no privilege and can't fill the disk", async () => {
    const { prepared, running, harness } = use();
    const workspace = await prepared();
    const instance = await running(workspace, 4, { volume_path: "/data dir" });
    const [{ HostConfig: host, Config: config, Mounts: mounts }] = await inspect(instance.name);
    expect(host).toMatchObject({
      RestartPolicy: { Name: "no" },
      Init: true,
      SecurityOpt: ["no-new-privileges"],
      MemorySwap: 512 * 2 ** 20,
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
    });
    expect(config.Labels).toMatchObject({
      "berth.deployment": harness.deploymentId,
      "berth.workspace": workspace.id,
      "berth.generation": "4",
      "berth.resource": instance.resourceId,
    });
    expect(mounts).toMatchObject([{ Type: "volume", Name: instance.name, Destination: "/data dir" }]);
  });

  test("a container is kept as the policy says, whatever its image and spec are", async () => {
    const { prepared, request, backend, call } = use();
    const workspace = await prepared();
    const instance = workspace.instance(1);
    const confinement = {
      cap_drop: ["ALL"],
      readonly_rootfs: true,
      user: "1000:1000",
      nofile: 512,
      network: "none",
    };
    await backend.launch({ ...request(workspace, instance), confinement }, call);
    const [{ HostConfig: host, Config: config }] = await inspect(instance.name);
    expect(config.User).toBe("1000:1000");
    expect(host).toMatchObject({
      CapDrop: ["ALL"],
      ReadonlyRootfs: true,
      NetworkMode: "none",
      Ulimits: [{ Name: "nofile", Soft: 512, Hard: 512 }],
    });
  });

  test("a container that was created and never started, as a crash leaves it, is started by the next launch", async () => {
    const { prepared, request, stateOf, harness, backend, call } = use();
    const workspace = await prepared();
    const instance = workspace.instance(2);
    const labels = Object.entries({
      "berth.deployment": harness.deploymentId,
      "berth.workspace": workspace.id,
      "berth.generation": "2",
      "berth.resource": instance.resourceId,
    }).flatMap(([key, value]) => ["--label", `${key}=${value}`]);
    const id = await docker("create", "--init", "--name", instance.name, ...labels, BUSYBOX_IMAGE);
    expect(await stateOf(instance)).toBe("starting");
    expect(await backend.launch(request(workspace, instance), call)).toEqual({ providerId: id, url: null });
    await expect.poll(() => stateOf(instance)).toBe("running");
  });

  test("a container that was created and never started can be stopped", async () => {
    const { prepared, stateOf, harness, backend, call } = use();
    const workspace = await prepared();
    const instance = workspace.instance(2);
    await docker(
      "create",
      `--name=${instance.name}`,
      `--label=berth.deployment=${harness.deploymentId}`,
      `--label=berth.workspace=${workspace.id}`,
      "--label=berth.generation=2",
      BUSYBOX_IMAGE,
    );
    expect(await backend.stop(instance, call)).toBe("gone");
    expect(await stateOf(instance)).toBe("gone");
  });

  test("a paused container counts as running and can be stopped", async () => {
    const { prepared, running, stateOf, backend, call } = use();
    const instance = await running(await prepared());
    await docker("pause", instance.name);
    expect(await stateOf(instance)).toBe("running");
    expect(await backend.stop(instance, call)).toBe("gone");
  });

  test("a program that the kernel ended for want of memory is told from one that was killed", async () => {
    const { prepared, request, stateOf, backend, call } = use();
    const workspace = await prepared();
    const instance = workspace.instance();
    const spec = { command: ["tail", "/dev/zero"], memory_mb: 16 };
    await backend.launch(request(workspace, instance, spec), call);
    await expect.poll(() => stateOf(instance), { timeout: 20_000 }).toBe("stopped");
    expect(backend.reasonOf?.(instance)).toBe("exit 137 (out of memory)");
  });

  test("names that contain ours, or are contained in it, are no match", async () => {
    const { prepared, running, backend, stateOf, call } = use();
    const instance = await running(await prepared());
    const others = [`${instance.name}0`, `x${instance.name}`];
    for (const name of others) await docker("run", "--detach", "--init", `--name=${name}`, BUSYBOX_IMAGE);
    expect(await backend.stop(instance, call)).toBe("gone");
    expect(await stateOf(instance)).toBe("gone");
    for (const name of others) {
      expect(await docker("inspect", "--format", "{{.State.Running}}", name)).toBe("true");
      await docker("rm", "--force", name);
    }
  });

  test("anonymous volumes of an image go with its container, and the workspace's own stays", async () => {
    const { prepared, running, backend, call } = use();
    const image = "berth-test/with-volume:latest";
    await importBusybox(socketPath, image, ["VOLUME /cache"]);
    const volumes = async () => (await docker("volume", "ls", "--quiet")).split("\n").filter(Boolean);
    const workspace = await prepared();
    const instance = await running(workspace, 1, { image });
    const [{ Mounts: mounts }] = await inspect(instance.name);
    const anonymous = mounts.find(({ Destination: target }) => target === "/cache")?.Name;
    expect(await volumes()).toContain(anonymous);
    expect(await backend.stop(instance, call)).toBe("gone");
    expect(await volumes()).not.toContain(anonymous);
    expect(await volumes()).toContain(workspace.volume.name);
    await docker("rmi", image);
  });

  test("a stop that meets another removal of the same container waits for it", async () => {
    const { prepared, running, backend, stateOf, call } = use();
    for (let round = 0; round < 3; round++) {
      const instance = await running(await prepared());
      // It may find nothing left to remove.
      const removal = docker("rm", "--force", instance.name).catch(() => undefined);
      expect(await backend.stop(instance, call)).toBe("gone");
      expect(await stateOf(instance)).toBe("gone");
      await removal;
    }
  });

  test("a spec that the daemon refuses is a permanent failure, and leaves nothing", async () => {
    const { prepared, request, backend, call } = use();
    const workspace = await prepared();
    const refused = [{ memory_mb: 1 }, { volume_path: "relative" }, { image: "Not An Image" }];
    for (const spec of refused) {
      const launch = backend.launch(request(workspace, workspace.instance(), spec), call);
      await expect(launch, JSON.stringify(spec)).rejects.toThrow(failure("invalid_spec", "permanent"));
    }
    expect((await backend.listOwned(call)).map(({ kind }) => kind)).toEqual(["volume"]);
  });

  test("a network that isn't there is a permanent failure, and leaves nothing", async () => {
    const { prepared, request, harness, backend, call } = use();
    const { deploymentId } = harness;
    const options = {
      deploymentId,
      installationId: INSTALLATION,
      host: `unix://${socketPath}`,
      network: "no-such-network",
    };
    const elsewhere = createDockerBackend(options);
    const workspace = await prepared();
    const launch = elsewhere.launch(request(workspace, workspace.instance()), call);
    await expect(launch).rejects.toThrow(failure("start_failed", "permanent"));
    await expect(launch).rejects.toThrow(/no-such-network/);
    await expect(launch, "it may be made again").rejects.toMatchObject({ passing: true });
    expect((await backend.listOwned(call)).map(({ kind }) => kind)).toEqual(["volume"]);
    await elsewhere.close();
  });

  test("the network of the configuration is the container's", async () => {
    const { prepared, request, harness, call } = use();
    const { deploymentId } = harness;
    const backend = createDockerBackend({
      installationId: INSTALLATION,
      deploymentId,
      host: `unix://${socketPath}`,
      network: "host",
    });
    const workspace = await prepared();
    await backend.launch(request(workspace, workspace.instance()), call);
    const [{ HostConfig: host }] = await inspect(workspace.volume.name);
    expect(host.NetworkMode).toBe("host");
    await backend.close();
  });

  test("a daemon is reached by TCP as well, whatever the environment says of Docker", async () => {
    const { prepared, running, harness, stateOf } = use();
    const instance = await running(await prepared());
    const proxy = createServer((client) => {
      const upstream = connect(socketPath);
      client.pipe(upstream).pipe(client);
      client.on("error", () => upstream.destroy());
      upstream.on("error", () => client.destroy());
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const { port } = proxy.address() as AddressInfo;
    vi.stubEnv("DOCKER_HOST", "ssh://nobody@nowhere");
    vi.stubEnv("DOCKER_TLS_VERIFY", "1");
    try {
      for (const scheme of ["tcp", "http"]) {
        const host = `${scheme}://127.0.0.1:${port}`;
        const backend = createDockerBackend({
          installationId: INSTALLATION,
          deploymentId: harness.deploymentId,
          host,
        });
        expect(await stateOf(instance, backend), scheme).toBe("running");
        await backend.close();
      }
    } finally {
      vi.unstubAllEnvs();
      proxy.close();
    }
  });
});

interface Inspected {
  HostConfig: { NetworkMode: string };
  Config: { Labels: Record<string, string>; User: string };
  Mounts: { Name: string; Destination: string }[];
}
