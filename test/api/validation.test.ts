import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KEY, PROCESS_SPEC, startTestApi, type TestApi } from "./api.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(null, { BERTH_BODY_LIMIT_BYTES: "200000" });
});
afterAll(() => api.close());

const spec = (extra: object) => ({ name: "w", spec: { ...PROCESS_SPEC, ...extra } });
const count = async () =>
  (await api.pool.query<{ n: number }>("select count(*)::int as n from workspaces")).rows[0]!.n;
const many = (n: number, value: unknown) =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`K${i}`, value]));

/** A body that is refused, with the field and a word of what was expected of it. */
const REFUSED: [why: string, body: unknown, field: string, expected: RegExp][] = [
  ["no object", [], "body", /a JSON object/],
  ["null", "null", "body", /a JSON object/],
  ["no name", { spec: PROCESS_SPEC }, "name", /1 to 128 characters/],
  ["no spec where one is needed", { name: "w" }, "spec.command", /a command, such as/],
  ["an empty name", { name: "", spec: PROCESS_SPEC }, "name", /1 to 128/],
  ["a name of spaces", { name: " \u00a0 ", spec: PROCESS_SPEC }, "name", /not only spaces/],
  ["a name too long", { name: "x".repeat(129), spec: PROCESS_SPEC }, "name", /1 to 128/],
  ["a long name of few graphemes", { name: "👨‍👩‍👧".repeat(40), spec: PROCESS_SPEC }, "name", /1 to 128/],
  ["a newline in a name", { name: "a\nb", spec: PROCESS_SPEC }, "name", /control characters/],
  ["a C1 control in a name", { name: "a\u009bb", spec: PROCESS_SPEC }, "name", /control characters/],
  ["a line separator in a name", { name: "a\u2028b", spec: PROCESS_SPEC }, "name", /control characters/],
  ["a NUL in a name", { name: "a\u0000b", spec: PROCESS_SPEC }, "name", /without NUL/],
  ["half a surrogate pair", { name: "a\ud800", spec: PROCESS_SPEC }, "name", /well-formed Unicode/],
  ["a name that is a number", { name: 7, spec: PROCESS_SPEC }, "name", /1 to 128/],
  [
    "an unknown field",
    { ...spec({}), color: "red" },
    "color",
    /no such field; the fields are name, parent_id/,
  ],
  ["a field misspelt", { ...spec({}), parentId: null }, "parent_id", /did you mean|UUID/],
  ["an unknown field of the spec", spec({ privileged: true }), "spec.privileged", /no such field/],
  ["a parent that is no UUID", { ...spec({}), parent_id: "1" }, "parent_id", /a UUID.*or null/],
  ["an unknown backend", { ...spec({}), backend: "ec3" }, "backend", /backends of this Berth: process/],
  [
    "a backend that isn't enabled",
    { ...spec({}), backend: "docker" },
    "backend",
    /backends of this Berth: process/,
  ],
  ["labels that are a list", { ...spec({}), labels: [] }, "labels", /at most 64 labels/],
  ["too many labels", { ...spec({}), labels: many(65, "x") }, "labels", /at most 64/],
  [
    "a label name that ends badly",
    { ...spec({}), labels: { "team-": "x" } },
    "labels.team-",
    /begin and end/,
  ],
  [
    "a label name too long",
    { ...spec({}), labels: { ["x".repeat(64)]: "x" } },
    `labels.${"x".repeat(64)}`,
    /63/,
  ],
  ["an empty label name", { ...spec({}), labels: { "": "x" } }, "labels.", /1 to 63/],
  [
    "a label with a control character",
    { ...spec({}), labels: { a: "x\u007f" } },
    "labels.a",
    /without control/,
  ],
  ["a label too long", { ...spec({}), labels: { a: "x".repeat(257) } }, "labels.a", /256/],
  ["a label that is a number", { ...spec({}), labels: { a: 1 } }, "labels.a", /text/],
  ["an image with a space", spec({ image: "debian 12" }), "spec.image", /container image/],
  ["an image in capitals", spec({ image: "Debian" }), "spec.image", /container image/],
  ["an image that is an option", spec({ image: "--privileged" }), "spec.image", /container image/],
  ["an image with a shell in it", spec({ image: "a;reboot" }), "spec.image", /container image/],
  ["an image too long", spec({ image: "a".repeat(256) }), "spec.image", /at most 255/],
  ["an image that makes a bad pattern slow", spec({ image: `${"a-".repeat(60_000)}!` }), "spec.image", /255/],
  ["an empty command", spec({ command: [] }), "spec.command", /1 to 256 arguments/],
  ["a command that is text", spec({ command: "sleep 60" }), "spec.command", /a list of/],
  ["too many arguments", spec({ command: Array.from({ length: 257 }, () => "x") }), "spec.command", /256/],
  ["an argument that is a number", spec({ command: ["sleep", 60] }), "spec.command[1]", /text/],
  ["an argument with NUL", spec({ command: ["a\u0000b"] }), "spec.command[0]", /without NUL/],
  ["an argument too long, in bytes", spec({ command: ["é".repeat(16_385)] }), "spec.command[0]", /32 KiB/],
  ["an env name with a dash", spec({ env: { "A-B": "x" } }), "spec.env.A-B", /names of A-Z/],
  ["an env name that starts with a digit", spec({ env: { "1A": "x" } }), "spec.env.1A", /no digit first/],
  ["an env name with =", spec({ env: { "A=B": "x" } }), "spec.env.A=B", /names of/],
  ["an env name of ours", spec({ env: { BERTH_TOKEN: "x" } }), "spec.env.BERTH_TOKEN", /not BERTH_/],
  ["an env name too long", spec({ env: { ["A".repeat(129)]: "x" } }), `spec.env.${"A".repeat(129)}`, /128/],
  ["an env value with NUL", spec({ env: { FOO: "a\u0000" } }), "spec.env.FOO", /without NUL/],
  ["an env value that is null", spec({ env: { FOO: null } }), "spec.env.FOO", /text of at most 32 KiB/],
  ["an env value too long", spec({ env: { FOO: "x".repeat(32_769) } }), "spec.env.FOO", /32 KiB/],
  ["too many env values", spec({ env: many(257, "x") }), "spec.env", /at most 256/],
  ["a tier that isn't", spec({ tier: 4 }), "spec.tier", /1, 2 or 3/],
  ["a tier as text: nothing is converted", spec({ tier: "1" }), "spec.tier", /1, 2 or 3/],
  ["too little memory", spec({ memory_mb: 5 }), "spec.memory_mb", /from 6/],
  ["half a MiB", spec({ memory_mb: 6.5 }), "spec.memory_mb", /whole number/],
  ["no CPU", spec({ cpus: 0 }), "spec.cpus", /from 0.01/],
  ["no processes", spec({ pids_limit: 0 }), "spec.pids_limit", /from 1/],
  ["EC2 settings for another backend", spec({ ec2: {} }), "spec.ec2", /nothing: it is for backend "ec2"/],
  ["an EC2 setting that isn't", spec({ ec2: { region: "eu" } }), "spec.ec2.region", /no such field/],
  ["an AMI that is none", spec({ ec2: { image_id: "ami-1" } }), "spec.ec2.image_id", /an AMI such as/],
  ["an empty list of subnets", spec({ ec2: { subnet_ids: [] } }), "spec.ec2.subnet_ids", /a list of 1 to 16/],
  [
    "a tag of AWS's own",
    spec({ ec2: { tags: { "aws:x": "y" } } }),
    "spec.ec2.tags.aws:x",
    /neither aws: nor berth:/,
  ],
  ["an unknown readiness", spec({ readiness: "soon" }), "spec.readiness", /one of agent, running/],
  ...["relative", "/", "/a/../b", "/a/..", "/./a", "/a//b", "/a/", "/a:b", "/a,b", "/a\nb", "", "//a"].map(
    (path): [string, unknown, string, RegExp] => [
      `the volume path ${JSON.stringify(path)}`,
      spec({ volume_path: path }),
      "spec.volume_path",
      /absolute path/,
    ],
  ),
  [
    "an end that has passed",
    { ...spec({}), expires_at: "2020-01-01T00:00:00Z" },
    "expires_at",
    /in the future/,
  ],
  [
    "an end without a zone",
    { ...spec({}), expires_at: "2126-01-01T00:00:00" },
    "expires_at",
    /with its zone/,
  ],
  ["an end on no day", { ...spec({}), expires_at: "2126-02-31T25:00:00Z" }, "expires_at", /with its zone/],
  [
    "an end on the 31st of February",
    { ...spec({}), expires_at: "2126-02-31T00:00:00Z" },
    "expires_at",
    /with its zone/,
  ],
  ["no idle minutes", { ...spec({}), hibernate_after_minutes: 0 }, "hibernate_after_minutes", /from 1/],
];

