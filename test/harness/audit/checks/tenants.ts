import type { Check } from "../check.js";

export const tenants: Check = {
  name: "tenants",
  invariant: "I6",
  promise: "No tenant is shown anything of another's workspaces",
  find({ seen, sql }) {
    const ofWhom = new Map<string, string | null>();
    for (const { id, tenant = null } of sql.workspaces) ofWhom.set(id, tenant);
    for (const { id, workspace_id: owner } of sql.operations) ofWhom.set(id, ofWhom.get(owner) ?? null);
    return seen.flatMap(({ at, tenant, path, ids }) =>
      ids
        .filter((id) => ofWhom.has(id) && ofWhom.get(id) !== tenant)
        .map((id) => ({
          workspace: sql.workspaces.some((one) => one.id === id) ? id : null,
          at,
          what: `${path} showed ${id}, which is ${ofWhom.get(id) ?? "nobody"}'s, to ${tenant}`,
        })),
    );
  },
};
