/** What a Prometheus answers, by its API. @throws with its words where it refuses the question */
async function ask<Data>(url: string, path: string): Promise<Data> {
  const response = await fetch(`${url}/api/v1/${path}`);
  const { status, data, error } = (await response.json()) as { status: string; data: Data; error?: string };
  if (status !== "success") throw new Error(`${path}: ${error}`);
  return data;
}

/** Each target as its job and how it is, in order. */
export async function healthOfTargets(url: string): Promise<string[]> {
  const { activeTargets } = await ask<{
    activeTargets: { labels: { job: string }; health: string; lastError: string }[];
  }>(url, "targets?state=active");
  return activeTargets
    .map(
      ({ labels, health, lastError }) => `${labels.job} ${health}${lastError === "" ? "" : `: ${lastError}`}`,
    )
    .toSorted();
}

export interface Alerting {
  readonly name: string;
  readonly health: string;
  readonly state: string;
}

export async function rulesOf(url: string): Promise<Alerting[]> {
  const { groups } = await ask<{ groups: { rules: Alerting[] }[] }>(url, "rules?type=alert");
  return groups.flatMap(({ rules }) => rules);
}

export const alertsOf = async (url: string): Promise<string[]> =>
  (await rulesOf(url)).map(({ name }) => name);

/** How many series an expression has now. */
export async function seriesOf(url: string, expression: string): Promise<number> {
  const { result } = await ask<{ result: unknown[] }>(url, `query?query=${encodeURIComponent(expression)}`);
  return result.length;
}