describe("POST /workspaces", () => {
  it.each(REFUSED)("refuses %s and names the field", async (_, body, field, expected) => {
    const before = await count();
    const answer = await api.call("POST", "/workspaces", { body });
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.body).toMatchObject({ code: "invalid_request", status: 400, retryable: false });
    const errors = answer.body.errors as { field: string; expected: string }[];
    const about = errors.find((error) => error.field === field);
    if (field !== "parent_id" || about !== undefined) {
      expect(about?.expected, JSON.stringify(errors)).toMatch(expected);
      expect(answer.body.detail).toContain("expected");
    }
    expect(await count()).toBe(before);
  });

  it("names every bad field at once, and none twice", async () => {
    const { body } = await api.call("POST", "/workspaces", {
      body: {
        nmae: "x",
        labels: { "-": 1 },
        spec: { env: { "1X": "y", OK: 3 }, tier: 9, command: ["a", 4] },
      },
    });
    expect(body.errors.map((error: { field: string }) => error.field).toSorted()).toEqual([
      "labels.-",
      "name",
      "nmae",
      "spec.command[1]",
      "spec.env.1X",
      "spec.env.OK",
      "spec.tier",
    ]);
  });

  it("tells what the backend needs", async () => {
    const { status, body } = await api.call("POST", "/workspaces", { body: { name: "w", spec: {} } });
    expect(status).toBe(400);
    expect(body.errors).toEqual([{ field: "spec.command", expected: expect.stringContaining("a command") }]);
  });

  it.each([
    ["a name of 128 emoji", { name: "🚢".repeat(128) }],
    [
      "an env key that is a property of every object",
      { spec: { ...PROCESS_SPEC, env: { constructor: { secretRef: { file: "x" } } } } },
    ],
    ["the longest argument", { spec: { command: ["x".repeat(32_768)] } }],
    ["a volume path with dots and spaces in it", { spec: { ...PROCESS_SPEC, volume_path: "/a/..b/c d/.e" } }],
    [
      "an image by digest, though the backend ignores it",
      { spec: { ...PROCESS_SPEC, image: `reg.local:5000/a/b_c:1.0@sha256:${"0".repeat(64)}` } },
    ],
    ["a label name with a dot and a slash", { labels: { "berth.dev/team": "ред" } }],
    [
      "a null parent and no hibernation",
      { parent_id: null, hibernate_after_minutes: null, expires_at: null },
    ],
  ])("takes %s as it is", async (_, extra) => {
    const sent = { name: "w", spec: PROCESS_SPEC, ...extra };
    const { status, body } = await api.call("POST", "/workspaces", { body: sent });
    expect(status).toBe(202);
    expect(body).toMatchObject(sent);
    expect((await api.call("GET", `/workspaces/${body.id}`)).body).toMatchObject(sent);
  });

  it("drops the spaces around a name", async () => {
    expect(await api.create({ name: "  echo " })).toMatchObject({ name: "echo" });
  });
});

