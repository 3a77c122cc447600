import { TokenBuckets } from "../limits/buckets.js";
import type { ParameterNode } from "../query/parameters.js";
import type { World } from "../world.js";
import type { Instance, LaunchSpec, Volume } from "./instance.js";
import { TokenMemory } from "./tokens.js";
import type { Tags } from "./tags.js";
import { UserDataStore } from "./user-data.js";
import { networkOf, type Network } from "./zones.js";

export interface LaunchTemplate {
  id: string;
  name: string;
  createdAt: number;
  data: ParameterNode;
  tags: Tags;
}

const MAX_SHARED_SPECS = 1_000;

/** Everything that one account has in one Region. */
export class Region {
  readonly name: string;
  readonly account: string;
  readonly network: Network;
  readonly instances = new Map<string, Instance>();
  readonly volumes = new Map<string, Volume>();
  readonly launchTemplates = new Map<string, LaunchTemplate>();
  readonly launchTokens = new TokenMemory<readonly Instance[]>();
  readonly volumeTokens = new TokenMemory<Volume>();
  readonly userData = new UserDataStore();
  readonly buckets = new TokenBuckets();
  readonly #specs = new Map<string, LaunchSpec>();
  #seq = 0;
  #addresses = 0;

  constructor(account: string, name: string, world: World) {
    this.account = account;
    this.name = name;
    this.network = networkOf(account, name, world.settings);
  }

  /** One and the same object for all launches that ask for the same. */
  shareSpec(spec: LaunchSpec): LaunchSpec {
    const key = JSON.stringify(spec);
    const known = this.#specs.get(key) ?? spec;
    if (this.#specs.size >= MAX_SHARED_SPECS) this.#specs.clear();
    this.#specs.set(key, known);
    return known;
  }

  nextSeq(): number {
    return ++this.#seq;
  }

  /** A private address out of the zone's block; four million fit before the first comes again. */
  nextPrivateIp(az: string): number {
    const zone = this.network.zones.findIndex(({ name }) => name === az);
    return (10 << 24) | ((zone & 15) << 20) | (++this.#addresses & 0xfffff);
  }

  /** From 198.18.0.0/15, which nobody on the internet has. */
  nextPublicIp(): number {
    return ((198 << 24) | (18 << 16) | (++this.#addresses & 0x1ffff)) >>> 0;
  }
}
