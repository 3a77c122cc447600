import type { ApiConfig } from "@berth/core/config/config";
import { type Group, type People, readPeopleFile } from "@berth/core/config/people-file";
import * as oidc from "openid-client";

/** How long the provider may take for an answer, in seconds. */
const ANSWER_S = 10;
/** A person's name is on what they ask for: as long as a key's, and one word. */
const NAME = /^[^\s\p{C}]{1,128}$/u;

/** What must come back with a person from the provider: kept by their browser meanwhile. */
export interface Flow {
  state: string;
  nonce: string;
  verifier: string;
  next: string;
}

/** Who came back, and as what. */
export interface Person extends Pick<Group, "scope" | "tenant"> {
  name: string;
}

/** Logins by a provider of OpenID Connect (authorization code with PKCE). */
export interface SignOn {
  /** Where the browser is to go. @throws SignOnError */
  begin(next: string): Promise<{ url: URL; flow: Flow }>;
  /** Who has come back with this query. @throws SignOnError */
  finish(query: string, flow: Flow): Promise<Person>;
}

/** `unavailable`: the provider can't be asked. `refused`: it says no. `uninvited`: it knows the person, and the file no group of theirs. */
export class SignOnError extends Error {
  readonly kind: "unavailable" | "refused" | "uninvited";
  /** Whom it is about, where that is known. */
  readonly person: string | null;

  constructor(kind: SignOnError["kind"], message: string, person: string | null = null) {
    super(message);
    this.name = "SignOnError";
    this.kind = kind;
    this.person = person;
  }
}

/** Null without the settings of a provider. @throws PeopleFileError */
export function openSignOn(config: ApiConfig): SignOn | null {
  const { oidcIssuer, oidcClientId, oidcClientSecret, oidcFile, publicUrl } = config;
  if (oidcIssuer === null || oidcClientId === null || oidcFile === null || publicUrl === null) return null;
  const people = readPeopleFile(oidcFile);
  const callback = new URL("login/callback", publicUrl.endsWith("/") ? publicUrl : `${publicUrl}/`);
  const plain = oidcIssuer.startsWith("http:") ? [oidc.allowInsecureRequests] : [];
  let found: Promise<oidc.Configuration> | null = null;
  // Not at the start: Berth runs without its provider, and keys are taken.
  const provider = (): Promise<oidc.Configuration> => {
    found ??= oidc
      .discovery(new URL(oidcIssuer), oidcClientId, oidcClientSecret ?? undefined, undefined, {
        execute: [oidc.enableNonRepudiationChecks, ...plain],
        timeout: ANSWER_S,
      })
      .catch((error: unknown) => {
        found = null;
        throw error;
      });
    return found;
  };

  return {
    async begin(next) {
      const flow: Flow = {
        state: oidc.randomState(),
        nonce: oidc.randomNonce(),
        verifier: oidc.randomPKCECodeVerifier(),
        next,
      };
      const url = oidc.buildAuthorizationUrl(await provider().catch(unavailable), {
        redirect_uri: callback.href,
        scope: people.scopes,
        code_challenge: await oidc.calculatePKCECodeChallenge(flow.verifier),
        code_challenge_method: "S256",
        state: flow.state,
        nonce: flow.nonce,
      });
      return { url, flow };
    },
    async finish(query, { state, nonce, verifier }) {
      const configuration = await provider().catch(unavailable);
      const here = new URL(callback);
      here.search = query;
      try {
        const tokens = await oidc.authorizationCodeGrant(configuration, here, {
          pkceCodeVerifier: verifier,
          expectedState: state,
          expectedNonce: nonce,
          idTokenExpected: true,
        });
        const claims = tokens.claims()!;
        const has = (name: string): boolean => claims[name] !== undefined;
        const more =
          (has(people.groupsClaim) && has(people.nameClaim)) ||
          !configuration.serverMetadata().userinfo_endpoint
            ? {}
            : await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub);
        return personOf(people, { ...more, ...claims });
      } catch (error) {
        throw error instanceof SignOnError ? error : refusalOf(error);
      }
    },
  };
}

/** @throws SignOnError */
function personOf(people: People, claims: Record<string, unknown>): Person {
  const { groupsClaim, nameClaim, groups } = people;
  const said = claims[nameClaim];
  // Anybody may write any address into their profile: one that the provider says it hasn't checked is nobody's.
  const isProven = nameClaim !== "email" || claims["email_verified"] !== false;
  const name = typeof said === "string" && isProven && NAME.test(said) ? said : String(claims["sub"]);
  if (!NAME.test(name)) throw new SignOnError("refused", "the provider tells no name that can be kept");
  const theirs = [claims[groupsClaim] ?? []].flat();
  const group = groups.find((one) => theirs.includes(one.group));
  if (group === undefined) throw new SignOnError("uninvited", `no group of ${name} may use this Berth`, name);
  return { name, scope: group.scope, tenant: group.tenant };
}

function refusalOf(error: unknown): SignOnError {
  const { code, message, cause } = error as Error & { code?: string };
  const isAway = error instanceof TypeError || code === "OAUTH_TIMEOUT";
  const detail = `${message}${cause instanceof Error ? ` (${cause.message})` : ""}`;
  return new SignOnError(isAway ? "unavailable" : "refused", detail);
}

function unavailable(error: unknown): never {
  throw new SignOnError("unavailable", (error as Error).message);
}
