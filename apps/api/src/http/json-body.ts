import { BerthError } from "@berth/core/base/errors";
import type { App } from "../services.js";
import { excessOf } from "./json-size.js";

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads JSON bodies, and no others. Fastify's own reader replaces invalid UTF-8 by question marks and
 * refuses an empty body; here invalid text is refused, and no body is the same as none.
 */
export function readJsonBodies(app: App): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body, done) => {
    let text: string;
    try {
      text = UTF8.decode(body as Buffer);
    } catch {
      done(refusal("is not valid UTF-8", "text in UTF-8"));
      return;
    }
    if (text.trim() === "") return done(null, undefined);
    const excess = excessOf(body as Buffer);
    if (excess !== null) return done(refusal("has too much in it", excess));
    void parse(request, text, (error, value) => {
      if (error === null) return done(null, value);
      if (isJson(text))
        done(refusal("has a key __proto__ or constructor.prototype", "JSON without such keys"));
      else done(refusal("is not valid JSON", "valid JSON"));
    });
  });
}

function refusal(what: string, expected: string): BerthError {
  return new BerthError("invalid_request", `the body ${what}`, { errors: [{ field: "body", expected }] });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
