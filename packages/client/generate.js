// Writes the types of the API from its own description, as the build does before it compiles.
import { mkdir, writeFile } from "node:fs/promises";
import { describeApi } from "@berth/api/description";
import openapiTS, { astToString } from "openapi-typescript";

const target = new URL("src/generated/openapi.ts", import.meta.url);
// A parameter that has a default may still be left out.
const types = await openapiTS(await describeApi(), { defaultNonNullable: false, alphabetize: true });
await mkdir(new URL(".", target), { recursive: true });
await writeFile(target, astToString(types));
