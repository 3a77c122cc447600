import type { Description } from "../fuzz/requests.js";
import type { Schema } from "../fuzz/schema.js";

/** A body, and what is bad about it. */
export interface Body {
  name: string;
  text: string;
}

/** Unicode that is one character to a reader and thousands of code points to a program. */
const MARKS = "\u0301";
const FAMILY = "👩\u200d";

/** What costs a parser or a validator most, of about so many characters each, as JSON. */
const VALUES: Readonly<Record<string, (size: number) => string>> = {
  "a long text": (size) => JSON.stringify("x".repeat(size)),
  "a text that nearly fits": (size) => JSON.stringify(`${"a-".repeat(size / 2)}!`),
  "spaces alone": (size) => JSON.stringify(" ".repeat(size)),
  "one letter with many marks": (size) => JSON.stringify(`e${MARKS.repeat(size / 2)}`),
  "one picture of many": (size) => JSON.stringify(FAMILY.repeat(size / 8)),
  escapes: (size) => `"${"\\u0041".repeat(size / 6)}"`,
  "half a character, often": (size) => `[${'"\\ud800",'.repeat(size / 9)}0]`,
  "many digits": (size) => "9".repeat(size),
  "many numbers": (size) => `[${"0,".repeat(size / 2)}0]`,
  "many objects": (size) => `[${"{},".repeat(size / 3)}{}]`,
  "many texts": (size) => `[${'"",'.repeat(size / 3)}""]`,
  "many names": (size) => object(Math.floor(size / 14), (n) => [`key-${n}`, "0"]),
  "many names of variables": (size) => object(Math.floor(size / 14), (n) => [`KEY_${n}`, '""']),
  "deep lists": (size) => "[".repeat(size / 2) + "]".repeat(size / 2),
  "deep objects": (size) => `${'{"a":'.repeat(size / 6)}1${"}".repeat(size / 6)}`,
};

function object(count: number, entry: (n: number) => [string, string]): string {
  const entries = Array.from({ length: count }, (_, n) => entry(n));
  return `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}

/** Invalid bodies of at most `size` bytes: each hostile value as the whole, and in each place that the schema has. */
export function worstBodies(schema: Schema, description: Description, size: number): Body[] {
  const bodies: Body[] = [];
  for (const path of [[], ...placesOf(schema, description)]) {
    const before = path.map((name) => `{${JSON.stringify(name)}:`).join("");
    const room = size - before.length - path.length - 16;
    for (const [name, make] of Object.entries(VALUES)) {
      let text = make(room);
      // What takes more than a byte a character.
      for (let less = room; Buffer.byteLength(text) > room; text = make((less = Math.floor(less * 0.8))));
      bodies.push({
        name: `${name} as ${path.join(".") || "body"}`,
        text: `${before}${text}${"}".repeat(path.length)}`,
      });
    }
  }
  return bodies;
}

/** The ways to the fields of a schema, two names deep. */
function placesOf(schema: Schema, description: Description, above: readonly string[] = []): string[][] {
  const whole =
    schema.$ref === undefined ? schema : description.components.schemas[schema.$ref.split("/").at(-1)!]!;
  const own = [whole, ...(whole.anyOf ?? []), ...(whole.allOf ?? [])];
  return own.flatMap(({ properties = {} }) =>
    Object.entries(properties).flatMap(([name, property]) => {
      const path = [...above, name];
      return [path, ...(path.length < 2 ? placesOf(property, description, path) : [])];
    }),
  );
}
