import { readFile } from "node:fs/promises";
import { EVENT_TYPES, EVENTS, newEvent, OPERATION_EVENTS, type NewEvent } from "@berth/core/domain/events";
import { EVENT_FIELDS } from "@berth/core/domain/event-fields";
import type { EventRule } from "@berth/core/domain/event-rule";
import { describe, expect, expectTypeOf, it } from "vitest";

const rules = (table: object, prefix = ""): [string, EventRule][] =>
  Object.entries(table as Record<string, EventRule>).map(([name, rule]) => [prefix + name, rule]);
const RULES = [...rules(EVENTS), ...rules(OPERATION_EVENTS, "workspace.<kind>.")];

const rowsOf = (page: string): string[][] =>
  page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );

describe("docs/events.md", () => {
  it("has a row for each type of event with its payload, and a row for each field", async () => {
    const rows = rowsOf(await readFile("docs/events.md", "utf8"));
    const types = RULES.map(([type, { when, always, atTimes, more }]) => {
      const fields = [...always.map((name) => `\`${name}\``), ...atTimes.map((name) => `\`${name}\`?`)];
      return [`\`${type}\``, when, [...fields, ...(more ? ["more"] : [])].join(", ")];
    });
    const fields = Object.entries(EVENT_FIELDS).map(([name, { words }]) => [`\`${name}\``, words]);
    expect(rows).toEqual([...types, ...fields]);
  });
});

describe("the table of events", () => {
  it("has a use for each of its fields", () => {
    const used = new Set(RULES.flatMap(([, { always, atTimes }]): string[] => [...always, ...atTimes]));
    expect(Object.keys(EVENT_FIELDS).filter((name) => !used.has(name))).toEqual([]);
  });

  it("names no type twice", () => {
    expect(new Set(EVENT_TYPES).size).toBe(EVENT_TYPES.length);
  });

  it("lets nothing be written that isn't in it", () => {
    expectTypeOf<"workspace.onlin">().not.toExtend<NewEvent["event_type"]>();
    // @ts-expect-error a payload without what its type always has
    newEvent("quota.removed", null, { label: "team:red" });
    // @ts-expect-error a value of another type
    newEvent("sweep.approved", null, { sweep: "dispatch", requested_by: "a", acts: "7" });
  });
});
