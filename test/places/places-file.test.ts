import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { promisify } from "node:util";
import { createProcessBackend } from "@berth/core/compute/process/backend";
import { openInstallation } from "@berth/core/db/installation";
import { getOperation } from "@berth/core/db/operations";
import { listPlaceWorkers } from "@berth/core/db/place-workers";
import { getPlace } from "@berth/core/db/places";
import { createWorkspace, type CreateInput } from "@berth/core/requests/create";
import { removeWorkspace } from "@berth/core/requests/delete";
import { patchPlace } from "@berth/core/requests/places";
import { expect, inject, it, onTestFinished, vi } from "vitest";
import { ensureCommands } from "../support/apt.js";
import { BY_TEST, fleetEnvironment, newWorkspace, startFleet } from "../support/fleet.js";
import { BUSYBOX_IMAGE } from "../support/images.js";
import { ended } from "../support/wait.js";
import { startProcess } from "../support/worker-process.js";
import { openHost } from "./hosts.js";

const COMMAND = { command: ["sleep", "3600"], readiness: "running" as const };
const SETTINGS = {
  BERTH_BACKENDS: "docker,process",
  BERTH_DOCKER_NETWORK: "none",
  BERTH_STOP_GRACE_MS: "500",
  BERTH_CALL_TIMEOUT_MS: "20000",
  LOG_LEVEL: "info",
};

it("one worker serves all places of its file, and after a SIGHUP those that it then has: a bad file changes nothing, what waits for a place that was taken out spends nothing (I12)", async () => {
  const directory = await mkdtemp(join(tmpdir(), "places-file-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const redisUrl = inject("redis").url;
  const fleet = await startFleet({ redisUrl, env: SETTINGS });
  onTestFinished(() => fleet.close());
  const { pool, context } = fleet;
  const [a, b] = [await openHost("docker-a"), await openHost("docker-b")];
  const tls = await overTls(b.socketPath, directory);
  const [file, machine, link] = ["places.yaml", "machine", "a.sock"].map((name) => join(directory, name));
  await symlink(a.socketPath, link!);
  const A = `docker-a: {backend: docker, host: "unix://${a.socketPath}"}`;
  const B = `docker-b: {backend: docker, ${tls}, capacity: 5, weight: 2, labels: {zone: b}}`;
  const write = (...places: string[]) =>
    writeFile(file!, `places:\n${places.map((one) => `  ${one}\n`).join("")}`);
  const { id: installationId } = await openInstallation(pool);
  const backend = createProcessBackend({ dataDir: machine!, deploymentId: "berth", installationId });
  const onTheMachine = () => backend.listOwned({ signal: new AbortController().signal });
  onTestFinished(async () => {
    for (const { kind, state, providerId } of await onTheMachine())
      if (kind === "instance" && state === "running")
        process.kill(Number(providerId.split("@")[0]), "SIGKILL");
  });
  await write(A, B);
  const worker = startProcess(
    new URL("../../apps/worker/src/main.ts", import.meta.url),
    fleetEnvironment(fleet.database.url, redisUrl, { ...SETTINGS, BERTH_PLACES_FILE: file! }),
  );
  onTestFinished(() => worker.kill());
  const reload = (...places: string[]) => write(...places).then(() => process.kill(worker.pid, "SIGHUP"));
  const served = (...places: string[]) =>
    vi.waitFor(
      async () => {
        const rows = await listPlaceWorkers(pool, 60_000);
        const confirmed = places.map((place) => `${place} confirmed`);
        expect(rows.map(({ place, state }) => `${place} ${state}`).toSorted()).toEqual(confirmed);
      },
      { timeout: 20_000, interval: 50 },
    );
  const online = async (place: string, input: Partial<CreateInput> = {}) => {
    const { workspace, operation } = await createWorkspace(
      context,
      { ...newWorkspace(), backend: "docker", spec: { ...COMMAND, image: BUSYBOX_IMAGE }, place, ...input },
      BY_TEST,
    );
    expect(await ended(pool, [operation.id])).toMatchObject([{ state: "succeeded" }]);
    return workspace.id;
  };
  const remove = async (id: string) => {
    const how = { cascade: false, purge: false, ...BY_TEST };
    return (await removeWorkspace(context, id, how)).operations[0]!.id;
  };
  const running = () =>
    Promise.all([a, b].map(async (host) => (await host.running())?.map((one) => one.workspace)));

  await served("docker-a", "docker-b", "external");
  expect(await getPlace(pool, "docker-b")).toMatchObject({ capacity: 5, weight: 2, labels: { zone: "b" } });
  const [inA, inB] = [await online("docker-a"), await online("docker-b")];
  expect(await running()).toEqual([[inA], [inB]]);

  // An operator's word holds, whatever the file says at first.
  await patchPlace(pool, "docker-b", { capacity: 9 }, BY_TEST);
  const linked = A.replace(a.socketPath, link!);
  const PROCESS = `machine: {backend: process, data_dir: "${machine}"}`;
  await reload(linked, PROCESS);
  await served("docker-a", "external", "machine");
  const onMachine = await online("machine", { backend: "process", spec: COMMAND });
  const alsoInA = await online("docker-a");
  const waits = await remove(inB);

  await reload("docker-a: {backend: docker, hots: x}");
  await worker.said(/places\.docker-a\.hots is no field: did you mean host\?; the places stay as before/);
  await served("docker-a", "external", "machine");
  expect(await ended(pool, await Promise.all([inA, alsoInA].map(remove)))).toMatchObject(
    [0, 1].map(() => ({ state: "succeeded", attempt: 1 })),
  );
  expect(await getOperation(pool, waits)).toMatchObject({ state: "queued", attempt: 0 });
  expect(await running()).toEqual([[], [inB]]);

  await reload(linked, B, PROCESS);
  expect(await ended(pool, [waits, await remove(onMachine)])).toMatchObject(
    [0, 1].map(() => ({ state: "succeeded", attempt: 1 })),
  );
  expect(await getPlace(pool, "docker-b")).toMatchObject({ capacity: 9, weight: 2 });
  expect([await a.left(), await b.left(), await onTheMachine()]).toEqual([[], [], []]);
  worker.term();
  expect(await worker.exited).toEqual({ code: 0, signal: null });
}, 180_000);

/** A socket over TLS, for who has the certificate. @returns the fields of the place */
async function overTls(socketPath: string, directory: string): Promise<string> {
  const [cert, key] = ["cert.pem", "key.pem"].map((name) => join(directory, name));
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  const { openssl } = await ensureCommands({ openssl: "openssl" });
  await promisify(execFile)(openssl, ["req", "-x509", ...kind, ...subject, "-keyout", key!, "-out", cert!]);
  const [certText, keyText] = [await readFile(cert!), await readFile(key!)];
  const server = createServer(
    { cert: certText, key: keyText, ca: certText, requestCert: true, rejectUnauthorized: true },
    (client) => {
      const daemon = connect(socketPath);
      for (const [from, to] of [
        [client, daemon],
        [daemon, client],
      ] as const)
        from.on("error", () => to.destroy()).pipe(to);
    },
  );
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return `host: "tcp://localhost:${port}", ca: "${cert}", cert: "${cert}", key: "${key}"`;
}
