import { InvalidArgumentError } from "commander";

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `15m`, `2h`, `7d`, in ms. */
export function duration(text: string): number {
  const [, many, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (many !== undefined) return Number(many) * UNITS[unit!]!;
  throw new InvalidArgumentError("Expected a time such as 90s, 15m, 2h or 7d.");
}

/** A moment: a duration from now on, or a time. */
export function moment(text: string, now: number, sign: 1 | -1 = 1): string {
  if (/^\d+[smhd]$/.test(text)) return new Date(now + sign * duration(text)).toISOString();
  const time = new Date(text);
  if (/^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(time.getTime())) return time.toISOString();
  throw new InvalidArgumentError(`Expected a time such as 90s, 2h or 2027-01-31T12:00:00Z, got ${text}.`);
}

export function count(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number from 1 on.");
}

/** `name:value` as filters have labels; `name=value` is taken as well. */
export function label(text: string, before: readonly string[] = []): string[] {
  const [, name, value] = /^([^:=]+)[:=](.*)$/s.exec(text) ?? [];
  if (name !== undefined) return [...before, `${name}:${value}`];
  throw new InvalidArgumentError("Expected a label as name:value, such as team:red.");
}

/** Labels of options, as workspaces have them. */
export function labelsOf(labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    labels.map((one) => [one.slice(0, one.indexOf(":")), one.slice(one.indexOf(":") + 1)]),
  );
}

/** The other way round, for people. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}:${value}`)
    .join(" ");
}

/** `NAME=value` */
export function variable(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const at = text.indexOf("=");
  if (at > 0) return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
  throw new InvalidArgumentError("Expected a variable as NAME=value.");
}

type Reference = { file: string } | { env: string } | { ssm: string } | { secretsManager: string };
export type References = Record<string, { secretRef: Reference }>;

const SOURCES: Readonly<Record<string, (of: string) => Reference>> = {
  file: (file) => ({ file }),
  env: (env) => ({ env }),
  ssm: (ssm) => ({ ssm }),
  secretsmanager: (secretsManager) => ({ secretsManager }),
};

/** `NAME=file:name`, `NAME=env:NAME`, `NAME=ssm:/name` or `NAME=secretsmanager:name` */
export function reference(text: string, before: Readonly<References> = {}): References {
  const [, name, kind, of = ""] = /^([^=]+)=(file|env|ssm|secretsmanager):(.+)$/s.exec(text) ?? [];
  if (name !== undefined) return { ...before, [name]: { secretRef: SOURCES[kind!]!(of) } };
  throw new InvalidArgumentError(
    "Expected NAME=file:name, NAME=env:NAME, NAME=ssm:/name or NAME=secretsmanager:name.",
  );
}

/** Words with commas between them, or of several options. */
export function words(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(",").filter((word) => word !== "")];
}
