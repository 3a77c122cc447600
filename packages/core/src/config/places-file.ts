import { parse, YAMLParseError } from "yaml";
import { BACKENDS, type BackendName } from "../domain/backend.js";
import { didYouMean } from "./did-you-mean.js";
import { integer, type Kind, matching, oneOf, path, textsOf, url } from "./kinds.js";

/** One place of the file, as it is written there; what is absent is as the settings of its backend say. */
export interface FilePlace {
  readonly name: string;
  readonly backend: BackendName;
  /** By the name of the field: text, a number, or a list of texts. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** What is wrong with the file, all of it. */
export class PlacesFileError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.name = "PlacesFileError";
    this.problems = problems;
  }
}

const text = matching(/^\S.*$/, "a text");
const texts = textsOf(/^[\w.-]+$/, "names");
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** How many may run there at first, and its share: an operator's later word (`PATCH`) holds. */
const COMMON: Fields = {
  backend: oneOf(BACKENDS),
  capacity: integer(0, 2 ** 31 - 1),
  weight: integer(1, 1000),
};
const OF_BACKEND: Readonly<Record<BackendName, Fields>> = {
  docker: {
    host: url("unix", "tcp", "http", "https", "ssh"),
    ca: path,
    cert: path,
    key: path,
    network: text,
  },
  ec2: {
    region: matching(/^[a-z]{2}(-[a-z]+)+-\d+$/, "a Region such as eu-west-1"),
    profile: text,
    role_arn: matching(/^arn:[\w-]+:iam::\d{12}:role\/\S+$/, "the ARN of a role"),
    endpoint: url("http", "https"),
    image: text,
    subnets: texts,
    security_groups: texts,
    instance_profile: text,
  },
  process: { data_dir: path },
  external: {},
};
type Fields = Readonly<Record<string, Kind<unknown>>>;

/**
 * Reads the text of a places file, YAML or JSON: `places`, each with its name as key.
 * @throws PlacesFileError with every problem, by the path of its field.
 */
export function parsePlacesFile(source: string): readonly FilePlace[] {
  const problems: string[] = [];
  const root = objectOf(read(source), "the file", problems);
  for (const key of Object.keys(root)) if (key !== "places") problems.push(unknown(key, key, ["places"]));
  const places = Object.entries(objectOf(root["places"], "places", problems)).map(([name, given]) =>
    readPlace(name, given, problems),
  );
  if (problems.length > 0) throw new PlacesFileError(problems);
  return places.filter((place) => place !== null);
}

function read(source: string): unknown {
  try {
    return parse(source);
  } catch (error) {
    if (error instanceof YAMLParseError) throw new PlacesFileError([error.message.split("\n")[0]!]);
    throw error;
  }
}

function readPlace(name: string, given: unknown, problems: string[]): FilePlace | null {
  const at = `places.${name}`;
  if (!NAME.test(name)) problems.push(`${at}: expected a name of a-z, 0-9 and -, of at most 63 letters`);
  const { labels = {}, ...rest } = objectOf(given, at, problems);
  const backend = BACKENDS.find((known) => known === rest["backend"]);
  if (backend === undefined) {
    problems.push(
      `${at}.backend: got ${JSON.stringify(rest["backend"])}, expected ${COMMON["backend"]!.expected}`,
    );
    return null;
  }
  const kinds: Fields = { ...COMMON, ...OF_BACKEND[backend] };
  const fields: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(rest)) {
    const kind = kinds[field];
    if (kind === undefined)
      problems.push(unknown(`${at}.${field}`, field, [...Object.keys(kinds), "labels"]));
    else if (field !== "backend") fields[field] = readField(`${at}.${field}`, kind, value, problems);
  }
  if ((fields["cert"] === undefined) !== (fields["key"] === undefined))
    problems.push(`${at}: one of cert and key is set, expected both or none`);
  return { name, backend, fields, labels: readLabels(`${at}.labels`, labels, problems) };
}

function readField(at: string, kind: Kind<unknown>, value: unknown, problems: string[]): unknown {
  const isText = (one: unknown): boolean => typeof one === "string" || typeof one === "number";
  const whole = Array.isArray(value) && value.every(isText) ? value.join(",") : value;
  const parsed = isText(whole) ? kind.parse(String(whole)) : undefined;
  if (parsed === undefined) problems.push(`${at}: got ${JSON.stringify(value)}, expected ${kind.expected}`);
  return parsed;
}

function readLabels(at: string, given: unknown, problems: string[]): Record<string, string> {
  const labels = Object.entries(objectOf(given, at, problems));
  for (const [name, value] of labels)
    if (typeof value !== "string")
      problems.push(`${at}.${name}: got ${JSON.stringify(value)}, expected a text`);
  return Object.fromEntries(labels) as Record<string, string>;
}

function objectOf(value: unknown, at: string, problems: string[]): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  problems.push(`${at}: expected fields with names`);
  return {};
}

function unknown(at: string, word: string, known: readonly string[]): string {
  const meant = didYouMean(word, known);
  return `${at} is no field: ${meant === null ? `expected one of ${known.join(", ")}` : `did you mean ${meant}?`}`;
}
