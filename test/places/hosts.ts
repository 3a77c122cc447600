import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pool } from "@berth/core/db/pool";
import { onTestFinished } from "vitest";
import { dockerCli } from "../support/docker-cli.js";
import { startDockerd } from "../support/dockerd.js";
import { importTestImages } from "../support/images.js";

/** A Docker host of one's own, as an auditor sees it who doesn't ask Berth. */
export interface Host {
  place: string;
  socketPath: string;
  /** SIGKILL, and started again; by then what ran there has ended. */
  crash(): Promise<void>;
  /** Containers of Berth that run. Null: the daemon doesn't say. */
  running(): Promise<{ workspace: string; resource: string }[] | null>;
  /** All that is there, by name. Volumes that a killed daemon has left without labels are removed, as an operator would. */
  left(): Promise<string[]>;
}

/** @param daemonArgs what its daemon is told besides */
export async function openHost(place: string, daemonArgs: readonly string[] = []): Promise<Host> {
  const daemon = await startDockerd({ root: await mkdtemp(join(tmpdir(), `${place}-`)), args: daemonArgs });
  onTestFinished(() => daemon[Symbol.asyncDispose]());
  await importTestImages(daemon.socketPath);
  const docker = dockerCli(daemon.socketPath);
  const lines = async (...args: string[]) =>
    (await docker(...args)).split("\n").filter((line) => line !== "");
  return {
    place,
    socketPath: daemon.socketPath,
    async crash() {
      await daemon.kill();
      await daemon.restart();
    },
    async running() {
      const format = '{{.Label "berth.workspace"}} {{.Label "berth.resource"}}';
      const found = await lines("ps", "--filter", "label=berth.deployment", "--format", format).catch(
        () => null,
      );
      return (
        found
          ?.map((line) => line.split(" ") as [string, string])
          .map(([workspace, resource]) => ({ workspace, resource })) ?? null
      );
    },
    async left() {
      const volumes = await lines("volume", "ls", "--format", '{{.Name}} {{.Label "berth.deployment"}}');
      const unlabelled = volumes.map((line) => line.trim()).filter((line) => !line.includes(" "));
      for (const name of unlabelled) await docker("volume", "rm", name).catch(() => undefined);
      return [
        ...(await lines("ps", "--all", "--format", "{{.Names}} {{.Status}}")),
        ...(await lines("volume", "ls", "--quiet")),
      ].map((what) => `${place}: ${what}`);
    },
  };
}

/**
 * One look at all hosts and the ledger. The ledger is read first: what it calls gone by then may run nowhere later.
 * @returns what is wrong, in words
 */
export async function lookAt(pool: Pool, hosts: readonly Host[]): Promise<string[]> {
  const { rows } = await pool.query<{ id: string; place: string; gone: boolean }>(
    "select id, place, state = 'gone' as gone from resources where kind = 'instance'",
  );
  const gone = new Set(rows.flatMap((row) => (row.gone ? row.id : [])));
  const placeOf = new Map(rows.map((row) => [row.id, row.place]));
  const seen = new Map<string, string>();
  const wrong: string[] = [];
  for (const host of hosts)
    for (const { workspace, resource } of (await host.running()) ?? []) {
      const before = seen.get(workspace);
      if (before !== undefined) wrong.push(`${workspace} runs in ${before} and in ${host.place}`);
      seen.set(workspace, host.place);
      if (gone.has(resource))
        wrong.push(`${resource} of ${workspace} is gone in the ledger, and runs in ${host.place}`);
      const meant = placeOf.get(resource);
      if (meant !== undefined && meant !== host.place)
        wrong.push(`${resource} of ${workspace} is of ${meant}, and runs in ${host.place}`);
    }
  return wrong;
}
