import { describe, expect, inject, it } from "vitest";
import { databasePlace, parseDatabaseUrl } from "@berth/core/config/database-address";
import { connectionTo, NoPrimaryError, withClient } from "@berth/core/db/connect";
import { createPool, isDatabaseUnavailable } from "@berth/core/db/pool";

describe("a DATABASE_URL", () => {
  it("with one host is left to pg as it is", () => {
    const url = "postgres://u:p@h:1/db?sslmode=require";
    expect(parseDatabaseUrl(url)).toEqual({ hosts: [url], asked: false });
    expect(connectionTo(url)).toEqual({ connectionString: url });
  });

  it("with several is one URL for each, with all else that it says", () => {
    expect(
      parseDatabaseUrl("postgresql://u:p%2C@a,b:1,[::1]:2/db?target_session_attrs=read-write&options=x"),
    ).toEqual({
      hosts: ["a", "b:1", "[::1]:2"].map((host) => `postgresql://u:p%2C@${host}/db?options=x`),
      asked: true,
    });
  });

  it("that asks for a standby, or names a host that is none, is refused", () => {
    for (const url of [
      "postgres://a,b/db?target_session_attrs=standby",
      "postgres://a/db?target_session_attrs=any",
      "postgres://a,,b/db",
      "postgres://a,b:port/db",
      "mysql://a,b/db",
    ])
      expect(parseDatabaseUrl(url), url).toBeNull();
  });

  it("is named in messages without user and password", () => {
    expect(databasePlace("postgres://u:hunter2@a:1,b/db")).toBe("a:1,b");
    expect(databasePlace("postgres:///db?host=/run")).toBe("the local socket");
  });
});

describe("a connection to one of several hosts", () => {
  it("is made to the one that answers and may be written", async () => {
    const { host } = new URL(inject("postgres").url);
    const url = inject("postgres").url.replace(host, `127.0.0.1:1,${host}`);
    const pool = createPool(url);
    const { rows } = await pool.query("select inet_server_port() as port");
    expect(String(rows[0].port)).toBe(host.split(":")[1]);
    await pool.end();
  });

  it("isn't made to one that is read-only", async () => {
    const url = new URL(inject("postgres").url);
    url.searchParams.set("options", "-c default_transaction_read_only=on");
    url.searchParams.set("target_session_attrs", "read-write");
    await expect(withClient(url.href, async () => undefined)).rejects.toThrow(/: it is read-only/);
  });

  it("says of each host why it isn't the one, and counts as a database that can't be reached", async () => {
    const url = "postgres://u:hunter2@127.0.0.1:1,127.0.0.1:2/db";
    const error = await withClient(url, async () => undefined).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(NoPrimaryError);
    expect((error as Error).message).toMatch(
      /127\.0\.0\.1:1: .*ECONNREFUSED.*; 127\.0\.0\.1:2: .*ECONNREFUSED/,
    );
    expect((error as Error).message).not.toContain("hunter2");
    expect(isDatabaseUnavailable(error)).toBe(true);
  });
});
