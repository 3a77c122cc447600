import type { SeenInstance } from "./seen.js";
import type { Ec2Options } from "./settings.js";

/** The address at which others reach the instance; null if it has none. */
export function addressOf({ address }: Ec2Options, { privateIp, publicIp }: SeenInstance): string | null {
  return address === "public" ? publicIp : privateIp;
}

/** The workspace's URL at its address, or at a name. */
export function urlOf(options: Ec2Options, instance: SeenInstance, name?: string): string | null {
  const host = name ?? addressOf(options, instance);
  if (options.urlTemplate === null || host === null) return null;
  return options.urlTemplate.replaceAll("{host}", host);
}
