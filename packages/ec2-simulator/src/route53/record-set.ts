/** A record set as it was sent, with its name in the form that Route53 keeps. */
export interface RecordSet {
  name: string;
  type: string;
  setIdentifier: string | null;
  ttl: number | null;
  values: readonly string[];
  alias: { zoneId: string; dnsName: string; evaluateHealth: string } | null;
  /** Weight, Region, Failover, MultiValueAnswer, HealthCheckId: kept and compared, without effect. */
  routing: Readonly<Record<string, string>>;
}

/** What makes a record set the same one in a later request. */
export function keyOf({ name, type, setIdentifier }: RecordSet): string {
  return `${name} ${type} ${setIdentifier ?? ""}`;
}

/** Lower case, with a final dot, anything unusual as an octal escape: `*.Example.com` → `\052.example.com.` */
export function normaliseName(name: string): string {
  const lower = name
    .toLowerCase()
    .replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
  const escaped = lower.replace(/[^a-z0-9\-_.]/g, (character) => {
    return `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
  });
  return escaped.endsWith(".") ? escaped : `${escaped}.`;
}

/** Negative if `a` is listed before `b`: by the labels from the right, then the type, then the identifier. */
export function compareRecords(
  a: Pick<RecordSet, "name" | "type" | "setIdentifier">,
  b: Pick<RecordSet, "name" | "type" | "setIdentifier">,
): number {
  const left = [...a.name.split(".").toReversed(), "", a.type, a.setIdentifier ?? ""];
  const right = [...b.name.split(".").toReversed(), "", b.type, b.setIdentifier ?? ""];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [x = "", y = ""] = [left[index], right[index]];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

/** True if a DELETE of `b` may remove `a`: TTL and all values are equal (docs/ec2-facts.md, Tags, metadata, DNS). */
export function sameContent(a: RecordSet, b: RecordSet): boolean {
  const content = ({ ttl, values, alias, routing }: RecordSet): string =>
    JSON.stringify([
      ttl,
      values.toSorted(),
      alias && [alias.zoneId, normaliseName(alias.dnsName), alias.evaluateHealth],
      Object.entries(routing).toSorted(([x], [y]) => x.localeCompare(y)),
    ]);
  return content(a) === content(b);
}
