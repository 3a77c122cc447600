import { readFileSync } from "node:fs";
import { BACKENDS, type BackendName } from "../domain/backend.js";
import { PLACE_NAME } from "../domain/place.js";
import { ConfigError } from "./config.js";
import { labelsOf, objectOf, textOfFile, unknownField, valueOf } from "./fields-file.js";
import { ec2Text, ec2Texts } from "./keys.js";
import { integer, type Kind, matching, oneOf, path, url } from "./kinds.js";

/** What a place of the file says of how its backend reaches it; what is absent is as the settings of the backend say. */
export interface PlaceFields {
  readonly host?: string;
  readonly ssh_config?: string;
  /** The text of the files that are named there. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly network?: string;
  readonly region?: string;
  readonly profile?: string;
  readonly endpoint?: string;
  readonly image?: string;
  readonly subnets?: readonly string[];
  readonly security_groups?: readonly string[];
  readonly instance_profile?: string;
  readonly data_dir?: string;
}

/** One place of the file. */
export interface FilePlace {
  readonly name: string;
  readonly backend: BackendName;
  readonly fields: PlaceFields;
  /** What holds from the day that the place is first known, until an operator says otherwise. */
  readonly first: {
    readonly capacity: number | undefined;
    readonly weight: number | undefined;
    readonly labels: Readonly<Record<string, string>>;
  };
}

/** What is wrong with the file, all of it. */
export class PlacesFileError extends ConfigError {
  constructor(problems: readonly string[]) {
    super(problems.map((problem) => `BERTH_PLACES_FILE: ${problem}`));
    this.name = "PlacesFileError";
  }
}

const text = matching(/^\S.*$/, "a text");
const pem: Kind<string> = { expected: "the path of a PEM file that can be read", parse: readPem };
const NAME = new RegExp(PLACE_NAME.pattern);

const COMMON: Fields = {
  capacity: integer(0, 2 ** 31 - 1),
  weight: integer(1, 1000),
};
const OF_BACKEND: Readonly<Record<BackendName, Fields>> = {
  docker: {
    host: url("unix", "tcp", "http", "https", "ssh"),
    ssh_config: path,
    ca: pem,
    cert: pem,
    key: pem,
    network: text,
  },
  ec2: {
    region: matching(/^[a-z]{2}(-[a-z]+)+-\d+$/, "a Region such as eu-west-1"),
    profile: text,
    endpoint: url("http", "https"),
    image: ec2Text("image_id"),
    subnets: ec2Texts("subnet_id", "subnets"),
    security_groups: ec2Texts("security_group_id", "security groups"),
    instance_profile: ec2Text("instance_profile"),
  },
  process: { data_dir: path },
  external: {},
};
type Fields = Readonly<Record<string, Kind<unknown>>>;

/**
 * Reads a places file, and the files of certificates that it names.
 * @throws PlacesFileError
 */
export function readPlacesFile(file: string): readonly FilePlace[] {
  return parsePlacesFile(textOfFile(file, PlacesFileError));
}

/**
 * Reads the text of a places file, YAML or JSON: `places`, each with its name as key.
 * @throws PlacesFileError with every problem, by the path of its field.
 */
export function parsePlacesFile(source: string): readonly FilePlace[] {
  const problems: string[] = [];
  const root = objectOf(valueOf(source, PlacesFileError), "the file", problems);
  for (const key of Object.keys(root))
    if (key !== "places") problems.push(unknownField(key, key, ["places"]));
  const given = Object.entries(objectOf(root["places"], "places", problems));
  const places = given.map(([name, place]) => readPlace(name, place, problems));
  // A file that is cut short, say, is no wish to serve nothing.
  if (given.length === 0 && problems.length === 0) problems.push("places: is empty, expected at least one");
  if (problems.length > 0) throw new PlacesFileError(problems);
  return places.filter((place) => place !== null);
}

function readPlace(name: string, given: unknown, problems: string[]): FilePlace | null {
  const at = `places.${name}`;
  if (!NAME.test(name)) problems.push(`${at}: expected a name of a-z, 0-9 and -, of at most 63 letters`);
  const { labels = {}, backend: wanted, ...rest } = objectOf(given, at, problems);
  const backend = BACKENDS.find((known) => known === wanted);
  if (backend === undefined) {
    const got = wanted === undefined ? "is missing" : `got ${JSON.stringify(wanted)}`;
    problems.push(`${at}.backend: ${got}, expected ${oneOf(BACKENDS).expected}`);
    return null;
  }
  // What names no place may go to the place that is named like its backend.
  if (BACKENDS.some((other) => other === name && other !== backend))
    problems.push(
      `${at}.backend: got "${backend}", expected ${name}: a place of that name is one of that backend`,
    );
  const kinds: Fields = { ...COMMON, ...OF_BACKEND[backend] };
  const fields: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(rest)) {
    const kind = kinds[field];
    if (kind === undefined)
      problems.push(unknownField(`${at}.${field}`, field, [...Object.keys(kinds), "backend", "labels"]));
    else fields[field] = readField(`${at}.${field}`, kind, value, problems);
  }
  if ((fields["cert"] === undefined) !== (fields["key"] === undefined))
    problems.push(`${at}: one of cert and key is set, expected both or none`);
  const { capacity, weight, ...reach } = fields as PlaceFields & { capacity?: number; weight?: number };
  const tls = [reach.ca, reach.cert, reach.key].some((one) => one !== undefined);
  if (tls && !/^(tcp|https):/.test(reach.host ?? ""))
    problems.push(`${at}.host: has certificates, expected tcp:// or https://`);
  if (reach.ssh_config !== undefined && reach.host?.startsWith("ssh:") !== true)
    problems.push(`${at}.host: has an ssh_config, expected ssh://`);
  const first = { capacity, weight, labels: labelsOf(`${at}.labels`, labels, problems) };
  return { name, backend, fields: reach, first };
}

function readPem(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function readField(at: string, kind: Kind<unknown>, value: unknown, problems: string[]): unknown {
  const isText = (one: unknown): boolean => typeof one === "string" || typeof one === "number";
  const whole = Array.isArray(value) && value.every(isText) ? value.join(",") : value;
  const parsed = isText(whole) ? kind.parse(String(whole)) : undefined;
  if (parsed === undefined) problems.push(`${at}: got ${JSON.stringify(value)}, expected ${kind.expected}`);
  return parsed;
}
