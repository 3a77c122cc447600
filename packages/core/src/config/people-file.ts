import { SCOPES, type Scope } from "../domain/scope.js";
import { ConfigError } from "./config.js";
import { labelsOf, objectOf, textOfFile, unknownField, valueOf } from "./fields-file.js";

/** What is wrong with the file, all of it. */
export class PeopleFileError extends ConfigError {
  constructor(problems: readonly string[]) {
    super(problems.map((problem) => `BERTH_OIDC_FILE: ${problem}`));
    this.name = "PeopleFileError";
  }
}

/** What people of a group may do. */
export interface Group {
  readonly group: string;
  readonly scope: Scope;
  /** The labels of the only workspaces that there are for them; null: all. */
  readonly tenant: Readonly<Record<string, string>> | null;
}

/** How what the provider says of a person is read. */
export interface People {
  /** What is asked for: `openid` and others, with spaces between them. */
  readonly scopes: string;
  /** The claim that has a person's name, and the one that has the groups. */
  readonly nameClaim: string;
  readonly groupsClaim: string;
  /** Of a person in several of them the first counts. */
  readonly groups: readonly Group[];
}

const FIELDS = ["scopes", "name_claim", "groups_claim", "groups"];

/** Reads who may log in by a provider of OpenID Connect. @throws PeopleFileError */
export function readPeopleFile(file: string): People {
  return parsePeople(textOfFile(file, PeopleFileError));
}

/** @throws PeopleFileError with every problem, by the path of its field. */
export function parsePeople(source: string): People {
  const problems: string[] = [];
  const root = objectOf(valueOf(source, PeopleFileError), "the file", problems);
  for (const key of Object.keys(root))
    if (!FIELDS.includes(key)) problems.push(unknownField(key, key, FIELDS));
  const text = (key: string, fallback: string): string => {
    const value = root[key] ?? fallback;
    if (typeof value === "string" && value !== "") return value;
    problems.push(`${key}: got ${JSON.stringify(value)}, expected a text`);
    return fallback;
  };
  const scopes = text("scopes", "openid email profile");
  if (!scopes.split(" ").includes("openid")) problems.push("scopes: expected openid among them");
  const { groups } = root;
  const given = Array.isArray(groups) ? (groups as unknown[]) : [];
  if (given.length === 0) problems.push("groups: expected a list of groups, one at least");
  const people: People = {
    scopes,
    nameClaim: text("name_claim", "email"),
    groupsClaim: text("groups_claim", "groups"),
    groups: given.map((one, n) => readGroup(`groups[${n}]`, one, problems)),
  };
  if (problems.length > 0) throw new PeopleFileError(problems);
  return people;
}

function readGroup(at: string, given: unknown, problems: string[]): Group {
  const { group, scope, tenant, ...others } = objectOf(given, at, problems);
  for (const key of Object.keys(others))
    problems.push(unknownField(`${at}.${key}`, key, ["group", "scope", "tenant"]));
  if (typeof group !== "string" || group === "") problems.push(`${at}.group: expected the name of a group`);
  const known = SCOPES.find((one) => one === scope);
  if (known === undefined)
    problems.push(`${at}.scope: got ${JSON.stringify(scope)}, expected one of ${SCOPES.join(", ")}`);
  const labels = tenant === undefined || tenant === null ? null : labelsOf(`${at}.tenant`, tenant, problems);
  if (labels !== null && Object.keys(labels).length === 0)
    problems.push(`${at}.tenant: expected labels such as team: red`);
  if (labels !== null && known === "admin")
    problems.push(`${at}.scope: got "admin", expected viewer or operator for a tenant`);
  return { group: String(group), scope: known ?? "viewer", tenant: labels };
}
