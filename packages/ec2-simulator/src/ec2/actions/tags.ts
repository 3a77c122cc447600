import { AwsError, missingParameter } from "../../errors.js";
import type { Reader } from "../../query/reader.js";
import { XmlStream } from "../../xml/write.js";
import { stopIfDryRun, type Action, type ActionContext } from "../action.js";
import { compileFilters, type FilterFields } from "../filters.js";
import { findInstances, findVolumes, requiredIds } from "../find.js";
import { cutPage, readPage } from "../pages.js";
import { checkRoom, readTags, type Tags } from "../tags.js";

interface TagLine {
  seq: number;
  resourceId: string;
  resourceType: string;
  key: string;
  value: string;
  tags: Tags;
}

export const createTags: Action = {
  accepts: ["DryRun", "ResourceId", "Tag"],
  ignores: [],
  run(context) {
    const tags = readTags(context.request);
    if (tags.size === 0) throw missingParameter("Tag");
    const resources = findTagged(context, requiredIds(context, "ResourceId"));
    for (const resource of resources) checkRoom(resource.tags, tags);
    stopIfDryRun(context);
    for (const resource of resources) for (const [key, value] of tags) resource.tags.set(key, value);
    context.effects.push(`tagged ${resources.map(({ id }) => id).join(" ")}`);
    return { return: true };
  },
};

export const deleteTags: Action = {
  accepts: ["DryRun", "ResourceId", "Tag"],
  ignores: [],
  run(context) {
    const wanted = context.request.groups("Tag").map(readWanted);
    const resources = findTagged(context, requiredIds(context, "ResourceId"));
    stopIfDryRun(context);
    for (const { tags } of resources) {
      if (wanted.length === 0) tags.clear();
      for (const { key, value } of wanted)
        if (value === undefined || tags.get(key) === value) tags.delete(key);
    }
    context.effects.push(`untagged ${resources.map(({ id }) => id).join(" ")}`);
    return { return: true };
  },
};

const FIELDS: FilterFields<TagLine> = {
  key: ({ key }) => key,
  value: ({ value }) => value,
  "resource-id": ({ resourceId }) => resourceId,
  "resource-type": ({ resourceType }) => resourceType,
};

export const describeTags: Action = {
  accepts: ["DryRun", "Filter", "MaxResults", "NextToken"],
  ignores: [],
  run(context) {
    const { request, name } = context;
    const pageRequest = readPage(request, name);
    const filters = compileFilters(request, FIELDS);
    const page = cutPage(matching(tagLines(context), filters.matches), pageRequest, name);
    stopIfDryRun(context);
    return {
      tagSet: new XmlStream(
        page.things.map(({ resourceId, resourceType, key, value }) => ({
          resourceId,
          resourceType,
          key,
          value,
        })),
      ),
      nextToken: page.nextToken,
    };
  },
};

/** A tag without a value goes whatever its value is; one with an empty value only if it is empty. */
function readWanted(group: Reader): { key: string; value: string | undefined } {
  return { key: group.required("Key"), value: group.text("Value") };
}

/** @throws AwsError if one id is unknown: nothing is tagged then. */
function findTagged(context: ActionContext, ids: readonly string[]): { id: string; tags: Tags }[] {
  const { launchTemplates } = context.region;
  return ids.map((id) => {
    if (id.startsWith("i-")) return findInstances(context, [id])[0]!;
    if (id.startsWith("vol-")) return findVolumes(context, [id])[0]!;
    const template = launchTemplates.get(id);
    if (template) return template;
    throw new AwsError("InvalidID", `The ID '${id}' is not valid`);
  });
}

/** Numbered 64 to a resource, more than the 50 tags it can have, so that a page can end between two tags. */
function* tagLines({ region, now }: ActionContext): Generator<TagLine> {
  for (const resource of inOrder(region.instances.values(), region.volumes.values())) {
    const visibleAt = "launch" in resource ? resource.launch.visibleAt : resource.visibleAt;
    if (visibleAt > now) continue;
    const resourceType = "launch" in resource ? "instance" : "volume";
    let seq = resource.seq * 64;
    for (const [key, value] of resource.tags)
      yield { seq: ++seq, resourceId: resource.id, resourceType, key, value, tags: resource.tags };
  }
}

function* matching<Thing>(things: Iterable<Thing>, matches: (thing: Thing) => boolean): Generator<Thing> {
  for (const thing of things) if (matches(thing)) yield thing;
}

/** Merges two listings, each in the order its things were made. */
function* inOrder<A extends { seq: number }, B extends { seq: number }>(
  first: Iterator<A>,
  second: Iterator<B>,
): Generator<A | B> {
  let a = first.next();
  let b = second.next();
  while (!a.done || !b.done) {
    if (!a.done && (b.done || a.value.seq < b.value.seq)) {
      yield a.value;
      a = first.next();
    } else if (!b.done) {
      yield b.value;
      b = second.next();
    }
  }
}
