import { AwsError, missingParameter } from "../../errors.js";
import type { XmlFields } from "../../xml/write.js";
import { stopIfDryRun, type Action } from "../action.js";
import { compileFilters, type FilterFields } from "../filters.js";
import { findLaunchTemplate } from "../launch-template.js";
import { cutPage, readPage } from "../pages.js";
import type { LaunchTemplate } from "../region.js";
import { presentTags, readTagSpecifications, Tags } from "../tags.js";

export const createLaunchTemplate: Action = {
  accepts: ["DryRun", "LaunchTemplateData", "LaunchTemplateName", "TagSpecification"],
  ignores: ["ClientToken", "Operator", "VersionDescription"],
  run(context) {
    const { request, region, world, now } = context;
    const name = request.required("LaunchTemplateName");
    const data = request.group("LaunchTemplateData");
    if (!data) throw missingParameter("LaunchTemplateData");
    if ([...region.launchTemplates.values()].some((template) => template.name === name))
      throw new AwsError(
        "InvalidLaunchTemplateName.AlreadyExistsException",
        "Launch template name already in use.",
      );
    const tags = readTagSpecifications(request, ["launch-template"]).get("launch-template");
    stopIfDryRun(context);
    const id = world.random.id("lt");
    const template = { id, name, createdAt: now, data: data.node, tags: new Tags(tags) };
    region.launchTemplates.set(id, template);
    context.effects.push(`created ${id}`);
    return { launchTemplate: present(template) };
  },
};

export const deleteLaunchTemplate: Action = {
  accepts: ["DryRun", "LaunchTemplateId", "LaunchTemplateName"],
  ignores: [],
  run(context) {
    const template = findLaunchTemplate(context.request, context.region);
    stopIfDryRun(context);
    context.region.launchTemplates.delete(template.id);
    context.effects.push(`deleted ${template.id}`);
    return { launchTemplate: present(template) };
  },
};

const FILTERS: FilterFields<LaunchTemplate> = {
  "launch-template-name": ({ name }) => name,
  "create-time": ({ createdAt }) => new Date(createdAt).toISOString(),
};

export const describeLaunchTemplates: Action = {
  accepts: ["DryRun", "Filter", "LaunchTemplateId", "LaunchTemplateName", "MaxResults", "NextToken"],
  ignores: ["IncludeManagedResources"],
  run(context) {
    const { request, region, name } = context;
    const all = [...region.launchTemplates.values()];
    const [ids, names] = [request.list("LaunchTemplateId"), request.list("LaunchTemplateName")];
    const unknown = names.find((one) => !all.some((template) => template.name === one));
    if (unknown !== undefined)
      throw new AwsError(
        "InvalidLaunchTemplateName.NotFoundException",
        `At least one of the launch templates specified in the request does not exist: ${unknown}`,
      );
    const missing = ids.find((id) => !region.launchTemplates.has(id));
    if (missing !== undefined)
      throw new AwsError("InvalidLaunchTemplateId.NotFound", `The template ${missing} does not exist.`);
    const pageRequest = readPage(request, name, "LaunchTemplateId");
    const filters = compileFilters(request, FILTERS);
    const wanted = all
      .map((template, index) => ({ ...template, seq: index + 1 }))
      .filter(
        (template) =>
          (ids.length === 0 || ids.includes(template.id)) &&
          (names.length === 0 || names.includes(template.name)) &&
          filters.matches(template),
      );
    const page = cutPage(wanted, pageRequest, name);
    stopIfDryRun(context);
    return { launchTemplates: page.things.map(present), nextToken: page.nextToken };
  },
};

function present(template: LaunchTemplate): XmlFields {
  return {
    launchTemplateId: template.id,
    launchTemplateName: template.name,
    createTime: new Date(template.createdAt),
    defaultVersionNumber: 1,
    latestVersionNumber: 1,
    tagSet: presentTags(template.tags),
  };
}
