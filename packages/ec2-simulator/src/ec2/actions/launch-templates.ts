import { AwsError, missingParameter } from "../../errors.js";
import type { XmlFields } from "../../xml/write.js";
import { stopIfDryRun, type Action } from "../action.js";
import { findLaunchTemplate } from "../launch-template.js";
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
