import ipaddr from "ipaddr.js";

/** What counts as one place: an IPv4 address, or the /64 that one IPv6 customer has. */
export function placeOf(address: string): string {
  // What isn't an address, such as that of a socket in the file system, is its own place.
  if (!ipaddr.isValid(address)) return address;
  const one = ipaddr.process(address);
  if (one instanceof ipaddr.IPv4) return one.toString();
  return `${one.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(":")}::/64`;
}
