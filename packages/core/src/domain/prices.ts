/** Prices in one currency an hour, by `backend/kind` or `backend/kind/type`; a volume's is for one GiB. */
export type Prices = Readonly<Record<string, number>>;

/**
 * What a leak costs, roughly: on-demand list prices of us-east-1 in USD, as remembered in 2025. They only say
 * which leak is worth a look first; an operator's own table takes their place.
 */
export const DEFAULT_PRICES: Prices = {
  "docker/instance": 0,
  "docker/volume": 0,
  "process/instance": 0,
  "process/volume": 0,
  "ec2/instance": 0.1,
  "ec2/instance/t3.micro": 0.0104,
  "ec2/instance/t3.small": 0.0208,
  "ec2/instance/t3.medium": 0.0416,
  "ec2/instance/t3.large": 0.0832,
  "ec2/instance/m5.large": 0.096,
  "ec2/instance/m5.xlarge": 0.192,
  "ec2/volume": 0.00011,
  "ec2/dns_record": 0,
};

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
