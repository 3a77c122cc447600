import type { TSchema } from "typebox";
import type { TLocalizedValidationError } from "typebox/error";
import { EXPECTED } from "../expected.js";

export interface FieldError {
  field: string;
  expected: string;
}

/** One thing that a schema refused, in the form that Fastify hands on. */
export interface SchemaError {
  keyword: string;
  instancePath: string;
  schemaPath: string;
  params: Record<string, unknown>;
  message: string;
  fields: FieldError[];
}

interface Node {
  [EXPECTED]?: string;
  type?: string | string[];
  enum?: unknown[];
  properties?: Record<string, Node>;
  patternProperties?: Record<string, Node>;
  items?: Node;
  anyOf?: Node[];
}

/** The fields that one error of a schema is about, and what the schema expects of each. */
export function fieldsOf(schema: TSchema, error: TLocalizedValidationError): FieldError[] {
  const path = error.instancePath.split("/").slice(1).map(unescape);
  const about = (names: readonly string[]): FieldError => ({
    field: fieldName([...path, ...names]),
    expected: expectedAt(schema, [...path, ...names]),
  });
  if (error.keyword === "required") return error.params.requiredProperties.map((name) => about([name]));
  if (error.keyword === "additionalProperties")
    return error.params.additionalProperties.map((name) => about([name]));
  // Each false schema has an `additionalProperties` error of its own.
  if (error.keyword === "boolean") return [];
  return [about([])];
}

/** As one writes it: `spec.command[0]`; the whole is the `body`. */
export function fieldName(path: readonly string[]): string {
  if (path.length === 0) return "body";
  return path
    .map((name, at) => (/^\d+$/.test(name) && at > 0 ? `[${name}]` : at > 0 ? `.${name}` : name))
    .join("");
}

/** What a schema expects at a place, in words. */
export function expectedAt(schema: TSchema, path: readonly string[]): string {
  let node = schema as Node;
  for (const name of path) {
    const next = child(node, name);
    if (next === undefined) return unexpected(node, name);
    node = next;
  }
  return (
    node[EXPECTED] ??
    (node.enum ? `one of ${node.enum.join(", ")}` : `a value of type ${[node.type].flat().join(" or ")}`)
  );
}

function child(node: Node, name: string): Node | undefined {
  const inner = [node, ...(node.anyOf ?? [])];
  for (const { properties, patternProperties, items } of inner) {
    if (properties && Object.hasOwn(properties, name)) return properties[name];
    const pattern = Object.keys(patternProperties ?? {}).find((one) => new RegExp(one, "u").test(name));
    if (pattern !== undefined) return patternProperties?.[pattern];
    if (items && /^\d+$/.test(name)) return items;
  }
  return undefined;
}

function unexpected(node: Node, name: string): string {
  if (node.patternProperties) return node[EXPECTED] ?? "another name";
  const known = Object.keys(node.properties ?? {});
  if (known.length === 0) return "no fields";
  const meant = known.find(
    (one) => one.toLowerCase().replaceAll("_", "") === name.toLowerCase().replaceAll(/[_-]/g, ""),
  );
  return meant === undefined
    ? `no such field; the fields are ${known.join(", ")}`
    : `no such field; did you mean ${meant}?`;
}

function unescape(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}
