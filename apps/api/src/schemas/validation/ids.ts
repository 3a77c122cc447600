import type { TSchema } from "typebox";

/** Gives the ids in a value their one spelling; what isn't an id stays as it came. */
export type Canonical = (value: unknown) => unknown;

interface Node {
  format?: string;
  properties?: Record<string, Node>;
  items?: Node;
  anyOf?: Node[];
  allOf?: Node[];
}

/**
 * Reads a schema once for where its ids are; null if it has none. To be used on what the schema has accepted.
 * PostgreSQL takes a UUID in capitals for the same as in small letters; whatever compares text, such as a wait or
 * a workspace's list of descendants, doesn't. So an id is in small letters from here on.
 */
export function canonicalIds(schema: TSchema): Canonical | null {
  return read(schema as Node);
}

function read(node: Node): Canonical | null {
  if (node.format === "uuid") return (value) => (typeof value === "string" ? value.toLowerCase() : value);
  const steps = [fields(node), items(node), ...[node.anyOf ?? [], node.allOf ?? []].flat().map(read)];
  const needed = steps.filter((step) => step !== null);
  return needed.length === 0 ? null : (value) => needed.reduce((now, step) => step(now), value);
}

function fields({ properties = {} }: Node): Canonical | null {
  const needed = Object.entries(properties).flatMap(([name, property]) => {
    const canonical = read(property);
    return canonical === null ? [] : [{ name, canonical }];
  });
  if (needed.length === 0) return null;
  return (value) => {
    if (typeof value !== "object" || value === null) return value;
    const fixed: Record<string, unknown> = { ...value };
    for (const { name, canonical } of needed)
      if (Object.hasOwn(value, name)) fixed[name] = canonical(fixed[name]);
    return fixed;
  };
}

function items({ items: item }: Node): Canonical | null {
  const canonical = item === undefined ? null : read(item);
  if (canonical === null) return null;
  return (value) => (Array.isArray(value) ? value.map(canonical) : value);
}
