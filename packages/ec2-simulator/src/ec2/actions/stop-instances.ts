import { AwsError } from "../../errors.js";
import { stopIfDryRun, type Action, type ActionContext } from "../action.js";
import { findInstances, requiredIds } from "../find.js";
import { forceStop, stop } from "../instance-lifecycle.js";
import type { Instance } from "../instance.js";
import { changeEach, presentChanges } from "../state-change.js";

export const stopInstances: Action = {
  accepts: ["DryRun", "Force", "InstanceId"],
  ignores: ["Hibernate", "SkipOsShutdown"],
  run(context) {
    const { world, region, request } = context;
    const force = request.boolean("Force") ?? false;
    const instances = findInstances(context, requiredIds(context, "InstanceId"));
    for (const instance of instances) checkStoppable(context, instance);
    stopIfDryRun(context);
    const changes = changeEach(
      context,
      instances,
      "stopping",
      (instance) => {
        if (instance.state === "stopping") forceStop(world, region, instance);
        else stop(world, region, instance, "user_stop");
      },
      ({ state }) => state === "stopped" || (state === "stopping" && !force),
    );
    return presentChanges(context, changes);
  },
};

function checkStoppable({ world }: ActionContext, { id, state, launch }: Instance): void {
  if (launch.spec.spot?.type === "one-time")
    throw new AwsError(
      "UnsupportedOperation",
      `You can't stop the Spot Instance '${id}' because it is associated with a one-time Spot Instance request. ` +
        "You can only stop Spot Instances associated with persistent Spot Instance requests.",
    );
  const refused =
    state === "terminated" ||
    state === "shutting-down" ||
    (state === "pending" && world.settings.stopPending === "refuse");
  if (refused)
    throw new AwsError(
      "IncorrectInstanceState",
      `The instance '${id}' is not in a state from which it can be stopped.`,
    );
}
