import { BACKENDS, computeOf } from "./backend.js";

/** Prices in one currency an hour, by `backend/kind` or `backend/kind/type`; a volume's is for one GiB. */
export type Prices = Readonly<Record<string, number>>;

/** Those of `BACKEND_RULES`. */
export const DEFAULT_PRICES: Prices = Object.fromEntries(
  BACKENDS.flatMap((backend) =>
    Object.entries(computeOf(backend)?.prices ?? {}).map(([kind, price]) => [`${backend}/${kind}`, price]),
  ),
);

const DEFAULT_GIB = 20;

/** Null if the table has no price for it. `type` and `size_gib` may be among its details. */
export function priceOf(
  prices: Prices,
  thing: { backend: string; kind: string; details: Readonly<Record<string, unknown>> },
): number | null {
  const { type, size_gib: size } = thing.details;
  const base = `${thing.backend}/${thing.kind}`;
  const price = (typeof type === "string" ? prices[`${base}/${type}`] : undefined) ?? prices[base];
  if (price === undefined) return null;
  return thing.kind === "volume" ? price * (typeof size === "number" ? size : DEFAULT_GIB) : price;
}

/** Reads an operator's table. @throws Error that says what is wrong with it. */
export function parsePrices(text: string): Prices {
  const table: unknown = JSON.parse(text);
  if (typeof table !== "object" || table === null || Array.isArray(table))
    throw new Error('prices must be an object such as {"ec2/instance/t3.small": 0.02}');
  for (const [key, price] of Object.entries(table)) {
    if (!/^[a-z0-9]+\/(instance|volume|dns_record)(\/.+)?$/.test(key))
      throw new Error(`prices: "${key}" is no <backend>/<kind> or <backend>/<kind>/<type>`);
    if (typeof price !== "number" || !(price >= 0))
      throw new Error(`prices: "${key}" must be a number from 0`);
  }
  return Object.freeze({ ...table } as Prices);
}
