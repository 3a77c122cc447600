import { createLogger } from "@berth/core/base/logger";
import { Writable } from "node:stream";
import { expect, it } from "vitest";

function linesOn(terminal: boolean): string[] {
  const lines: string[] = [];
  const destination = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    }),
    { isTTY: terminal },
  );
  const log = createLogger({ logLevel: "info" }, "test", destination);
  log.info({ workspace: "w-1", token: "secret-of-somebody" }, "it runs");
  return lines;
}

it("a log is JSON for programs", () => {
  expect(JSON.parse(linesOn(false).join(""))).toMatchObject({
    name: "test",
    msg: "it runs",
    workspace: "w-1",
    token: "[redacted]",
  });
});

it("a log on a terminal is for people, and tells no secret either", () => {
  const [line] = linesOn(true);
  // eslint-disable-next-line no-control-regex
  expect(line!.replaceAll(/\u001b\[\d+m/g, "")).toMatch(
    /^\[\d\d:\d\d:\d\d\] INFO: it runs \{"workspace":"w-1","token":"\[redacted\]"\}\n$/,
  );
});
