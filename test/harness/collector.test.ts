import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { requestsIn } from "./audit/collect-docker.js";
import { type Collector, startCollector } from "./fleet/collector.js";

describe("what agents in containers say", () => {
  let directory: string;
  let collector: Collector;
  const read = (name: string) => readFile(join(directory, name), "utf8").catch(() => "");

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "collector-"));
    collector = await startCollector(join(directory, "agents"), join(directory, "secrets"));
  });
  afterEach(async () => {
    await collector.close();
    await rm(directory, { recursive: true });
  });

  async function say(text: string, half = false) {
    const socket = connect({ port: collector.port, host: "127.0.0.1", allowHalfOpen: true });
    if (half) socket.end(text);
    else socket.write(text);
    socket.resume();
    await once(socket, "end");
    socket.end();
  }

  it("is written down before it is acknowledged, and a secret elsewhere", async () => {
    await say('{"what":"start"}\n');
    expect(await read("agents")).toBe('{"what":"start"}\n');
    await say("secret abc\n");
    expect(await read("secrets")).toBe("abc\n");
    expect(await read("agents")).toBe('{"what":"start"}\n');
  });

  it("was never said if it broke off", async () => {
    await say('{"what":"sta', true);
    expect(await read("agents")).toBe("");
  });
});

describe("what Berth has asked of the daemon", () => {
  it("is in the daemon's own log, without what only looks, and without what the docker command asks", () => {
    const line = (at: string, msg: string) => `time="2026-11-25T17:59:${at}Z" level=debug msg="${msg}"`;
    const log = [
      line("40.412202476", "Calling GET /containers/json?all=true"),
      line("41.000000001", "Calling DELETE /containers/c0ffee?force=true&v=true"),
      line("42.000000001", "Calling DELETE /v1.41/containers/c0ffee?force=1"),
      line("43.500000001", "Calling POST /volumes/create"),
      'time="2026-11-25T17:59:44Z" level=info msg="Calling POST /nothing"',
    ].join("\n");
    expect(requestsIn(log)).toEqual([
      { at: Date.parse("2026-11-25T17:59:41Z"), method: "DELETE", path: "/containers/c0ffee" },
      { at: Date.parse("2026-11-25T17:59:43.500Z"), method: "POST", path: "/volumes/create" },
    ]);
  });
});
