import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { command, startStage, type Stage } from "./berth.js";

let stage: Stage;
let ids: string[];
beforeAll(async () => {
  stage = await startStage();
  ids = [];
  for (const name of ["alpha", "beta"])
    ids.push((await stage.api.create({ name, labels: { team: "a-team-with-a-long-name" } })).id as string);
  await vi.waitUntil(async () => {
    const { rowCount } = await stage.api.pool.query("select from operations where finished_at is null");
    return rowCount === 0;
  });
});
afterAll(() => stage.close());

describe("-o", () => {
  it("gives names, JSON, YAML, or the values at a path, each for programs", async () => {
    const { stdout: json } = await stage.berth("ls", "-o", "json");
    expect(JSON.parse(json)).toEqual(await stage.json("ls"));
    expect((await stage.berth("ls", "-o", "name")).stdout).toBe("alpha\nbeta\n");
    expect(parse((await stage.berth("get", "alpha", "-o", "yaml")).stdout)).toEqual(
      await stage.json("get", "alpha"),
    );
    expect((await stage.berth("ls", "-o", "jsonpath={[*].id}")).stdout).toBe(`${ids.join("\n")}\n`);
    expect((await stage.berth("get", "beta", "--output=jsonpath={.labels.team}")).stdout).toBe(
      "a-team-with-a-long-name\n",
    );
    expect(await stage.berth("ls", "-o", "xml")).toMatchObject({ code: 2, stdout: "" });
  });

  it("wide has every column, and --columns those that are named", async () => {
    expect((await stage.berth("ls", "-o", "wide")).stdout).toMatch(/^NAME .*BACKEND .*INSTANCE .*URL +ID\n/);
    expect((await stage.berth("ls", "--columns", "id,name")).stdout).toBe(
      `${"ID".padEnd(36)}  NAME\n${ids[0]}  alpha\n${ids[1]}  beta\n`,
    );
    expect(await stage.berth("ls", "--columns", "nmae")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("did you mean name?"),
    });
  });
});

describe("on a narrow terminal", () => {
  it("a table has no line that is wider: ids are their beginnings, and the widest columns are cut", async () => {
    const { stdout } = await command(["ls"], {
      env: { ...stage.env, NO_COLOR: "1" },
      tty: true,
      columns: 72,
    });
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(72);
    expect(lines[1]).toMatch(new RegExp(`^alpha .*… .* ${ids[0]!.slice(0, 8)}$`));
  });
});

describe("the beginning of an id", () => {
  it("means the one workspace whose id begins so, unless one has that name", async () => {
    expect(await stage.json("get", ids[1]!.slice(0, 8))).toMatchObject({ name: "beta" });
    expect(await stage.json("get", ids[1]!.slice(0, 15))).toMatchObject({ name: "beta" });
    await stage.api.create({ name: ids[0]!.slice(0, 6) });
    expect(await stage.json("get", ids[0]!.slice(0, 6))).toMatchObject({ name: ids[0]!.slice(0, 6) });
    expect(await stage.berth("get", "00000000")).toMatchObject({ code: 3 });
    const twin = ids[0]!.slice(0, 35) + (ids[0]!.endsWith("0") ? "1" : "0");
    await stage.api.pool.query(
      `insert into workspaces (id, name, backend, place, spec, labels, status, generation)
       select $2, 'twin', backend, place, spec, labels, 'paused', generation from workspaces where id = $1`,
      [ids[0], twin],
    );
    expect(await stage.berth("get", ids[0]!.slice(0, 8))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("2 workspaces begin with"),
    });
  });
});
