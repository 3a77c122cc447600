// Writes the types of the API, and the words that its fields may hold, from its own description, as the build does before it
// compiles.
import { mkdir, writeFile } from "node:fs/promises";
import { describeApi } from "@berth/api/description";
import openapiTS, { astToString } from "openapi-typescript";

const target = new URL("src/generated/", import.meta.url);
const description = await describeApi();
// A parameter that has a default may still be left out.
const types = await openapiTS(description, { defaultNonNullable: false, alphabetize: true });
const { Workspace: workspace, Operation: operation } = description.components.schemas;
const bulk = description.paths["/operations/bulk"].post.requestBody.content["application/json"].schema;
const words = {
  BACKENDS: workspace.properties.backend.enum,
  STATUSES: workspace.properties.status.enum,
  OPERATION_KINDS: operation.properties.kind.enum,
  OPERATION_STATES: operation.properties.state.enum,
  BULK_KINDS: bulk.properties.kind.enum,
};
const lists = Object.entries(words).map(
  ([name, list]) => `export const ${name} = ${JSON.stringify(list)} as const;\n`,
);

await mkdir(target, { recursive: true });
await writeFile(new URL("openapi.ts", target), astToString(types));
await writeFile(new URL("words.ts", target), lists.join(""));
