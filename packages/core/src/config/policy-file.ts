import { BACKENDS } from "../domain/backend.js";
import type { Policy, Rules, Section } from "../domain/policy.js";
import { labelText } from "../domain/quota.js";
import { ConfigError } from "./config.js";
import { labelsOf, objectOf, textOfFile, unknownField, valueOf } from "./fields-file.js";
import { integer, type Kind, listOf, matching, textsOf } from "./kinds.js";

/** What is wrong with the file, all of it. */
export class PolicyFileError extends ConfigError {
  constructor(problems: readonly string[]) {
    super(problems.map((problem) => `BERTH_POLICY_FILE: ${problem}`));
    this.name = "PolicyFileError";
  }
}

const whole = integer(1, 2 ** 31 - 1);
const names = textsOf(/^[^\s,]+$/, "names");
const yes: Kind<boolean> = {
  expected: "true or false",
  parse: (text) => ({ true: true, false: false })[text],
};
const cpus: Kind<number> = {
  expected: "a number above 0",
  parse: (text) => (Number(text) > 0 && Number.isFinite(Number(text)) ? Number(text) : undefined),
};
type LabelsField = "place_labels";
const KINDS: { readonly [F in Exclude<keyof Rules, LabelsField>]-?: Kind<NonNullable<Rules[F]>> } = {
  backends: listOf(BACKENDS),
  max_memory_mb: whole,
  max_cpus: cpus,
  max_pids: whole,
  max_volume_gb: whole,
  images: textsOf(
    /^([a-z0-9.-]*[.:][a-z0-9.:-]*|localhost)(\/[a-z0-9._-]+)*$/,
    "registries, with a path if wanted, such as docker.io/library or ghcr.io/acme",
  ),
  digests_only: yes,
  ec2_image_ids: names,
  ec2_launch_templates: names,
  ec2_instance_types: names,
  ec2_subnet_ids: names,
  ec2_security_group_ids: names,
  ec2_instance_profiles: names,
  cap_drop: textsOf(/^[A-Z_]+$/, "capabilities such as NET_RAW, or ALL"),
  readonly_rootfs: yes,
  user: matching(/^[\w-]{1,32}(:[\w-]{1,32})?$/, "a user or uid, with :group if wanted"),
  nofile: whole,
  weight: integer(1, 100),
  network: matching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, "the name of a Docker network"),
};
const FIELDS = [...Object.keys(KINDS), "place_labels"];

/** Reads the policy; null without a file. @throws PolicyFileError */
export function readPolicyFile(file: string | null): Policy {
  if (file === null) return null;
  return parsePolicy(textOfFile(file, PolicyFileError));
}

/** @throws PolicyFileError with every problem, by the path of its field. */
export function parsePolicy(source: string): Policy {
  const problems: string[] = [];
  const root = objectOf(valueOf(source, PolicyFileError), "the file", problems);
  for (const key of Object.keys(root))
    if (key !== "all" && key !== "tenants") problems.push(unknownField(key, key, ["all", "tenants"]));
  const tenants = root["tenants"] ?? [];
  if (!Array.isArray(tenants)) problems.push("tenants: expected a list");
  const sections: Section[] = [
    { name: "all", labels: {}, rules: readRules("all", root["all"] ?? {}, problems) },
    ...(Array.isArray(tenants) ? tenants : []).map((one: unknown, n) =>
      readTenant(`tenants[${n}]`, one, problems),
    ),
  ];
  // It is what a tenant has beside others.
  if (sections[0]!.rules.weight !== undefined) problems.push("all.weight: expected it in a tenant's section");
  if (problems.length > 0) throw new PolicyFileError(problems);
  return sections;
}

function readTenant(at: string, given: unknown, problems: string[]): Section {
  const { labels, ...rules } = objectOf(given, at, problems);
  const own = labelsOf(`${at}.labels`, labels, problems);
  // One without labels would be everybody's.
  if (Object.keys(own).length === 0) problems.push(`${at}.labels: expected those of a tenant's keys`);
  const name = Object.entries(own).map(([key, value]) => labelText({ key, value }));
  return { name: name.join(","), labels: own, rules: readRules(at, rules, problems) };
}

function readRules(at: string, given: unknown, problems: string[]): Rules {
  const rules: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(objectOf(given, at, problems))) {
    const kind = (KINDS as Record<string, Kind<unknown> | undefined>)[field];
    if (field === "place_labels") rules[field] = labelsOf(`${at}.${field}`, value, problems);
    else if (kind === undefined) problems.push(unknownField(`${at}.${field}`, field, FIELDS));
    else rules[field] = readField(`${at}.${field}`, kind, value, problems);
  }
  return rules as Rules;
}

function readField(at: string, kind: Kind<unknown>, value: unknown, problems: string[]): unknown {
  // An empty list lets nothing pass.
  if (Array.isArray(value) && value.length === 0 && kind.expected.includes("list")) return [];
  const text = Array.isArray(value) ? value.join(",") : String(value);
  const parsed = typeof value === "object" && !Array.isArray(value) ? undefined : kind.parse(text);
  if (parsed === undefined) problems.push(`${at}: got ${JSON.stringify(value)}, expected ${kind.expected}`);
  return parsed;
}
