import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Link, openLink } from "./fleet/link.js";

describe("a link", () => {
  let echo: Server;
  let asked: string;
  let link: Link;
  const clients: Socket[] = [];

  beforeEach(async () => {
    asked = "";
    echo = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        asked += chunk.toString();
        socket.write(chunk);
      });
    });
    echo.listen(0, "127.0.0.1");
    await once(echo, "listening");
    link = await openLink("test", [(echo.address() as AddressInfo).port]);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await link.close();
    echo.close();
  });

  function open() {
    const socket = connect(link.port, "127.0.0.1");
    clients.push(socket);
    const seen = { text: "", error: "" };
    socket.on("data", (chunk) => (seen.text += chunk.toString()));
    socket.on("error", (error: NodeJS.ErrnoException) => (seen.error = error.code ?? ""));
    return { seen, say: (text: string) => socket.write(text) };
  }
  const heard = (one: ReturnType<typeof open>, text: string) =>
    vi.waitFor(() => expect(one.seen.text).toBe(text));

  it("carries both ways, in order, also while it is slow", async () => {
    const one = open();
    one.say("a");
    await heard(one, "a");
    link.set("slow");
    one.say("b");
    one.say("c");
    await heard(one, "abc");
    link.set("open");
    one.say("d");
    await heard(one, "abcd");
  });

  it("leads to a Unix socket as well", async () => {
    const directory = await mkdtemp(join(tmpdir(), "link-"));
    const path = join(directory, "echo.sock");
    const beside = createServer((socket) => socket.pipe(socket)).listen(path);
    await once(beside, "listening");
    await link.close();
    link = await openLink("test", [path]);
    const one = open();
    one.say("a");
    await heard(one, "a");
    beside.close();
    await rm(directory, { recursive: true });
  });

  it("that is cut resets what is open and what is new", async () => {
    const one = open();
    one.say("a");
    await heard(one, "a");
    link.set("cut");
    await vi.waitFor(() => expect(one.seen.error).toBe("ECONNRESET"));
    const two = open();
    await vi.waitFor(() => expect(two.seen.error).toBe("ECONNRESET"));
    link.set("open");
    const three = open();
    three.say("b");
    await heard(three, "b");
  });

  it("that is one-way carries the request, and its answer when it is mended", async () => {
    const one = open();
    one.say("a");
    await heard(one, "a");
    link.set("one-way");
    one.say("b");
    await vi.waitFor(() => expect(asked).toBe("ab"));
    expect(one.seen.text).toBe("a");
    link.set("open");
    await heard(one, "ab");
  });

  it("that is half-open accepts connections and carries nothing until it is mended", async () => {
    const one = open();
    one.say("a");
    await heard(one, "a");
    link.set("half-open");
    one.say("b");
    const two = open();
    two.say("c");
    const after = open();
    link.set("open");
    after.say("d");
    await heard(after, "d");
    await heard(one, "ab");
    await heard(two, "c");
  });
});
