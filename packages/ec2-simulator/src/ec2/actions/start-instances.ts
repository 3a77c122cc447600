import { AwsError } from "../../errors.js";
import { callTarget, stopIfDryRun, type Action } from "../action.js";
import { checkCapacity } from "../capacity.js";
import { findInstances, requiredIds } from "../find.js";
import { start } from "../instance-lifecycle.js";
import { changeEach, presentChanges } from "../state-change.js";

export const startInstances: Action = {
  accepts: ["DryRun", "InstanceId"],
  ignores: ["AdditionalInfo"],
  run(context) {
    const { world, region } = context;
    const instances = findInstances(context, requiredIds(context, "InstanceId"));
    for (const { id, state } of instances)
      if (state !== "stopped" && state !== "running" && state !== "pending")
        throw new AwsError(
          "IncorrectInstanceState",
          `The instance '${id}' is not in a state from which it can be started.`,
        );
    stopIfDryRun(context);
    for (const { state, type, launch } of instances)
      if (state === "stopped") checkCapacity(world, callTarget(context), type, launch.subnet.az);
    const changes = changeEach(
      context,
      instances,
      "pending",
      (instance) => start(world, region, instance),
      ({ state }) => state !== "stopped",
    );
    return presentChanges(context, changes);
  },
};
