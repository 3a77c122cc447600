import { XMLParser, XMLValidator } from "fast-xml-parser";
import { AwsError } from "../errors.js";

/** A parsed element: text, or its children. */
export type XmlNode = string | { readonly [name: string]: XmlNode | readonly XmlNode[] };

const LISTS = new Set(["Change", "ResourceRecord"]);

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: true,
  isArray: (name) => LISTS.has(name),
});

/** The children of the root element. @throws AwsError `MalformedInput` or `InvalidInput` for anything else. */
export function readBody(body: string, root: string): Fields {
  // A document type could define entities without end; no AWS client sends one.
  if (body.includes("<!DOCTYPE") || XMLValidator.validate(body) !== true)
    throw new AwsError("MalformedInput", "The XML document is not well-formed");
  let parsed: unknown;
  try {
    parsed = parser.parse(body);
  } catch {
    throw new AwsError("MalformedInput", "The XML document can't be read");
  }
  return new Fields(parsed as XmlNode, "").group(root);
}

/** Access to the children of an element that answers what is missing or of the wrong kind as Route53 does. */
export class Fields {
  readonly #node: Readonly<Record<string, XmlNode | readonly XmlNode[]>>;
  readonly #path: string;

  constructor(node: XmlNode, path: string) {
    this.#node = typeof node === "string" ? {} : node;
    this.#path = path;
  }

  text(name: string): string | undefined {
    const value = this.#own(name);
    if (value === undefined) return undefined;
    if (typeof value !== "string") throw this.#invalid(name, "must be text, given once");
    return value;
  }

  required(name: string): string {
    const value = this.text(name);
    if (!value) throw this.#invalid(name, "is missing");
    return value;
  }

  has(name: string): boolean {
    return this.#own(name) !== undefined;
  }

  group(name: string): Fields {
    const value = this.#own(name);
    if (value === undefined || Array.isArray(value)) throw this.#invalid(name, "is missing or there twice");
    return new Fields(value as XmlNode, `${this.#path}/${name}`);
  }

  list(name: string): Fields[] {
    const value = this.#own(name);
    if (value === undefined) return [];
    const items = (Array.isArray(value) ? value : [value]) as XmlNode[];
    return items.map((item, index) => new Fields(item, `${this.#path}/${name}[${index + 1}]`));
  }

  #own(name: string): XmlNode | readonly XmlNode[] | undefined {
    return Object.hasOwn(this.#node, name) ? this.#node[name] : undefined;
  }

  #invalid(name: string, what: string): AwsError {
    return new AwsError("InvalidInput", `Invalid XML ; ${this.#path}/${name} ${what}`);
  }
}
