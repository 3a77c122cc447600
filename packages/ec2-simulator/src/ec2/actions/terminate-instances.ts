import { AwsError } from "../../errors.js";
import { stopIfDryRun, type Action } from "../action.js";
import { findInstances, requiredIds } from "../find.js";
import { terminate } from "../instance-lifecycle.js";
import type { Instance } from "../instance.js";
import { changeEach, presentChanges } from "../state-change.js";

export const terminateInstances: Action = {
  accepts: ["DryRun", "InstanceId"],
  ignores: ["Force", "SkipOsShutdown"],
  run(context) {
    const { world, region } = context;
    const instances = findInstances(context, requiredIds(context, "InstanceId"));
    const refused = instances.filter((instance) => instance.protected && !isEnding(instance));
    if (refused.length === 0) stopIfDryRun(context);
    // A protected instance saves those in its own zone; those in other zones end although the call fails.
    const spared = new Set(refused.map(({ launch }) => launch.subnet.az));
    const doomed = instances.filter(({ launch }) => !spared.has(launch.subnet.az));
    const changes = context.request.boolean("DryRun")
      ? []
      : changeEach(
          context,
          doomed,
          "shutting-down",
          (instance) => terminate(world, region, instance, "user_terminate"),
          isEnding,
        );
    if (refused[0])
      throw new AwsError(
        "OperationNotPermitted",
        `The instance '${refused[0].id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
      );
    return presentChanges(context, changes);
  },
};

function isEnding({ state }: Instance): boolean {
  return state === "shutting-down" || state === "terminated";
}
