import type { Ec2Spec } from "./ec2-spec.js";
import type { Argument, EnvValue } from "./secrets.js";

/** When a launched workspace counts as started: its agent registered, or its instance runs. */
export const READINESS = ["agent", "running"] as const;
export type Readiness = (typeof READINESS)[number];

/** Memory in bytes, CPU in cores and process count of each tier; a spec may override each of them. */
export const TIERS = {
  1: { memoryBytes: 512 * 2 ** 20, cpus: 0.5, pids: 256 },
  2: { memoryBytes: 2 * 2 ** 30, cpus: 1, pids: 512 },
  3: { memoryBytes: 8 * 2 ** 30, cpus: 4, pids: 2048 },
} as const;
export type Tier = keyof typeof TIERS;

/** What a workspace runs. */
export interface Spec {
  /** Container image (`docker`); ignored by `process`. */
  image?: string;
  /** Argument vector, a program first. Never passed through a shell. Required by `process`. */
  command?: Argument[];
  env?: Record<string, EnvValue>;
  tier?: Tier;
  memory_mb?: number;
  cpus?: number;
  pids_limit?: number;
  /** Where the volume is mounted, an absolute path. Default `/workspace`. `process` runs inside its volume. */
  volume_path?: string;
  /** Default `running`. */
  readiness?: Readiness;
  /** Only for backend `ec2`. */
  ec2?: Ec2Spec;
}

/** The limits of a spec after its tier and overrides. */
export function limitsOf(spec: Pick<Spec, "tier" | "memory_mb" | "cpus" | "pids_limit">): {
  memoryBytes: number;
  cpus: number;
  pids: number;
} {
  const tier = TIERS[spec.tier ?? 1];
  return {
    memoryBytes: spec.memory_mb === undefined ? tier.memoryBytes : spec.memory_mb * 2 ** 20,
    cpus: spec.cpus ?? tier.cpus,
    pids: spec.pids_limit ?? tier.pids,
  };
}
