/** A value in a reply. An array becomes `<item>`s, as in all of EC2; undefined and null leave the element out. */
export type XmlValue =
  string | number | boolean | Date | null | undefined | XmlList | XmlFields | readonly XmlValue[];

export interface XmlFields {
  readonly [name: string]: XmlValue;
}

/** A list whose elements aren't called `item` (Route53). */
export class XmlList {
  readonly tag: string;
  readonly items: readonly XmlValue[];

  constructor(tag: string, items: readonly XmlValue[]) {
    this.tag = tag;
    this.items = items;
  }
}

/** A list that is made element by element while it is sent: a listing of everything never exists as one string. */
export class XmlStream {
  readonly items: Iterable<XmlFields>;

  constructor(items: Iterable<XmlFields>) {
    this.items = items;
  }
}

export interface XmlDocument {
  readonly [name: string]: XmlValue | XmlStream;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\r": "&#xD;",
};

export function escapeXml(text: string): string {
  return /[&<>"'\r]/.test(text) ? text.replace(/[&<>"'\r]/g, (character) => ENTITIES[character]!) : text;
}

/** One element with its content, or nothing for an absent value. */
export function writeElement(name: string, value: XmlValue): string {
  if (value === undefined || value === null) return "";
  const content = writeContent(value);
  return content === "" ? `<${name}/>` : `<${name}>${content}</${name}>`;
}

/** A whole reply, in pieces that can be sent one after the other. */
export function* writeDocument(root: string, xmlns: string, document: XmlDocument): Generator<string> {
  yield `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${xmlns}">`;
  for (const [name, value] of Object.entries(document)) {
    if (!(value instanceof XmlStream)) {
      yield writeElement(name, value);
      continue;
    }
    yield `<${name}>`;
    for (const item of value.items) yield writeElement("item", item);
    yield `</${name}>`;
  }
  yield `</${root}>`;
}

function writeContent(value: Exclude<XmlValue, null | undefined>): string {
  if (typeof value === "string") return escapeXml(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof XmlList) return value.items.map((item) => writeElement(value.tag, item)).join("");
  if (isArray(value)) return value.map((item) => writeElement("item", item)).join("");
  let content = "";
  for (const name in value) content += writeElement(name, value[name]);
  return content;
}

function isArray(value: XmlFields | readonly XmlValue[]): value is readonly XmlValue[] {
  return Array.isArray(value);
}
