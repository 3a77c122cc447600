import type { Spec } from "./spec.js";

/** Of the account that a place on EC2 is in: the name of a Systems Manager parameter; a Secrets Manager secret's name or ARN. */
export type AccountSecret = { ssm: string } | { secretsManager: string };
/** Where a worker finds a secret, so that the database needn't hold it: a file or a variable of its own, or the place's account. */
export type SecretRef = { secretRef: { file: string } | { env: string } | AccountSecret };
export type EnvValue = string | SecretRef;
/** One of a command; marked as a secret it is shown to nobody. */
export type Argument = string | { secret: string } | SecretRef;

/** Stands for a value that is kept and not shown; in a change: what is kept stays. */
export interface Hidden {
  hidden: true;
}
const HIDDEN: Hidden = { hidden: true };

/** A spec as answers have it: names of all, values of none. References say nothing and are shown. */
export interface ShownSpec extends Omit<Spec, "command" | "env"> {
  command?: (string | SecretRef | Hidden)[];
  env?: Record<string, SecretRef | Hidden>;
}

/** A spec as a change gives it: without `env`, or a name in it, what is kept stays; null takes a name away. */
export interface SpecChange extends Omit<Spec, "command" | "env"> {
  command?: (Argument | Hidden)[];
  env?: Record<string, EnvValue | Hidden | null>;
}

/** A spec with every secret in its place, as a program is to have it. */
export type LaunchSpec = Omit<Spec, "command" | "env"> & { command?: string[]; env?: Record<string, string> };

/** Secrets of a command. Neither these nor a value of the environment may be seen in a message. */
export type LaunchSecrets = readonly string[];

/** How many variables a spec may have. */
export const MAX_VARIABLES = 256;

/** A spec as whoever may read it may see it. */
export function shown(spec: Spec): ShownSpec {
  const { command, env, ...rest } = spec;
  return {
    ...rest,
    ...(command && { command: command.map((one) => (isMarked(one) ? HIDDEN : one)) }),
    ...(env && { env: mapped(env, (value) => (typeof value === "string" ? HIDDEN : value)) }),
  };
}

/** A changed spec with what it leaves as it was, and what is wrong with that. */
export function changedSpec(
  before: Spec,
  { command, env, ...rest }: SpecChange,
): { spec: Spec; problems: { field: string; expected: string }[] } {
  const problems: { field: string; expected: string }[] = [];
  const kept = command?.map((one, index): Argument => {
    if (!isHidden(one)) return one;
    const same = before.command?.[index];
    if (same !== undefined && isMarked(same)) return same;
    problems.push({ field: `spec.command[${index}]`, expected: "text: no secret is kept at this place" });
    return "";
  });
  const values = new Map(Object.entries(before.env ?? {}));
  for (const [name, value] of Object.entries(env ?? {})) {
    if (value === null) values.delete(name);
    else if (!isHidden(value)) values.set(name, value);
    else if (!values.has(name))
      problems.push({ field: `spec.env.${name}`, expected: "text: no value of this name is kept" });
  }
  if (values.size > MAX_VARIABLES)
    problems.push({
      field: "spec.env",
      expected: `at most ${MAX_VARIABLES} variables, with those that are kept`,
    });
  const spec: Spec = {
    ...rest,
    ...(kept && { command: kept }),
    ...((values.size > 0 || env !== undefined) && { env: Object.fromEntries(values) }),
  };
  return { spec, problems };
}

/** The fields of a spec that refer to a place's account. */
export function accountSecretFields({ command = [], env = {} }: Spec): string[] {
  const named: [string, Argument][] = [
    ...command.map((one, index): [string, Argument] => [`spec.command[${index}]`, one]),
    ...Object.entries(env).map(([name, value]): [string, Argument] => [`spec.env.${name}`, value]),
  ];
  return named.flatMap(([field, value]) =>
    typeof value !== "string" && "secretRef" in value && isOfAccount(value.secretRef) ? [field] : [],
  );
}

export function isOfAccount(ref: SecretRef["secretRef"]): ref is AccountSecret {
  return "ssm" in ref || "secretsManager" in ref;
}

function isMarked(argument: Argument): argument is { secret: string } {
  return typeof argument !== "string" && "secret" in argument;
}

function isHidden(value: object | string): value is Hidden {
  return typeof value !== "string" && "hidden" in value;
}

function mapped<A, B>(of: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(of).map(([name, value]) => [name, change(value)]));
}
