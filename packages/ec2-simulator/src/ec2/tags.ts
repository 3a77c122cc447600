import { AwsError } from "../errors.js";
import type { Reader } from "../query/reader.js";
import type { XmlFields } from "../xml/write.js";

export type Tags = Map<string, string>;

const MOST_TAGS = 50;

/** The tags at `Tag.N`. @throws AwsError for a key that is reserved, too long or there twice. */
export function readTags(reader: Reader, name = "Tag"): Tags {
  const tags: Tags = new Map();
  for (const group of reader.groups(name)) {
    const key = group.required("Key");
    const value = group.text("Value") ?? "";
    if (key.toLowerCase().startsWith("aws:"))
      throw new AwsError(
        "InvalidParameterValue",
        "Tag keys starting with 'aws:' are reserved for internal use",
      );
    if (key.length > 128)
      throw new AwsError("InvalidParameterValue", `Tag key exceeds the maximum length of 128 characters`);
    if (value.length > 256)
      throw new AwsError("InvalidParameterValue", `Tag value exceeds the maximum length of 256 characters`);
    if (tags.has(key)) throw new AwsError("InvalidParameterValue", `Duplicate tag key '${key}' specified.`);
    tags.set(key, value);
  }
  checkCount(tags.size);
  return tags;
}

/** The tags of each resource type in `TagSpecification.N`. @throws AwsError for a type that isn't made here. */
export function readTagSpecifications(reader: Reader, types: readonly string[]): Map<string, Tags> {
  const specifications = new Map<string, Tags>();
  for (const group of reader.groups("TagSpecification")) {
    const type = group.required("ResourceType");
    if (!types.includes(type))
      throw new AwsError(
        "InvalidParameterValue",
        `'${type}' is not a valid taggable resource type for this operation.`,
      );
    if (specifications.has(type))
      throw new AwsError("InvalidParameterValue", `Duplicate resource type '${type}' in tag specifications.`);
    specifications.set(type, readTags(group));
  }
  return specifications;
}

/** @throws AwsError `TagLimitExceeded`, before anything is changed. */
export function checkRoom(tags: Tags, added: Tags): void {
  checkCount(new Set([...tags.keys(), ...added.keys()]).size);
}

export function presentTags(tags: Tags): XmlFields[] {
  return [...tags].map(([key, value]) => ({ key, value }));
}

function checkCount(count: number): void {
  if (count > MOST_TAGS)
    throw new AwsError("TagLimitExceeded", `More than ${MOST_TAGS} tags specified for this resource`);
}
