import type { ContainerCreateOptions } from "dockerode";
import type { Owner } from "../../domain/owner.js";
import { limitsOf } from "../../domain/spec.js";
import type { LaunchRequest } from "../backend.js";
import { labelsOf } from "./labels.js";

const CPU_PERIOD_US = 100_000;

export interface ContainerSettings extends Owner {
  /** A network of the daemon; its default one if unset. */
  network: string | undefined;
  /** Also for a daemon that shuts down, and for `docker stop` by hand. */
  graceSeconds: number;
}

/** The container of a workspace. `command` takes the place of the image's CMD, as with `docker run`. */
export function containerOf(
  { instance, volume, spec, env, confinement = {} }: LaunchRequest,
  { graceSeconds, ...settings }: ContainerSettings,
): ContainerCreateOptions {
  const limits = limitsOf(spec);
  const { cap_drop, readonly_rootfs, user, nofile, network = settings.network } = confinement;
  return {
    name: instance.name,
    Image: spec.image ?? "",
    ...(spec.command && { Cmd: spec.command }),
    // Last, so that a spec can't pretend to be another workspace.
    Env: Object.entries({ ...spec.env, ...env }).map(([key, value]) => `${key}=${value}`),
    Labels: labelsOf(settings, instance),
    StopTimeout: graceSeconds,
    ...(user !== undefined && { User: user }),
    HostConfig: {
      // Reaps orphans, and ends at once on SIGTERM where the program as PID 1 would ignore it.
      Init: true,
      // What stops stays stopped until an operation says otherwise.
      RestartPolicy: { Name: "no" },
      SecurityOpt: ["no-new-privileges"],
      ...(cap_drop !== undefined && cap_drop.length > 0 && { CapDrop: [...cap_drop] }),
      ...(readonly_rootfs === true && { ReadonlyRootfs: true, Tmpfs: { "/tmp": "size=64m" } }),
      ...(nofile !== undefined && { Ulimits: [{ Name: "nofile", Soft: nofile, Hard: nofile }] }),
      Memory: limits.memoryBytes,
      // No swap on top of it.
      MemorySwap: limits.memoryBytes,
      // Not NanoCpus, which refuses more cores than the machine has.
      CpuPeriod: CPU_PERIOD_US,
      CpuQuota: Math.round(limits.cpus * CPU_PERIOD_US),
      PidsLimit: limits.pids,
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
      Mounts: [
        {
          Type: "volume",
          Source: volume.name,
          Target: spec.volume_path ?? "/workspace",
          // Should the volume vanish before the start, the daemon makes a new one: not one without an owner.
          VolumeOptions: {
            NoCopy: false,
            Labels: labelsOf(settings, volume),
            DriverConfig: { Name: "local", Options: {} },
          },
        },
      ],
      ...(network !== undefined && { NetworkMode: network }),
    },
  };
}
