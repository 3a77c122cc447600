import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FILE = fileURLToPath(new URL("../../openapi.json", import.meta.url));
const description = JSON.parse(readFileSync(FILE, "utf8"));

/** The groups of calls, in the description's order. */
export function tags() {
  return description.tags;
}

/** A group's calls as a page: what each takes and answers. */
export function pageOf(tag) {
  const calls = Object.entries(description.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([, call]) => call.tags?.includes(tag.name))
      .map(([method, call]) => callText(method, path, call)),
  );
  return [
    `# ${tag.name}`,
    tag.description ?? "",
    "Made from [the API's description](../docs/openapi.json) (OpenAPI 3.1).",
    ...calls,
  ].join("\n\n");
}

function callText(
  method,
  path,
  { summary, description: text = "", parameters = [], requestBody, responses },
) {
  const given = parameters.map((one) => parameterOf(one)).map((one) => ({ ...one, of: one.in }));
  const body = Object.values(requestBody?.content ?? {})[0]?.schema;
  const answers = Object.entries(responses).map(([status, answer]) => {
    const schema = Object.values(answer.content ?? {})[0]?.schema;
    return `| ${status} | ${cell(answer.description)} | ${schema === undefined ? "" : cell(typeOf(schema))} |`;
  });
  return [
    `## ${summary}`,
    `\`${method.toUpperCase()} ${path}\``,
    text,
    given.length === 0 ? "" : table(["parameter", "in", "type", "meaning"], given.map(parameterRow)),
    body === undefined ? "" : `The body:\n\n${table(["field", "type", "meaning"], fieldRows(body))}`,
    `| status | meaning | body |\n| --- | --- | --- |\n${answers.join("\n")}`,
  ].join("\n\n");
}

function parameterOf(one) {
  return one.$ref === undefined ? one : resolve(one);
}

function parameterRow({ name, of, required, schema, description: text }) {
  return [`\`${name}\`${required ? " (needed)" : ""}`, of, cell(typeOf(schema)), cell(meaning(schema, text))];
}

function fieldRows(schema) {
  const { properties = {}, required = [] } = resolve(schema);
  return Object.entries(properties).map(([name, field]) => [
    `\`${name}\`${required.includes(name) ? " (needed)" : ""}`,
    cell(typeOf(field)),
    cell(meaning(field, field.description)),
  ]);
}

function meaning(schema, text) {
  const expected = resolve(schema)["x-expected"];
  return [text, expected === undefined ? undefined : `Expected: ${expected}.`].filter(Boolean).join(" ");
}

function table(head, rows) {
  if (rows.length === 0) return "";
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** A type in a few words: what it is made of stands in the description itself. */
function typeOf(schema) {
  if (schema.$ref !== undefined) return schema.$ref.split("/").at(-1);
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${one}\``).join(", ");
  if (schema.const !== undefined) return `\`${schema.const}\``;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return [...new Set(choices.map((one) => typeOf(one)))].join(" or ");
  if (schema.type === "array") return `list of ${schema.items === undefined ? "any" : typeOf(schema.items)}`;
  return schema.format ?? [schema.type ?? "any"].flat().join(" or ");
}

function resolve(schema) {
  if (schema?.$ref === undefined) return schema ?? {};
  return schema.$ref
    .slice(2)
    .split("/")
    .reduce((at, key) => at[key], description);
}

function cell(text) {
  return String(text ?? "")
    .replaceAll("|", "\\|")
    .replaceAll("\n", " ");
}
