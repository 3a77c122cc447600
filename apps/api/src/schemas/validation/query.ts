import { IsArray, IsBoolean, IsEnum, IsInteger, IsObject, IsString, type TSchema } from "typebox";

/** A query with its numbers, booleans and lists read as the schema has them; the rest stays as it is. */
export function convertQuery(schema: TSchema, query: unknown): unknown {
  if (!IsObject(schema) || typeof query !== "object" || query === null) return query;
  const entries = Object.entries(query).map(([name, value]) => {
    const property: TSchema | undefined = schema.properties[name];
    return [name, property === undefined ? value : convert(property, value)];
  });
  return Object.fromEntries(entries);
}

function convert(schema: TSchema, value: unknown): unknown {
  // A comma is a part of a label's value, and of no word of a list of words.
  if (IsArray(schema))
    return [value].flat().flatMap((one) => (areWords(schema.items) ? String(one).split(",") : String(one)));
  if (IsInteger(schema) && typeof value === "string" && /^\d{1,15}$/.test(value)) return Number(value);
  if (IsBoolean(schema) && (value === "true" || value === "false")) return value === "true";
  return value;
}

/** Those of a list of words, and names: what a label with a comma in its value doesn't match. */
function areWords(items: TSchema): boolean {
  if (IsEnum(items)) return true;
  if (!IsString(items) || !("pattern" in items)) return false;
  return !new RegExp(String(items.pattern)).test("name:a,b");
}
