import { InvalidArgumentError } from "commander";
import { JSONPath } from "jsonpath-plus";
import { stringify } from "yaml";

const KINDS = ["wide", "name", "json", "yaml"] as const;

/** How an answer is wanted; null: as a table. A path picks values of the JSON. */
export type Form = (typeof KINDS)[number] | { path: string } | null;

/** Of `-o`: one of the words, or `jsonpath={.field}` as kubectl has it. */
export function form(text: string): Form {
  const kind = KINDS.find((one) => one === text);
  if (kind !== undefined) return kind;
  const [, path] = /^jsonpath=\{?(.+?)\}?$/.exec(text) ?? [];
  if (path !== undefined) return { path: path.startsWith("$") ? path : `$${path}` };
  throw new InvalidArgumentError(`Expected ${KINDS.join(", ")} or jsonpath={.field}.`);
}

/** True of what programs read: all of the answer, and not a table of some of it. */
export function isData(wanted: Form): boolean {
  return wanted !== null && wanted !== "wide";
}

/** An answer of the API in the form that is wanted. @throws InvalidArgumentError for a path that is none */
export function formed(wanted: Form, value: unknown): string {
  if (wanted === "yaml") return stringify(value).trimEnd();
  if (wanted === "name") return [value].flat().map(nameOf).join("\n");
  if (wanted === null || typeof wanted === "string") return JSON.stringify(value, null, 2);
  try {
    // `eval: false`: what stands in a path's filter isn't run.
    const found: unknown[] = JSONPath({ path: wanted.path, json: value as object, eval: false, wrap: true });
    return found.map((one) => (typeof one === "string" ? one : JSON.stringify(one))).join("\n");
  } catch (error) {
    throw new InvalidArgumentError(`-o jsonpath: ${(error as Error).message}`);
  }
}

/** What a command takes for it: its name, or else its id. */
function nameOf(one: unknown): string {
  const { name, id } = one as { name?: string; id?: string };
  return name ?? id ?? "";
}
