import { createDestinations, type Destinations } from "@berth/core/webhooks/destinations";
import { describe, expect, it } from "vitest";

const schemes = ["https", "http"];
const strict = createDestinations({ allow: [], schemes });

function lookup(destinations: Destinations, host: string, all: boolean): Promise<unknown> {
  return new Promise((resolve, reject) =>
    destinations.lookup(host, { all }, (error, address) =>
      error === null ? resolve(address) : reject(error),
    ),
  );
}

describe("a webhook's destination", () => {
  it.each([
    ["loopback", "http://127.0.0.1/"],
    ["loopback of IPv6", "http://[::1]/"],
    ["loopback as one number", "http://2130706433/"],
    ["loopback in octal", "http://0177.0.0.1/"],
    ["loopback in hexadecimal", "http://0x7f.1/"],
    ["the unspecified address", "http://0.0.0.0/"],
    ["link-local: a cloud's credentials", "http://169.254.169.254/latest/meta-data/"],
    ["link-local of IPv6", "http://[fe80::1]/"],
    ["that of a cloud over IPv6", "http://[fd00:ec2::254]/"],
    ["an IPv4 address mapped into IPv6", "http://[::ffff:127.0.0.1]/"],
    ["an IPv4 address in IPv6's first form of it", "http://[::127.0.0.1]/"],
    ["an IPv4 address translated into IPv6", "http://[64:ff9b::7f00:1]/"],
    ["6to4", "http://[2002:7f00:1::]/"],
    ["private", "http://10.1.2.3/"],
    ["private, 172", "http://172.16.0.1/"],
    ["private, 192", "http://192.168.1.1/"],
    ["shared by a carrier's customers", "http://100.64.0.1/"],
    ["multicast", "http://224.0.0.1/"],
    ["broadcast", "http://255.255.255.255/"],
    ["reserved", "http://240.0.0.1/"],
  ])("isn't an address that is %s", (_what, url) => {
    expect(strict.fault(new URL(url))).toMatch(/no public address/);
  });

  it("may be any public address, or a name, which is judged when it is looked up", () => {
    for (const url of ["http://1.1.1.1/", "https://[2606:4700:4700::1111]/", "https://localhost/"])
      expect(strict.fault(new URL(url)), url).toBeNull();
  });

  it("may be what is allowed besides, and nothing next to it", () => {
    const some = createDestinations({ allow: ["10.1.0.0/16", "::1", "127.0.0.1"], schemes });
    for (const url of [
      "http://10.1.255.255/",
      "http://[::1]/",
      "http://127.0.0.1/",
      "http://[::ffff:10.1.0.1]/",
    ])
      expect(some.fault(new URL(url)), url).toBeNull();
    for (const url of ["http://10.2.0.0/", "http://[::2]/", "http://127.0.0.2/"])
      expect(some.fault(new URL(url)), url).not.toBeNull();
  });

  it("has one of the schemes, and no password", () => {
    const https = createDestinations({ allow: [], schemes: ["https"] });
    expect(https.fault(new URL("http://1.1.1.1/"))).toMatch(/scheme is http/);
    expect(https.fault(new URL("ftp://1.1.1.1/"))).toMatch(/scheme is ftp/);
    expect(https.fault(new URL("https://me:secret@1.1.1.1/"))).toMatch(/password/);
  });

  it.each([true, false])("isn't a name that leads to a refused address (all: %s)", async (all) => {
    await expect(lookup(strict, "localhost", all)).rejects.toThrow(/localhost leads to .*no public address/);
  });

  it("is a name that leads to an allowed one", async () => {
    const some = createDestinations({ allow: ["127.0.0.0/8", "::1"], schemes });
    expect(await lookup(some, "localhost", true)).toContainEqual(
      expect.objectContaining({ address: expect.stringMatching(/^(127\.0\.0\.1|::1)$/) }),
    );
    expect(await lookup(some, "localhost", false)).toMatch(/^(127\.0\.0\.1|::1)$/);
  });
});
