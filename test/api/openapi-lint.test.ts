import { readFile } from "node:fs/promises";
import { describeApi } from "@berth/api/description";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { beforeAll, expect, it } from "vitest";

/** Besides the recommended ones, all of them as errors. */
const RULES = {
  "component-name-unique": "error",
  "no-http-verbs-in-paths": "error",
  "no-invalid-media-type-examples": "error",
  "no-invalid-parameter-examples": "error",
  "no-invalid-schema-examples": "error",
  "no-path-trailing-slash": "error",
  "no-unused-components": "error",
  "operation-singular-tag": "error",
  "parameter-description": "error",
  "paths-kebab-case": "error",
  "tag-description": "error",
} as const;

/** Where a rule is broken, and why that is right. */
const EXCEPTIONS = [
  // An id is a UUID, which `bulk` isn't.
  { rule: "no-ambiguous-paths", at: "#/paths/~1operations~1bulk~1{id}" },
  // It looks at nothing of the request, so nothing can be wrong with it.
  { rule: "operation-4xx-response", at: "#/paths/~1health/get/responses" },
];

let description: object;
beforeAll(async () => {
  description = JSON.parse(JSON.stringify(await describeApi())) as object;
});

it("the API's description keeps the rules of its trade", async () => {
  const config = await createConfig({ extends: ["recommended-strict"], rules: RULES });
  const source = JSON.stringify(description);
  const found = await lintFromString({ source, config });
  const broken = found.map(({ ruleId, location }) => ({ rule: ruleId, at: location[0]?.pointer }));
  expect(broken).toEqual(EXCEPTIONS);
});

it("the description in the repository is that of the API: npm run openapi writes it", async () => {
  const kept = await readFile(new URL("../../docs/openapi.json", import.meta.url), "utf8");
  expect(JSON.parse(kept)).toEqual(description);
});
