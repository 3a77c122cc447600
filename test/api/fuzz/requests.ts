import fc from "fast-check";
import { broken, nonsense, valid, type Resolve, type Schema } from "./schema.js";

export interface Description {
  paths: Record<string, Record<string, Route>>;
  components: { schemas: Record<string, Schema> };
}

interface Route {
  operationId: string;
  security?: object[];
  parameters?: { name: string; in: "path" | "query" | "header"; required?: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema; example?: unknown }> };
}

export interface FuzzRequest {
  operationId: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer | null;
}

/** The ids that a path may hold: live, so that what is made and gone meanwhile can be told. */
export type Known = (parameter: string, path: string) => readonly string[];

/** Requests to every route of the description; about half of them are broken somewhere. */
export function requests(description: Description, known: Known): fc.Arbitrary<FuzzRequest> {
  const resolve: Resolve = (reference) =>
    description.components.schemas[reference.replace("#/components/schemas/", "")]!;
  const routes = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, route]) =>
      requestTo(method.toUpperCase(), path, route, resolve, known),
    ),
  );
  return fc.oneof(...routes);
}

function requestTo(
  method: string,
  path: string,
  route: Route,
  resolve: Resolve,
  known: Known,
): fc.Arbitrary<FuzzRequest> {
  const parameters = route.parameters ?? [];
  const oneOf = (values: readonly string[]) => fc.nat().map((at) => values[at % values.length]!);
  const parts = parameters.map(({ name, in: place, required, schema }) => {
    const good =
      place === "path" && known(name, path).length > 0
        ? fc.oneof({ weight: 3, arbitrary: oneOf(known(name, path)) }, valid(schema, resolve))
        : valid(schema, resolve);
    const value = fc.oneof(
      { weight: 8, arbitrary: good },
      { weight: 1, arbitrary: place === "path" ? oddSegments : nonsense },
    );
    return (required ?? false) ? value : fc.option(value, { nil: undefined, freq: 2 });
  });
  const unknown = rarely(fc.tuple(fc.string({ minLength: 1, maxLength: 10 }), nonsense));
  const media = route.requestBody?.content["application/json"];
  return fc
    .tuple(fc.tuple(...parts), unknown, bodyOf(media, resolve), rarely(oddHeaders))
    .map(([values, extra, body, headers]) => {
      const query = new URLSearchParams();
      const sent: Record<string, string> = { ...body.headers };
      let target = path;
      for (const [index, { name, in: place }] of parameters.entries()) {
        const value = values[index];
        if (value === undefined) continue;
        if (place === "path") target = target.replace(`{${name}}`, segment(value));
        else if (place === "query")
          for (const one of Array.isArray(value) ? value : [value]) query.append(name, textOf(one));
        else sent[name] = headerText(value);
      }
      if (extra !== undefined) query.append(extra[0], textOf(extra[1]).slice(0, 1_000));
      const search = query.size === 0 ? "" : `?${query.toString().slice(0, 8_000)}`;
      // Nobody waits: there is no worker that could answer.
      if (parameters.some(({ name }) => name === "prefer")) sent["prefer"] = "wait=0";
      return {
        operationId: route.operationId,
        method,
        path: target + search,
        headers: { ...sent, ...headers },
        body: body.bytes,
      };
    });
}

function rarely<T>(odd: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: odd });
}

/** A path may hold anything but what ends it; what isn't a segment already is escaped, or is an escape itself. */
const oddSegments: fc.Arbitrary<unknown> = fc.constantFrom(
  "..",
  "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
  "%00",
  "%c0%ae",
  "%zz",
  "a%2Fb",
  "null",
  "0",
  "-1",
  "x".repeat(4_000),
  "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2g",
  "{}",
  "__proto__",
  "constructor",
  "1%20or%201=1",
);

function segment(value: unknown): string {
  const text = textOf(value);
  return /^[\w%.-]+$/.test(text) ? text : encodeURIComponent(Buffer.from(text).toString()) || "%20";
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function headerText(value: unknown): string {
  return textOf(value)
    .replaceAll(/[^\t\x20-\x7e]/g, "?")
    .slice(0, 4_000);
}

const oddHeaders: fc.Arbitrary<Record<string, string>> = fc.constantFrom<Record<string, string>>(
  { "content-type": "text/plain" },
  { "content-type": "application/xml" },
  { "content-type": "application/json; charset=utf-16" },
  { "content-type": ";" },
  { "if-match": 'W/"1"' },
  { "if-match": '"99999999999999999999"' },
  { "if-none-match": '"' },
  { "idempotency-key": " " },
  { "idempotency-key": "x".repeat(300) },
  { accept: "application/xml" },
  { "x-request-id": "a b" },
  { "last-event-id": "-1" },
  { "content-encoding": "gzip" },
  { expect: "200-ok" },
  { "transfer-encoding": "identity" },
);

function bodyOf(
  media: { schema: Schema; example?: unknown } | undefined,
  resolve: Resolve,
): fc.Arbitrary<{ bytes: Buffer | null; headers: Record<string, string> }> {
  const json = { "content-type": "application/json" };
  const none = fc.constant({ bytes: null, headers: {} });
  if (media === undefined)
    return fc.oneof(
      { weight: 8, arbitrary: none },
      { weight: 1, arbitrary: nonsense.map((value) => ({ bytes: bytesOf(value), headers: json })) },
    );
  const { schema, example } = media;
  const good =
    example === undefined
      ? valid(schema, resolve)
      : fc.oneof(
          { weight: 1, arbitrary: fc.constant(example) },
          { weight: 4, arbitrary: valid(schema, resolve) },
        );
  return fc.oneof(
    { weight: 12, arbitrary: good.map((value) => ({ bytes: bytesOf(value), headers: json })) },
    { weight: 6, arbitrary: broken(good).map((value) => ({ bytes: bytesOf(value), headers: json })) },
    { weight: 2, arbitrary: oddBytes.map((bytes) => ({ bytes, headers: json })) },
    { weight: 1, arbitrary: none },
  );
}

function bytesOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value) ?? "null");
}

const oddBytes: fc.Arbitrary<Buffer> = fc.constantFrom(
  Buffer.from("{"),
  Buffer.from('{"name":'),
  Buffer.from('{"name":"a","name":"b"}'),
  Buffer.from('{"__proto__":{"admin":true}}'),
  Buffer.from('{"constructor":{"prototype":{"admin":true}}}'),
  Buffer.from('{"name":"w","spec":{"command":["x"],"env":{"__proto__":"y"}}}'),
  Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]),
  Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]),
  Buffer.from("[".repeat(20_000)),
  Buffer.from(`${"[".repeat(20_000)}${"]".repeat(20_000)}`),
  Buffer.from(`${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`),
  Buffer.from(`{"name":${"9".repeat(5_000)}}`),
  Buffer.from('{"name":"\\u0000"}'),
  Buffer.from('{"name":"\\ud800","spec":{}}'),
  Buffer.from("NaN"),
  Buffer.from("undefined"),
  Buffer.from("\0\0\0\0"),
);
