import { hasCompute, type BackendName } from "./backend.js";
import type { Ec2Spec } from "./ec2-spec.js";
import { limitsOf, type Spec } from "./spec.js";

/** What a workspace may be, where an operator of all teams has said so; what is absent isn't limited. */
export interface Rules {
  readonly backends?: readonly BackendName[];
  readonly max_memory_mb?: number;
  readonly max_cpus?: number;
  readonly max_pids?: number;
  readonly max_volume_gb?: number;
  /** Registries, paths below them and repositories, such as `ghcr.io/acme`; Docker Hub is `docker.io`. */
  readonly images?: readonly string[];
  readonly digests_only?: boolean;
  readonly ec2_image_ids?: readonly string[];
  readonly ec2_launch_templates?: readonly string[];
  readonly ec2_instance_types?: readonly string[];
  readonly ec2_subnet_ids?: readonly string[];
  readonly ec2_security_group_ids?: readonly string[];
  readonly ec2_instance_profiles?: readonly string[];
  /** Labels of the places that it may go to. */
  readonly place_labels?: Readonly<Record<string, string>>;
  readonly cap_drop?: readonly string[];
  readonly readonly_rootfs?: boolean;
  readonly user?: string;
  readonly nofile?: number;
  readonly network?: string;
  /** How many operations the tenant has in each turn at a place's queue. */
  readonly weight?: number;
}

