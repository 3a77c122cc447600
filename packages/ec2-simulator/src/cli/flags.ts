import { parseArgs } from "node:util";
import type { ServerOptions } from "../server.js";
import { DEFAULT_DELAYS, type Delays } from "../settings.js";

export const HELP = `Usage: berth-ec2-simulator [options]

An HTTP server that answers the AWS SDK's EC2 and Route53 clients.

  --port <number>          port to listen on, 0 for any free one (default 4566)
  --host <address>         address to listen on (default 127.0.0.1)
  --clock real|virtual|<speed>
                           wall clock, one that only POST /_sim/clock moves,
                           or a factor such as 10 (default real)
  --buckets on|off|<scale> AWS's token buckets, or that many times as large (default off)
  --seed <number>          of faults by probability and of ids (default random)
  --zones <letters>        Availability Zones of each Region (default abc)
  --subnet <id=az>         a further subnet; may be repeated
  --hosted-zone <id=name>  a hosted zone; may be repeated (default ZSIMULATOR=sim.example.)
  --account <key=id>       the account, 12 digits, of an access key id; may be repeated
                           (default: one account for all keys)
  --delay <name=ms>        a delay; may be repeated. Names and defaults:
${delayList()}
  --help                   this text
`;

/** A mistake on the command line, told in one line. */
export class UsageError extends Error {}

/** The options, or `help` if that is asked for. @throws UsageError */
export function parseFlags(argv: readonly string[]): ServerOptions | "help" {
  const values = parse(argv);
  if (values.help) return "help";
  const delays = Object.fromEntries(
    pairs("--delay", values.delay ?? []).map(([name, ms]) => [
      delayName(name),
      number("--delay", ms, 0, 2 ** 40),
    ]),
  );
  return {
    port: number("--port", values.port ?? "4566", 0, 65_535),
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values.clock === undefined ? {} : { clock: clock(values.clock) }),
    ...(values.buckets === undefined ? {} : { buckets: buckets(values.buckets) }),
    ...(values.seed === undefined ? {} : { seed: number("--seed", values.seed, 0, 2 ** 32 - 1) }),
    ...(values.zones === undefined ? {} : { zones: zones(values.zones) }),
    ...(values.subnet === undefined ? {} : { subnets: Object.fromEntries(pairs("--subnet", values.subnet)) }),
    ...(values["hosted-zone"] === undefined
      ? {}
      : { hostedZones: Object.fromEntries(pairs("--hosted-zone", values["hosted-zone"])) }),
    ...(values.account === undefined ? {} : { accounts: accounts(values.account) }),
    delays,
  };
}

function parse(argv: readonly string[]) {
  const text = { type: "string" } as const;
  const many = { type: "string", multiple: true } as const;
  try {
    return parseArgs({
      args: [...argv],
      options: {
        port: text,
        host: text,
        clock: text,
        buckets: text,
        seed: text,
        zones: text,
        subnet: many,
        "hosted-zone": many,
        account: many,
        delay: many,
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message.split(". ")[0]);
  }
}

function number(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value) || value < min || value > max)
    throw new UsageError(`${flag} must be a whole number from ${min} to ${max}, not "${text}"`);
  return value;
}

function clock(text: string): "real" | "virtual" | { speed: number } {
  if (text === "real" || text === "virtual") return text;
  return { speed: factor("--clock", text, "real, virtual or a factor above 0") };
}

function buckets(text: string): boolean | { scale: number } {
  if (text === "on" || text === "off") return text === "on";
  return { scale: factor("--buckets", text, "on, off or a factor above 0") };
}

function factor(flag: string, text: string, expectation: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0)
    throw new UsageError(`${flag} must be ${expectation}, not "${text}"`);
  return value;
}

function zones(text: string): string[] {
  const letters = [...new Set(text)];
  if (!/^[a-p]+$/.test(text)) throw new UsageError(`--zones must be letters from a to p, not "${text}"`);
  return letters;
}

function pairs(flag: string, texts: readonly string[]): [string, string][] {
  return texts.map((text) => {
    const [, name, value] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (name === undefined || value === undefined)
      throw new UsageError(`${flag} must be name=value, not "${text}"`);
    return [name, value];
  });
}

function accounts(texts: readonly string[]): Record<string, string> {
  const given = pairs("--account", texts);
  const wrong = given.find(([, id]) => !/^\d{12}$/.test(id));
  if (wrong !== undefined) throw new UsageError(`--account must be key=12 digits, not "${wrong.join("=")}"`);
  return Object.fromEntries(given);
}

function delayName(name: string): keyof Delays {
  if (Object.hasOwn(DEFAULT_DELAYS, name)) return name as keyof Delays;
  throw new UsageError(`--delay knows ${Object.keys(DEFAULT_DELAYS).join(", ")}, not "${name}"`);
}

function delayList(): string {
  return Object.entries(DEFAULT_DELAYS)
    .map(([name, ms]) => `                             ${name}=${String(ms)}`)
    .join("\n");
}
