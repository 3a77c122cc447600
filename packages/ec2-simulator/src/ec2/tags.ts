import { AwsError } from "../errors.js";
import type { Reader } from "../query/reader.js";
import type { XmlFields } from "../xml/write.js";

const MAX_TAGS = 50;
const NONE: readonly string[] = [];

/**
 * The tags of one thing, in the order they were set. A flat list: most have few, and a Map for each of a
 * hundred thousand instances would take more memory than all else about them.
 */
export class Tags implements Iterable<[string, string]> {
  /** Key, value, key, value, … Replaced when it changes, never changed. */
  #flat: readonly string[];

  constructor(tags: Iterable<readonly [string, string]> = []) {
    const flat = [...tags].flat();
    this.#flat = flat.length > 0 ? flat : NONE;
  }

  get size(): number {
    return this.#flat.length / 2;
  }

  get(key: string): string | undefined {
    const at = this.#find(key);
    return at < 0 ? undefined : this.#flat[at + 1];
  }

  has(key: string): boolean {
    return this.#find(key) >= 0;
  }

  set(key: string, value: string): void {
    const at = this.#find(key);
    this.#flat = at < 0 ? [...this.#flat, key, value] : this.#flat.with(at + 1, value);
  }

  delete(key: string): void {
    const at = this.#find(key);
    if (at >= 0) this.#flat = this.#flat.toSpliced(at, 2);
  }

  clear(): void {
    this.#flat = NONE;
  }

  keys(): string[] {
    return this.#flat.filter((_, index) => index % 2 === 0);
  }

  values(): string[] {
    return this.#flat.filter((_, index) => index % 2 === 1);
  }

  *[Symbol.iterator](): Generator<[string, string]> {
    for (let at = 0; at < this.#flat.length; at += 2) yield [this.#flat[at]!, this.#flat[at + 1]!];
  }

  #find(key: string): number {
    for (let at = 0; at < this.#flat.length; at += 2) if (this.#flat[at] === key) return at;
    return -1;
  }
}

/** The tags at `Tag.N`. @throws AwsError for a key that is reserved, too long or there twice. */
export function readTags(reader: Reader, name = "Tag"): Tags {
  const tags = new Tags();
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
  if (count > MAX_TAGS)
    throw new AwsError("TagLimitExceeded", `More than ${MAX_TAGS} tags specified for this resource`);
}
