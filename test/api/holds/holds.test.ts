import { describe, expect, it } from "vitest";
import { KEY } from "../api.js";
import type { Description } from "../fuzz/requests.js";
import type { Schema } from "../fuzz/schema.js";
import { send } from "../fuzz/send.js";
import { fuzzStage } from "../fuzz/stage.js";
import { type Body, worstBodies } from "./bodies.js";
import { heldMs } from "./hold.js";
import { LARGEST, fillLists } from "./largest.js";

/** How long one request may keep all others waiting, in ms. */
const MOST_MS = 50;
const SIZES = [256, 64, 16, 4, 2].map((kib) => kib * 1_024);
const ID = "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f";

const stage = fuzzStage();

interface Route {
  method: string;
  path: string;
  schema: Schema;
  example: unknown;
  parameters: { name: string; in: string }[];
}

async function routesOf(): Promise<{ routes: Route[]; description: Description }> {
  const description = (await stage.api.call("GET", "/docs/json")).body as Description;
  const routes = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, route]) => ({
      method: method.toUpperCase(),
      path,
      schema: route.requestBody?.content["application/json"]?.schema ?? {},
      example: exampleOf(route.requestBody?.content["application/json"]),
      parameters: route.parameters ?? [],
    })),
  );
  return { routes, description };
}

const ask = (method: string, path: string, text: string | null) =>
  send(stage.api, stage.agent, {
    operationId: "",
    method,
    path,
    headers: text === null ? {} : { "content-type": "application/json", authorization: `Bearer ${KEY}` },
    body: text === null ? null : Buffer.from(text),
  });

/** Those of the requests that hold the loop for too long, the worst first. */
async function slow(asked: readonly { name: string; call: () => Promise<unknown> }[]): Promise<string[]> {
  const found: [string, number][] = [];
  for (const { name, call } of asked) {
    const held = await heldMs(call, MOST_MS);
    if (held >= MOST_MS) found.push([name, held]);
  }
  return found
    .toSorted(([, one], [, other]) => other - one)
    .map(([name, held]) => `${name}: ${held.toFixed(0)} ms`);
}

describe("no request holds the event loop for more than 50 ms", () => {
  it(
    "with the largest body that its route takes, in every shape that is no valid one",
    { timeout: 600_000 },
    async () => {
      const { routes, description } = await routesOf();
      const writes = routes.filter(({ method }) => method !== "GET");
      expect(writes.length).toBeGreaterThan(25);
      const asked = [];
      for (const { method, path, schema } of writes) {
        const url = path.replaceAll(/\{\w+\}/g, ID);
        const size = await limitOf(method, url);
        for (const { name, text } of worstBodies(schema, description, size))
          asked.push({ name: `${method} ${path} ${name}`, call: () => ask(method, url, text) });
      }
      expect(await slow(asked)).toEqual([]);
    },
  );

  it("with the largest valid body", { timeout: 120_000 }, async () => {
    const { routes } = await routesOf();
    const { body: made } = await stage.api.call("POST", "/workspaces", {
      body: { name: "held", backend: "external", spec: {} },
    });
    const asked = routes
      .filter(({ method }) => method !== "GET")
      .flatMap(({ method, path, example }) => {
        const bodies = LARGEST[`${method} ${path}`]?.(made.id as string);
        const usual: Body[] = [{ name: "as in its example", text: JSON.stringify(example ?? {}) }];
        return (bodies ?? usual).map(({ name, text }) => ({
          name: `${method} ${path} ${name}`,
          isLarge: bodies !== undefined,
          call: () => ask(method, path.replaceAll(/\{\w+\}/g, made.id as string), text),
        }));
      });
    expect(asked.filter(({ isLarge }) => isLarge)).toHaveLength(10);
    for (const { name, isLarge, call } of asked)
      if (isLarge) expect([400, 413], name).not.toContain((await call()).status);
    expect(await slow(asked)).toEqual([]);
  });

  it("with the longest parameters", { timeout: 300_000 }, async () => {
    const { routes } = await routesOf();
    const long = 12_000;
    const values = [
      "x".repeat(long),
      "a-".repeat(long / 2),
      "%20".repeat(long / 3),
      "e" + "%CC%81".repeat(long / 6),
      "0,".repeat(long / 2),
    ];
    const asked = routes.flatMap(({ method, path, parameters }) =>
      parameters.flatMap(({ name, in: place }) =>
        values.flatMap((value, n) => {
          if (place === "header") return [];
          const url = path.replaceAll(/\{(\w+)\}/g, (_, one) => (one === name ? value : ID));
          const often = `${name}=a:b&`.repeat(long / (name.length + 5));
          const urls =
            place === "path" ? [url] : [`${url}?${name}=${value}`, ...(n === 0 ? [`${url}?${often}`] : [])];
          return urls.map((one) => ({
            name: `${method} ${path} ${name} ${n}`,
            call: () => ask(method, one, method === "GET" ? null : "{}"),
          }));
        }),
      ),
    );
    expect(await slow(asked)).toEqual([]);
  });

  it("with the largest page of each list", { timeout: 120_000 }, async () => {
    await fillLists(stage.api.pool);
    const { routes } = await routesOf();
    const lists = routes.filter(
      ({ method, parameters }) => method === "GET" && parameters.some(({ name }) => name === "limit"),
    );
    expect(lists.length).toBeGreaterThan(5);
    const asked = lists.flatMap(({ path }) => {
      const url = `${path.replaceAll(/\{\w+\}/g, ID)}?limit=1000`;
      const urls = path === "/workspaces" ? [url, `${url}&fields=spec`] : [url];
      return urls.map((one) => ({ name: one, call: () => ask("GET", one, null) }));
    });
    expect(await slow(asked)).toEqual([]);
  });
});

/** The largest body that a route takes. */
async function limitOf(method: string, url: string): Promise<number> {
  for (const size of SIZES) {
    // One that is too large may also end the connection before it has arrived.
    const answer = await ask(method, url, " ".repeat(size - 16)).catch(() => null);
    if (answer !== null && answer.status !== 413) return size;
  }
  throw new Error(`${method} ${url} takes no body`);
}

function exampleOf(media: { schema: Schema; example?: unknown } | undefined): unknown {
  return media?.example ?? media?.schema.examples?.[0];
}
