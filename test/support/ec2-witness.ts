import type { RunningSimulator } from "berth-ec2-simulator/server";
import { expect } from "vitest";

type Simulator = RunningSimulator["sim"];

const WORKSPACE = "berth:workspace";

/** The ids of instances in any state but terminated, and of volumes. */
export function aliveOn(sim: Simulator): string[] {
  sim.world.schedule.settle();
  return sim
    .regions()
    .flatMap(({ instances, volumes }) => [
      ...[...instances.values()].filter(({ state }) => state !== "terminated"),
      ...volumes.values(),
    ])
    .map(({ id }) => id)
    .toSorted();
}

/** By the provider's own log, no instance of a workspace was made before the one before it was gone (I1). */
export function expectNoOverlap(sim: Simulator): void {
  sim.world.schedule.settle();
  const changes = sim.transitions();
  const lives = sim.regions().flatMap(({ instances }) =>
    [...instances.values()].map(({ id, tags }) => ({
      id,
      workspace: tags.get(WORKSPACE),
      made: changes.findIndex((change) => change.id === id && change.from === null),
      gone: changes.findIndex((change) => change.id === id && change.to === "terminated"),
    })),
  );
  expect(lives.filter(({ made, workspace }) => made === -1 || workspace === undefined)).toEqual([]);
  const overlapping = lives.filter((life) =>
    lives.some(
      (other) =>
        other.workspace === life.workspace &&
        other.made < life.made &&
        (other.gone === -1 || other.gone > life.made),
    ),
  );
  expect(overlapping, "I1: instances made beside an earlier one of their workspace").toEqual([]);
}

/** Which workers, by their keys, have launched instances of a workspace, the first one first. */
export function launchersOf(sim: Simulator, workspaceId: string): (string | null)[] {
  return sim.calls
    .list({ action: "RunInstances" })
    .filter(({ effect, params }) => effect !== "" && Object.values(params).includes(workspaceId))
    .map(({ key }) => key);
}