/** Sends bytes as they are. */
function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: Buffer | string,
): Promise<{ status: number; type: string; body: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      api.url + path,
      { method, headers: { authorization: `Bearer ${KEY}`, ...headers } },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("end", () =>
          resolve({
            status: response.statusCode!,
            type: response.headers["content-type"] ?? "",
            body: JSON.parse(text),
          }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
const JSON_TYPE = { "content-type": "application/json" };

describe("a body that can't be read", () => {
  it.each([
    ["broken JSON", JSON_TYPE, "{", 400, "invalid_request", /not valid JSON/],
    ["no body", JSON_TYPE, "", 400, "invalid_request", /expected a JSON object/],
    ["no body and no type", {}, "", 400, "invalid_request", /expected a JSON object/],
    ["__proto__", JSON_TYPE, '{"__proto__": {}}', 400, "invalid_request", /__proto__/],
    [
      "an escaped __proto__",
      JSON_TYPE,
      String.raw`{"\u005f_proto__": {}}`,
      400,
      "invalid_request",
      /__proto__/,
    ],
    [
      "a prototype deep inside",
      JSON_TYPE,
      '{"a": {"constructor": {"prototype": 1}}}',
      400,
      "invalid_request",
      /prototype/,
    ],
    ["invalid UTF-8", JSON_TYPE, Buffer.from([0x22, 0xff, 0xfe, 0x22]), 400, "invalid_request", /UTF-8/],
    ["UTF-16", JSON_TYPE, Buffer.from("{}", "utf16le"), 400, "invalid_request", /JSON/],
    [
      "deep nesting",
      JSON_TYPE,
      "[".repeat(20_000) + "]".repeat(20_000),
      400,
      "invalid_request",
      /too much in it/,
    ],
    [
      "a form",
      { "content-type": "application/x-www-form-urlencoded" },
      "name=w",
      415,
      "unsupported_media_type",
      /./,
    ],
    ["text", { "content-type": "text/plain" }, "{}", 415, "unsupported_media_type", /./],
    ["a type that is none", { "content-type": "json" }, "{}", 415, "unsupported_media_type", /./],
    ["too much", JSON_TYPE, `"${"x".repeat(200_000)}"`, 413, "payload_too_large", /./],
  ])("is refused with a problem: %s", async (_, headers, body, status, code, detail) => {
    const answer = await send("POST", "/workspaces", headers, body);
    expect(answer).toMatchObject({ status, type: "application/problem+json", body: { code, status } });
    expect(answer.body["detail"]).toMatch(detail);
  });
});

describe("an id", () => {
  it.each([
    ["GET", "/workspaces/{}"],
    ["PATCH", "/workspaces/{}"],
    ["DELETE", "/workspaces/{}"],
    ["POST", "/workspaces/{}/restart"],
    ["GET", "/workspaces/{}/operations"],
    ["GET", "/workspaces/{}/resources"],
    ["GET", "/operations/{}"],
    ["GET", "/events/{}"],
  ])("of %s %s is checked before any query, and looked up after it", async (method, path) => {
    const body = method === "PATCH" ? { name: "x" } : undefined;
    for (const id of [
      "1",
      "undefined",
      "%00",
      "a".repeat(5_000),
      "'; drop table workspaces; --",
      "0d9f6f2e3a5b4c1d9e8f7a6b5c4d3e2f",
    ]) {
      const answer = await api.call(
        method,
        path.replace("{}", encodeURIComponent(id).replace("%2500", "%00")),
        { body },
      );
      expect(answer, id).toMatchObject({ status: 400, body: { code: "invalid_id" } });
    }
    const unknown = path.replace("{}", "00000000-0000-4000-8000-000000000000");
    const code = path.startsWith("/operations") ? "operation_not_found" : "workspace_not_found";
    expect(await api.call(method, unknown, { body })).toMatchObject({ status: 404, body: { code } });
  });
});

describe("a query", () => {
  it.each([
    ["/workspaces?limit=0", "limit"],
    ["/workspaces?limit=1001", "limit"],
    ["/workspaces?limit=1.5", "limit"],
    ["/workspaces?limit=ten", "limit"],
    ["/workspaces?limit=1&limit=2", "limit"],
    ["/workspaces?status=sleeping", "status[0]"],
    ["/workspaces?status=online,", "status[1]"],
    ["/workspaces?parent_id=1", "parent_id"],
    ["/workspaces?include_removed=yes", "include_removed"],
    ["/workspaces?include_removed", "include_removed"],
    ["/workspaces?after=zzz", "after"],
    [
      `/workspaces?after=${Buffer.from("2026-99-99T00:00:00.000Z 00000000-0000-4000-8000-000000000000").toString("base64url")}`,
      "after",
    ],
    ["/workspaces?colour=red", "colour"],
    ["/events?type=%00", "type[0]"],
    ["/events?type=a'b", "type[0]"],
    ["/events?type=workspace.online&type=workspace.onlin", "type[1]"],
    ["/events?after=-1", "after"],
    ["/events?after=99999999999999999999", "after"],
  ])("that is wrong is refused: %s", async (path, field) => {
    const answer = await api.call("GET", path);
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    expect(answer.body.errors.map((error: { field: string }) => error.field)).toContain(field);
  });

  it.each(["cascade=1", "purge=yes", "force=true"])(
    "of a delete that is wrong deletes nothing: %s",
    async (query) => {
      const { id } = await api.create();
      expect((await api.call("DELETE", `/workspaces/${id}?${query}`)).status).toBe(400);
      expect((await api.call("GET", `/workspaces/${id}`)).body.status).toBe("provisioning");
    },
  );
});
