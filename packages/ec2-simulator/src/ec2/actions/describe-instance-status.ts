import { AwsError } from "../../errors.js";
import { XmlStream, type XmlFields } from "../../xml/write.js";
import { stopIfDryRun, type Action, type ActionContext } from "../action.js";
import { delayOf } from "../../world.js";
import type { Instance } from "../instance.js";
import { cutPage, readPage } from "../pages.js";
import { presentState } from "../present/instance.js";
import { selectInstances } from "./describe-instances.js";

const MAX_IDS = 100;

export const describeInstanceStatus: Action = {
  accepts: ["DryRun", "Filter", "IncludeAllInstances", "InstanceId", "MaxResults", "NextToken"],
  ignores: ["IncludeManagedResources"],
  run(context) {
    const { request, name } = context;
    const ids = request.list("InstanceId");
    if (ids.length > MAX_IDS)
      throw new AwsError("InvalidParameterValue", `The request may name at most ${MAX_IDS} instances.`);
    const all = request.boolean("IncludeAllInstances") ?? false;
    const pageRequest = readPage(request, name, "InstanceId");
    const selected = selectInstances(context, (instance) => !all && instance.state !== "running");
    const page = cutPage(selected, pageRequest, name);
    stopIfDryRun(context);
    return {
      instanceStatusSet: new XmlStream(page.things.map((instance) => present(context, instance))),
      nextToken: page.nextToken,
    };
  },
};

function present({ world, region, now }: ActionContext, instance: Instance): XmlFields {
  const zone = region.network.zones.find(({ name }) => name === instance.launch.subnet.az);
  const checks = summarise(instance, now >= instance.runningSince + delayOf(world, "statusChecks"));
  return {
    instanceId: instance.id,
    availabilityZone: instance.launch.subnet.az,
    availabilityZoneId: zone?.id,
    instanceState: presentState(instance.state, world.settings.stateCodeHighByte),
    systemStatus: checks,
    instanceStatus: checks,
  };
}

function summarise(instance: Instance, checked: boolean): XmlFields {
  if (instance.state !== "running") return { status: "not-applicable" };
  return checked
    ? { status: "ok", details: [{ name: "reachability", status: "passed" }] }
    : { status: "initializing", details: [{ name: "reachability", status: "initializing" }] };
}
