import { createClient, type ListedWorkspace, type Operation, type StructureEvent } from "@berth/client";
import { expectTypeOf, it } from "vitest";

const berth = createClient({ url: "http://nowhere", key: "none" });
const id = "0d9f6f2e-3a5b-4c1d-9e8f-7a6b5c4d3e2f";
const one = { params: { path: { id } } };

it("gives each route's answer its type", () => {
  const answers = async () => ({
    created: await berth.POST("/workspaces", { body: { name: "x", spec: {} } }),
    paused: await berth.POST("/workspaces/{id}/pause", one),
    listed: await berth.GET("/workspaces"),
    metrics: await berth.GET("/metrics", { parseAs: "text" }),
    event: await berth.rows("/events")[Symbol.asyncIterator]().next(),
  });
  type Answers = Awaited<ReturnType<typeof answers>>;
  expectTypeOf<Answers["created"]["data"]["token"]>().toEqualTypeOf<string | undefined>();
  expectTypeOf<Answers["created"]["data"]["operation"]["kind"]>().toEqualTypeOf<Operation["kind"]>();
  expectTypeOf<Answers["paused"]["data"]["cascaded"]>().toBeNumber();
  expectTypeOf<Answers["listed"]["data"][number]>().toEqualTypeOf<ListedWorkspace>();
  expectTypeOf<Answers["listed"]["data"][number]["labels"]>().toEqualTypeOf<Record<string, string>>();
  expectTypeOf<Answers["metrics"]["data"]>().toBeString();
  expectTypeOf<Answers["event"]>().toEqualTypeOf<IteratorResult<StructureEvent, void>>();
});

it("refuses, when it is compiled, what the API would refuse", () => {
  const refused = async () => {
    // @ts-expect-error There is no such path.
    await berth.GET("/workspace");
    // @ts-expect-error It doesn't say which.
    await berth.GET("/workspaces/{id}");
    // @ts-expect-error It has no body.
    await berth.POST("/workspaces");
    // @ts-expect-error There is no such kind.
    await berth.POST("/operations/bulk", { body: { kind: "explode" } });
    // @ts-expect-error The path has no such method.
    await berth.PATCH("/workspaces");
    // @ts-expect-error There is no such status.
    berth.rows("/workspaces", { params: { query: { status: ["onlin"] } } });
    // @ts-expect-error The ledger of a workspace isn't answered in pages.
    berth.rows("/workspaces/{id}/resources", one);
    // @ts-expect-error There is no such option.
    await berth.GET("/workspaces", { query: {} });
  };
  expectTypeOf(refused).returns.resolves.toBeVoid();
});
