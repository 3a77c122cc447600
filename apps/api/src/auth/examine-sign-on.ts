import type { Report } from "@berth/core/base/report";

const ANSWER_MS = 10_000;

/** Whether the provider of logins answers, and as the one that is meant. */
export async function examineSignOn(issuer: string): Promise<Report> {
  const about = { lacks: [], warnings: [], found: null, unreachable: null };
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    if (!answer.ok) return { ...about, unreachable: `${url} answers ${answer.status}` };
    const said = ((await answer.json()) as { issuer?: unknown }).issuer;
    // As openid-client compares them.
    if (typeof said === "string" && URL.canParse(said) && new URL(said).href === new URL(issuer).href)
      return { ...about, found: issuer };
    return {
      ...about,
      lacks: [`BERTH_OIDC_ISSUER: is ${issuer}, but it calls itself ${String(said)}: use that`],
    };
  } catch (error) {
    return { ...about, unreachable: `${url}: ${(error as Error).message}` };
  }
}
