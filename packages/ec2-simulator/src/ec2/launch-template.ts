import { AwsError } from "../errors.js";
import { overlay } from "../query/parameters.js";
import { Reader } from "../query/reader.js";
import type { LaunchTemplate, Region } from "./region.js";

/** The request with the values of its launch template under its own. */
export function withLaunchTemplate(request: Reader, region: Region): Reader {
  const wanted = request.group("LaunchTemplate");
  if (!wanted) return request;
  const template = findLaunchTemplate(wanted, region);
  const version = wanted.string("Version") ?? "$Default";
  if (!["1", "$Latest", "$Default"].includes(version))
    throw new AwsError(
      "InvalidLaunchTemplateId.VersionNotFound",
      `Could not find the specified version ${version} for the launch template with ID ${template.id}.`,
    );
  return new Reader(overlay(request.node, template.data));
}

/** The template that `LaunchTemplateId` or `LaunchTemplateName` names. @throws AwsError if there is none. */
export function findLaunchTemplate(reader: Reader, region: Region): LaunchTemplate {
  const id = reader.string("LaunchTemplateId");
  const name = reader.string("LaunchTemplateName");
  if ((id === undefined) === (name === undefined))
    throw new AwsError(
      id === undefined ? "MissingParameter" : "InvalidParameterCombination",
      "The request must contain exactly one of LaunchTemplateId and LaunchTemplateName",
    );
  if (id !== undefined && !/^lt-[0-9a-f]{17}$/.test(id))
    throw new AwsError("InvalidLaunchTemplateId.Malformed", `Invalid id: "${id}"`);
  const found =
    id === undefined
      ? [...region.launchTemplates.values()].find((template) => template.name === name)
      : region.launchTemplates.get(id);
  if (found) return found;
  throw id === undefined
    ? new AwsError(
        "InvalidLaunchTemplateName.NotFoundException",
        `The specified launch template, with template name ${name}, does not exist.`,
      )
    : new AwsError(
        "InvalidLaunchTemplateId.NotFound",
        `The specified launch template, with template ID ${id}, does not exist.`,
      );
}
