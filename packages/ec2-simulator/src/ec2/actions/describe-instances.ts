import { XmlStream } from "../../xml/write.js";
import { stopIfDryRun, type Action, type ActionContext } from "../action.js";
import { compileFilters } from "../filters.js";
import { findInstances, instanceIsVisible } from "../find.js";
import { instanceFilters } from "../instance-filters.js";
import type { Instance } from "../instance.js";
import { cutPage, readPage } from "../pages.js";
import { presentReservations } from "../present/reservations.js";

export const describeInstances: Action = {
  accepts: ["DryRun", "Filter", "InstanceId", "MaxResults", "NextToken"],
  ignores: ["IncludeManagedResources"],
  run(context) {
    const { region, request, name, world } = context;
    const pageRequest = readPage(request, name, "InstanceId");
    const page = cutPage(selectInstances(context), pageRequest, name);
    stopIfDryRun(context);
    const highByte = world.settings.stateCodeHighByte;
    return {
      reservationSet: new XmlStream(presentReservations(page.things, region, highByte)),
      nextToken: page.nextToken,
    };
  },
};

/**
 * The instances that ids and filters of the request select, in the order they were made.
 * @throws AwsError for an id that is malformed or unknown, and for a filter that isn't one.
 */
export function selectInstances(
  context: ActionContext,
  unless?: (instance: Instance) => boolean,
): Instance[] {
  const { region, request } = context;
  const filters = compileFilters(request, instanceFilters(region));
  const ids = request.list("InstanceId");
  if (ids.length > 0)
    return findInstances(context, ids)
      .filter((instance) => !unless?.(instance) && filters.matches(instance))
      .toSorted((a, b) => a.seq - b.seq);
  const fixed = filters.exact("instance-id");
  const candidates = fixed
    ? fixed.flatMap((id) => region.instances.get(id) ?? []).toSorted((a, b) => a.seq - b.seq)
    : region.instances.values();
  const selected: Instance[] = [];
  for (const instance of candidates)
    if (!unless?.(instance) && filters.matches(instance) && instanceIsVisible(context, instance))
      selected.push(instance);
  return selected;
}
