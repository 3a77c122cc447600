import type { TSchema } from "typebox";
import { expectedAt, fieldName, type FieldError } from "./fields.js";

interface Node {
  maxItems?: number;
  maxProperties?: number;
  properties?: Record<string, Node>;
  anyOf?: Node[];
}

/** Far more than any body of ours has. */
const MAX_FIELDS = 256;

/** The lists and records of a value that have more entries than their schema allows, by counting alone. */
export function tooMany(schema: TSchema, value: unknown): FieldError[] {
  const found: FieldError[] = [];
  const look = (node: Node, given: unknown, path: readonly string[]): void => {
    if (typeof given !== "object" || given === null) return;
    for (const inner of node.anyOf ?? []) look(inner, given, path);
    const count = Array.isArray(given) ? given.length : Object.keys(given).length;
    const most = Array.isArray(given) ? node.maxItems : (node.maxProperties ?? MAX_FIELDS);
    if (most !== undefined && count > most)
      found.push({ field: fieldName(path), expected: expectedAt(schema, path) });
    else
      for (const [name, property] of Object.entries(node.properties ?? {}))
        if (Object.hasOwn(given, name))
          look(property, (given as Record<string, unknown>)[name], [...path, name]);
  };
  look(schema as Node, value, []);
  return found;
}