/** Rules for the workspaces that have all these labels. */
export interface Section {
  /** As a refusal names it. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly rules: Rules;
}

/** All that holds; of a workspace each section whose labels it has. Null: there is no policy. */
export type Policy = readonly Section[] | null;

/** How a container is kept, whatever its spec and image say. */
export type Confinement = Pick<Rules, "cap_drop" | "readonly_rootfs" | "user" | "nofile" | "network">;

interface Wanted {
  labels: Readonly<Record<string, string>>;
  backend: BackendName;
  spec: Spec;
}

/** A rule that something breaks: where it stands, and what it says. */
export interface Broken {
  rule: string;
  expected: string;
}

/** What of EC2 is off unless a list names it, and where a spec asks for it. */
const EC2_LISTS = {
  ec2_image_ids: (ec2) => listOf(ec2.image_id),
  ec2_launch_templates: (ec2) => listOf(ec2.launch_template),
  ec2_instance_types: (ec2) => ec2.instance_types ?? [],
  ec2_subnet_ids: (ec2) => ec2.subnet_ids ?? [],
  ec2_security_group_ids: (ec2) => ec2.security_group_ids ?? [],
  ec2_instance_profiles: (ec2) => listOf(ec2.instance_profile),
} as const satisfies Partial<Record<keyof Rules, (ec2: Ec2Spec) => readonly string[]>>;

/**
 * The first rule that a workspace breaks; null: none.
 * @param strict also without a policy nothing of EC2 that a list would name may be chosen: a tenant asks.
 */
export function brokenRule(policy: Policy, wanted: Wanted, strict: boolean): Broken | null {
  const sections = sectionsFor(policy, wanted.labels);
  for (const { name, rules } of sections) {
    const broken = brokenOf(rules, wanted);
    if (broken !== null) return { rule: `${name}.${broken.rule}`, expected: broken.expected };
  }
  return policy === null && !strict ? null : unlistedEc2(sections, wanted.spec.ec2 ?? {});
}

/** What all sections ask of a container; where two say something, the later one's. */
export function confinementOf(policy: Policy, labels: Wanted["labels"]): Confinement {
  const all = sectionsFor(policy, labels).map(({ rules }) => rules);
  const confinement: Confinement = Object.assign({}, ...all);
  return { ...confinement, cap_drop: [...new Set(all.flatMap((rules) => rules.cap_drop ?? []))] };
}

/** How much a tenant weighs where several wait; the later section's word counts. */
export function weightOf(policy: Policy, tenant: Wanted["labels"]): number {
  return sectionsFor(policy, tenant).findLast(({ rules }) => rules.weight !== undefined)?.rules.weight ?? 1;
}

/** The labels that a workspace's place must have. */
export function placeLabelsOf(policy: Policy, { labels, backend }: Pick<Wanted, "labels" | "backend">) {
  const sections = hasCompute(backend) ? sectionsFor(policy, labels) : [];
  return Object.assign({}, ...sections.map(({ rules }) => rules.place_labels)) as Record<string, string>;
}

function sectionsFor(policy: Policy, labels: Wanted["labels"]): readonly Section[] {
  return (policy ?? []).filter((section) =>
    Object.entries(section.labels).every(([key, value]) => labels[key] === value),
  );
}

function brokenOf(rules: Rules, { backend, spec }: Wanted): Broken | null {
  const { backends, images } = rules;
  if (backends !== undefined && !backends.includes(backend))
    return { rule: "backends", expected: `backend ${backends.join(" or ")}` };
  if (backend === "docker" || backend === "process") {
    const { memoryBytes, cpus, pids } = limitsOf(spec);
    const over = [
      ["max_memory_mb", memoryBytes / 2 ** 20, "MiB of memory"],
      ["max_cpus", cpus, "CPUs"],
      ["max_pids", pids, "processes"],
    ] as const;
    for (const [rule, value, unit] of over)
      if (value > (rules[rule] ?? Infinity)) return atMost(rule, rules[rule]!, unit, value);
  }
  const gb = spec.ec2?.volume_gb ?? 0;
  if (gb > (rules.max_volume_gb ?? Infinity))
    return atMost("max_volume_gb", rules.max_volume_gb!, "GiB of volume", gb);
  if (backend !== "docker" || spec.image === undefined) return null;
  const { repository, digest } = imageParts(spec.image);
  if (images !== undefined && !images.some((one) => repository === one || repository.startsWith(`${one}/`)))
    return { rule: "images", expected: `an image of ${images.join(", ")}; it is ${repository}` };
  if (rules.digests_only === true && !digest)
    return { rule: "digests_only", expected: "an image with its digest, name@sha256:…" };
  return null;
}

function atMost(rule: string, most: number, unit: string, value: number): Broken {
  return { rule, expected: `at most ${most} ${unit}; it is ${value}` };
}

function unlistedEc2(sections: readonly Section[], ec2: Ec2Spec): Broken | null {
  for (const [rule, asked] of Object.entries(EC2_LISTS) as [
    keyof typeof EC2_LISTS,
    (ec2: Ec2Spec) => readonly string[],
  ][]) {
    const lists = sections.filter(({ rules }) => rules[rule] !== undefined);
    const unlisted = asked(ec2).find(
      (value) => lists.length === 0 || !lists.every(({ rules }) => rules[rule]!.includes(value)),
    );
    if (unlisted === undefined) continue;
    const within = lists.find(({ rules }) => !rules[rule]!.includes(unlisted));
    return {
      rule: within === undefined ? rule : `${within.name}.${rule}`,
      expected:
        within === undefined
          ? `none, since no list allows any; it has ${unlisted}`
          : `one of the list; it has ${unlisted}`,
    };
  }
  return null;
}

/** The whole name of an image's repository, as a daemon understands a short one, and whether it has a digest. */
export function imageParts(image: string): { repository: string; digest: boolean } {
  const [name = "", digest] = image.split("@");
  const untagged = name.replace(/:[^/:]*$/, "");
  const [first = "", ...rest] = untagged.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const registry = hasRegistry ? first.replace(/^(index|registry-1)\.docker\.io$/, "docker.io") : "docker.io";
  const path = hasRegistry ? rest.join("/") : untagged;
  const whole = registry === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  return { repository: `${registry}/${whole}`, digest: digest !== undefined };
}

function listOf(value: string | undefined): readonly string[] {
  return value === undefined ? [] : [value];
}
