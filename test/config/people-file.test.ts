import { readConfig } from "@berth/core/config/config";
import { parsePeople, PeopleFileError } from "@berth/core/config/people-file";
import { expect, it } from "vitest";

const problemsOf = (source: string): readonly string[] => {
  try {
    parsePeople(source);
    return [];
  } catch (error) {
    return (error as PeopleFileError).problems.map((one) => one.replace("BERTH_OIDC_FILE: ", ""));
  }
};

it("says who may log in, and as what", () => {
  expect(parsePeople("groups: [{ group: red, scope: operator, tenant: { team: red } }]")).toEqual({
    scopes: "openid email profile",
    nameClaim: "email",
    groupsClaim: "groups",
    groups: [{ group: "red", scope: "operator", tenant: { team: "red" } }],
  });
});

it("with anything wrong is refused as a whole, by field", () => {
  expect(
    problemsOf(`
scopes: email
group_claim: roles
groups:
  - { group: a, scope: root }
  - { scope: viewer, tenants: x }
  - { group: b, scope: admin, tenant: { team: red } }
  - { group: c, scope: viewer, tenant: {} }`),
  ).toEqual([
    "group_claim is no field: did you mean groups_claim?",
    "scopes: expected openid among them",
    'groups[0].scope: got "root", expected one of viewer, operator, admin',
    "groups[1].tenants is no field: did you mean tenant?",
    "groups[1].group: expected the name of a group",
    'groups[2].scope: got "admin", expected viewer or operator for a tenant',
    "groups[3].tenant: expected labels such as team: red",
  ]);
  expect(problemsOf("{}")).toEqual(["groups: expected a list of groups, one at least"]);
});

it("and the rest of a provider's settings are there, or none of it", () => {
  const base = {
    DATABASE_URL: "postgres://x/y",
    BERTH_ADMIN_KEY: "an-admin-key-0123456789",
    NODE_ENV: "test",
  };
  expect(() => readConfig("api", { ...base, BERTH_OIDC_ISSUER: "https://id.example" })).toThrow(
    /BERTH_OIDC_CLIENT_ID, BERTH_OIDC_CLIENT_SECRET, BERTH_OIDC_FILE, BERTH_PUBLIC_URL missing/,
  );
  expect(readConfig("api", { ...base, BERTH_PUBLIC_URL: "https://berth.example" }).oidcIssuer).toBeNull();
});
