import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from "node:dns";
import ipaddr from "ipaddr.js";

/** Where Berth may send what users ask it to send. */
export interface Destinations {
  /** What is wrong with a URL, as far as that can be told without asking anybody; null if nothing is. */
  fault(url: URL): string | null;
  /** For a socket: looks a name up and refuses it if any of its addresses is refused, so that none can be slipped in. */
  lookup(
    host: string,
    options: LookupOptions,
    callback: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
  ): void;
}

/** All that is public in IPv6: https://www.iana.org/assignments/ipv6-address-space */
const GLOBAL = ipaddr.parseCIDR("2000::/3");

/** An address is refused, or a name that leads to it. */
export class DestinationError extends Error {
  override readonly name = "DestinationError";
}

/**
 * Public addresses only, and what `allow` has besides: no loopback, link-local (where clouds keep credentials), private,
 * shared or reserved ones, in whatever notation: https://www.iana.org/assignments/iana-ipv4-special-registry
 * @param allow addresses and networks such as `10.0.0.0/8`.
 */
export function createDestinations({
  allow,
  schemes,
}: {
  allow: readonly string[];
  schemes: readonly string[];
}): Destinations {
  const networks = allow.map((one) =>
    ipaddr.parseCIDR(one.includes("/") ? one : `${one}/${one.includes(":") ? 128 : 32}`),
  );
  const isAllowed = (text: string): boolean => {
    // An IPv4 address in the clothes of IPv6 is that IPv4 address.
    const address = ipaddr.process(text);
    if (address.range() === "unicast" && (address.kind() === "ipv4" || address.match(GLOBAL))) return true;
    return networks.some(
      ([network, bits]) => address.kind() === network.kind() && address.match(network, bits),
    );
  };
  const refusal = (address: string): string =>
    `${address} is no public address: BERTH_WEBHOOKS_ALLOW says which others may be called`;

  return {
    fault(url) {
      if (!schemes.includes(url.protocol.replace(/:$/, "")))
        return `its scheme is ${url.protocol.replace(/:$/, "")}, and BERTH_WEBHOOKS_SCHEMES allows ${schemes.join(", ")}`;
      if (url.username !== "" || url.password !== "")
        return "it holds a user or password: check the signature instead";
      const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
      return ipaddr.isValid(host) && !isAllowed(host) ? refusal(host) : null;
    },
    lookup(host, options, callback) {
      dnsLookup(host, { ...options, all: true }, (error, addresses) => {
        if (error !== null) return callback(error, []);
        const refused = addresses.find(({ address }) => !isAllowed(address));
        if (refused !== undefined)
          return callback(new DestinationError(`${host} leads to ${refusal(refused.address)}`), []);
        if (options.all === true) return callback(null, addresses);
        const [first] = addresses;
        if (first === undefined) return callback(new DestinationError(`${host} has no address`), []);
        callback(null, first.address, first.family);
      });
    },
  };
}
