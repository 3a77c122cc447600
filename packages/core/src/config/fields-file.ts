import { readFileSync } from "node:fs";
import { parse, YAMLParseError } from "yaml";
import { didYouMean } from "./did-you-mean.js";
import type { ConfigError } from "./config.js";

// What the files of settings with fields of their own (places, policy) share. Problems are gathered, by the path of a field.

/** The error of one kind of file, of all that is wrong with it. */
export type FileError = new (problems: readonly string[]) => ConfigError;

/** @throws what `Refused` makes, if it can't be read */
export function textOfFile(file: string, Refused: FileError): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Refused([`can't be read: ${(error as Error).message}`]);
  }
}

/** Of YAML or JSON. @throws what `Refused` makes, if it is neither */
export function valueOf(source: string, Refused: FileError): unknown {
  try {
    return parse(source);
  } catch (error) {
    if (error instanceof YAMLParseError) throw new Refused([error.message.split("\n")[0]!]);
    throw error;
  }
}

export function labelsOf(at: string, given: unknown, problems: string[]): Record<string, string> {
  const labels = objectOf(given, at, problems);
  for (const [name, value] of Object.entries(labels))
    if (typeof value !== "string")
      problems.push(`${at}.${name}: got ${JSON.stringify(value)}, expected a text`);
  return labels as Record<string, string>;
}

export function objectOf(value: unknown, at: string, problems: string[]): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  problems.push(`${at}: expected fields with names`);
  return {};
}

/** The problem of a field that there isn't. */
export function unknownField(at: string, word: string, known: readonly string[]): string {
  const meant = didYouMean(word, known);
  return `${at} is no field: ${meant === null ? `expected one of ${known.join(", ")}` : `did you mean ${meant}?`}`;
}
