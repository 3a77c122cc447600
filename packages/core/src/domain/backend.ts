import { ec2Problems } from "./ec2-spec.js";
import { accountSecretFields } from "./secrets.js";
import type { Spec } from "./spec.js";

/** What is wrong with a field of a spec, and what it expects. */
interface SpecProblem {
  field: string;
  expected: string;
}

/** All that differs between backends outside their own folder in `compute/`. */
interface BackendRules {
  /** What one place of it is, in words: "this worker's … is X". */
  peer: string;
  /** Null if Berth neither starts nor stops anything there: it is known by its heartbeats only. */
  compute: ComputeRules | null;
  /** A spec that works at once, for a newcomer to paste. */
  example: Spec;
  /** What it insists on in a spec, or refuses. */
  problems(spec: Spec): SpecProblem[];
}

interface ComputeRules {
  /** The sweep that looks for what it has and nobody claims. */
  orphans: "docker-orphans" | "leaked-instances";
  /** How old such a thing must be: `BERTH_LEAK_GRACE_MS`, or for a provider that lists late `BERTH_LEAK_GRACE_CLOUD_MS`. */
  grace: "machine" | "cloud";
  /** Between two looks at logs that somebody follows, in ms. */
  logPauseMs: number;
  /**
   * What a leak costs in USD an hour, by kind or `kind/type`; a volume's for one GiB. It only says which leak is
   * worth a look first; an operator's own table takes its place.
   */
  prices: Readonly<Record<"instance" | "volume", number>> & Readonly<Record<string, number>>;
}

const NEEDS_IMAGE = 'a container image, such as "debian:12", for backend "docker"';
const NEEDS_COMMAND = 'a command, such as ["sleep", "3600"], for backend "process"';

/** Every backend. What a new one must say stands here, and nothing compiles until it does. */
export const BACKEND_RULES = {
  docker: {
    peer: "daemon",
    compute: {
      orphans: "docker-orphans",
      grace: "machine",
      logPauseMs: 1_000,
      prices: { instance: 0, volume: 0 },
    },
    example: { image: "busybox", command: ["sleep", "3600"], readiness: "running" },
    problems: (spec) => [
      ...withoutEc2("docker", spec),
      ...(spec.image ? [] : [{ field: "spec.image", expected: NEEDS_IMAGE }]),
    ],
  },
  process: {
    peer: "machine and data directory",
    compute: {
      orphans: "docker-orphans",
      grace: "machine",
      logPauseMs: 1_000,
      prices: { instance: 0, volume: 0 },
    },
    example: { command: ["sleep", "3600"], readiness: "running" },
    problems: (spec) => [
      ...withoutEc2("process", spec),
      ...(spec.command?.length ? [] : [{ field: "spec.command", expected: NEEDS_COMMAND }]),
    ],
  },
  ec2: {
    peer: "account and Region",
    compute: {
      orphans: "leaked-instances",
      grace: "cloud",
      // It gives snapshots of a console, which it renews once in a while, and counts the calls.
      logPauseMs: 30_000,
      // On-demand list prices of us-east-1, as remembered in 2025.
      prices: {
        instance: 0.1,
        "instance/t3.micro": 0.0104,
        "instance/t3.small": 0.0208,
        "instance/t3.medium": 0.0416,
        "instance/t3.large": 0.0832,
        "instance/m5.large": 0.096,
        "instance/m5.xlarge": 0.192,
        volume: 0.00011,
        dns_record: 0,
      },
    },
    example: { readiness: "running" },
    problems: (spec) => (spec.ec2 === undefined ? [] : ec2Problems(spec.ec2)),
  },
  external: {
    peer: "place",
    compute: null,
    example: {},
    problems: (spec) => withoutEc2("external", spec),
  },
} as const satisfies Readonly<Record<string, BackendRules>>;

export type BackendName = keyof typeof BACKEND_RULES;
/** The backends that this version can run. */
export const BACKENDS = Object.keys(BACKEND_RULES) as BackendName[];

/** What is said of a backend that Berth makes things at; null for one where it makes none, or that it doesn't know. */
export function computeOf(backend: string): ComputeRules | null {
  const rules: Readonly<Record<string, BackendRules>> = BACKEND_RULES;
  return Object.hasOwn(rules, backend) ? rules[backend]!.compute : null;
}

/** False if Berth neither starts nor stops anything for workspaces of this backend. */
export function hasCompute(backend: BackendName): boolean {
  return BACKEND_RULES[backend].compute !== null;
}

/** Fields of a spec whose presence or value a backend insists on, or refuses, with what it expects. */
export function missingForBackend(backend: BackendName, spec: Spec): SpecProblem[] {
  return BACKEND_RULES[backend].problems(spec);
}

function withoutEc2(backend: string, spec: Spec): SpecProblem[] {
  const problems = accountSecretFields(spec).map((field) => ({
    field,
    expected: `text, {"secretRef": {"file": "name"}} or {"secretRef": {"env": "NAME"}}: AWS is asked for backend "ec2" only, not "${backend}"`,
  }));
  if (spec.ec2 === undefined) return problems;
  return [...problems, { field: "spec.ec2", expected: `nothing: it is for backend "ec2", not "${backend}"` }];
}
