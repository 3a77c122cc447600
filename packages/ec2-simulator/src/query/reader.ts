import { AwsError, invalidValue, missingParameter } from "../errors.js";
import { members, type ParameterNode } from "./parameters.js";

/**
 * Typed access to the parameters of one request. An empty string counts as absent, as in AWS, except for
 * {@link Reader.text}.
 */
export class Reader {
  readonly node: ParameterNode;
  readonly #path: string;

  constructor(node: ParameterNode, path = "") {
    this.node = node;
    this.#path = path;
  }

  has(name: string): boolean {
    return this.node.has(name);
  }

  /** The value even if it is empty. */
  text(name: string): string | undefined {
    const value = this.node.get(name);
    if (value instanceof Map) throw this.#unknown(`${name}.${[...value.keys()][0] ?? ""}`);
    return value;
  }

  string(name: string): string | undefined {
    return this.text(name) || undefined;
  }

  required(name: string): string {
    const value = this.string(name);
    if (value === undefined) throw missingParameter(this.#path + name);
    return value;
  }

  integer(name: string, range: { min?: number; max?: number } = {}): number | undefined {
    const value = this.string(name);
    if (value === undefined) return undefined;
    if (!/^-?\d{1,10}$/.test(value)) throw invalidValue(this.#path + name, value, "Must be an integer.");
    const number = Number(value);
    const { min = -(2 ** 31), max = 2 ** 31 - 1 } = range;
    if (number < min) throw invalidValue(this.#path + name, value, `Must be at least ${min}.`);
    if (number > max) throw invalidValue(this.#path + name, value, `Must be at most ${max}.`);
    return number;
  }

  boolean(name: string): boolean | undefined {
    const value = this.string(name)?.toLowerCase();
    if (value === undefined) return undefined;
    if (value !== "true" && value !== "false")
      throw invalidValue(this.#path + name, value, "Must be true or false.");
    return value === "true";
  }

  oneOf<const Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.string(name);
    if (value === undefined) return undefined;
    const found = choices.find((choice) => choice === value);
    if (found === undefined)
      throw invalidValue(this.#path + name, value, `Must be one of: ${choices.join(", ")}.`);
    return found;
  }

  /** The strings `Name.1`, `Name.2`, …; empty if there are none. */
  list(name: string): string[] {
    return this.#members(name).map(([index, value]) => {
      if (typeof value !== "string") throw this.#unknown(`${name}.${index}.${[...value.keys()][0] ?? ""}`);
      return value;
    });
  }

  group(name: string): Reader | undefined {
    const value = this.node.get(name);
    if (value === undefined || value === "") return undefined;
    if (typeof value === "string") throw this.#unknown(name);
    return new Reader(value, `${this.#path}${name}.`);
  }

  /** The structures `Name.1.…`, `Name.2.…`; empty if there are none. */
  groups(name: string): Reader[] {
    return this.#members(name).map(([index, value]) => {
      if (typeof value === "string") throw this.#unknown(`${name}.${index}`);
      return new Reader(value, `${this.#path}${name}.${index}.`);
    });
  }

  #members(name: string): [string, ParameterNode | string][] {
    const value = this.node.get(name);
    if (value === undefined || value === "") return [];
    if (typeof value === "string") throw this.#unknown(name);
    const bad = [...value.keys()].find((key) => !/^\d{1,6}$/.test(key));
    if (bad !== undefined) throw this.#unknown(`${name}.${bad}`);
    return members(value);
  }

  #unknown(name: string): AwsError {
    return unknownParameter(this.#path + name);
  }
}

export function unknownParameter(name: string): AwsError {
  return new AwsError("UnknownParameter", `The parameter ${name.slice(0, 200)} is not recognized`);
}
