import { isIP } from "node:net";
import { resolve } from "node:path";
import { parseDatabaseUrl } from "./database-address.js";
import { parseRedisUrl, REDIS_URL_FORMS } from "./redis-address.js";

/** A kind of value: how it is read from text, and what to tell whoever wrote another. */
export interface Kind<T> {
  /** Completes "expected …". */
  expected: string;
  /** Undefined if the text is none of this kind. */
  parse(text: string): T | undefined;
}

const MAX_TIMER_MS = 2 ** 31 - 1;

export function integer(min: number, max: number, unit = ""): Kind<number> {
  return {
    expected: `a whole number${unit} from ${min} to ${max}`,
    parse: (text) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

/** Milliseconds, as far as a timer of Node goes (24 days). */
export function milliseconds(min = 1): Kind<number> {
  return integer(min, MAX_TIMER_MS, " of milliseconds");
}

export function oneOf<const T extends string>(values: readonly T[]): Kind<T> {
  return { expected: `one of ${values.join(", ")}`, parse: (text) => values.find((value) => value === text) };
}

export function listOf<const T extends string>(values: readonly T[]): Kind<readonly T[]> {
  return {
    expected: `a comma-separated list of ${values.join(", ")}`,
    parse: (text) => {
      const given = text.split(",").map((item) => values.find((value) => value === item.trim()));
      return given.every((item) => item !== undefined) ? Object.freeze([...new Set(given)]) : undefined;
    },
  };
}

export function matching(pattern: RegExp, expected: string): Kind<string> {
  return { expected, parse: (text) => (pattern.test(text) ? text : undefined) };
}

/** Comma-separated texts of one pattern. */
export function textsOf(pattern: RegExp, expected: string): Kind<readonly string[]> {
  return {
    expected: `a comma-separated list of ${expected}`,
    parse: (text) => {
      const given = text.split(",").map((item) => item.trim());
      return given.every((item) => pattern.test(item)) ? Object.freeze([...new Set(given)]) : undefined;
    },
  };
}

/** A URL, without the slash at its end, so that a path can be appended. */
export function url(...schemes: readonly string[]): Kind<string> {
  return {
    expected: `a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`,
    parse: (text) =>
      schemes.some((scheme) => text.startsWith(`${scheme}://`)) && URL.canParse(text)
        ? text.replace(/\/+$/, "")
        : undefined,
  };
}

export const databaseUrl: Kind<string> = {
  expected: "a URL that starts with postgres:// or postgresql://, with one host or several (a,b,c)",
  parse: (text) => (parseDatabaseUrl(text) === null ? undefined : text.replace(/\/+$/, "")),
};

export const redisUrl: Kind<string> = {
  expected: `a URL such as ${REDIS_URL_FORMS}`,
  parse: (text) => (parseRedisUrl(text) === null ? undefined : text.replace(/\/+$/, "")),
};

/** Addresses and networks such as `10.0.0.0/8`, comma-separated. */
export const networks: Kind<readonly string[]> = {
  expected: "a comma-separated list of addresses and networks such as 10.0.0.0/8",
  parse: (text) => {
    const given = text.split(",").map((item) => item.trim());
    const isNetwork = (item: string): boolean => {
      const [, address = "", bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(item) ?? [];
      const version = isIP(address);
      return version !== 0 && (bits === undefined || Number(bits) <= (version === 4 ? 32 : 128));
    };
    return given.every(isNetwork) ? Object.freeze([...new Set(given)]) : undefined;
  },
};

export const path: Kind<string> = { expected: "a path", parse: (text) => resolve(text) };

/** Where a worker kills itself, for tests of crashes. */
export interface Fault {
  kind: string;
  step: string;
  when: "before" | "after";
}

export const fault: Kind<Fault> = {
  expected: "<kind>/<step>/<before|after>",
  parse: (text) => {
    const [, kind, step, when] = /^([a-z_]+)\/([a-z_]+)\/(before|after)$/.exec(text) ?? [];
    return kind && step && when ? Object.freeze({ kind, step, when: when as Fault["when"] }) : undefined;
  },
};
