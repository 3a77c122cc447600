import { expect, it, onTestFinished } from "vitest";
import { SCENES } from "./scenes.js";
import { openStage } from "./stage.js";

it("one that was to stay for a moment, just when its data were to go, stays in its place with them (I8)", async () => {
  const stage = await openStage();
  onTestFinished(() => stage.close());
  const [id] = await SCENES.drain.make(stage, 1);
  const before = await stage.things();
  const mayMove = (yes: boolean) =>
    stage.pool.query("update workspaces set may_move = $2 where id = $1", [id, yes]);
  const { gate, backends } = stage.deps;
  let stopped = false;
  const recorded: string[] = [];
  const backend: typeof stage.backend = {
    ...stage.backend,
    async stop(ref, call) {
      const state = await stage.backend.stop(ref, call);
      stopped = true;
      // Its owner thinks better of it before its volume is given up, and again after that.
      await mayMove(false);
      return state;
    },
  };
  const counts = await stage.run("drain", {
    backends: new Map([...backends, ["process", backend]]),
    gate: {
      ...gate,
      async fenced(hold, work) {
        if (stopped && recorded.push(await volumeOf(id!)) === 5) await mayMove(true);
        return gate.fenced(hold, work);
      },
    },
  });
  expect(recorded, "what is said, that it is to end, its end, its data, where it goes").toEqual(
    Array.from({ length: 5 }, () => "present"),
  );
  expect(counts).toMatchObject({ changed: 1 });
  expect(await stage.workspace(id!)).toMatchObject({ place: "process" });
  expect(await stage.things()).toEqual(before.filter((thing) => thing.startsWith("vol-")));

  async function volumeOf(workspaceId: string): Promise<string> {
    const { rows } = await stage.pool.query<{ state: string }>(
      "select state from resources where workspace_id = $1 and kind = 'volume'",
      [workspaceId],
    );
    return rows[0]!.state;
  }
});
