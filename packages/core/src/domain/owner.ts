/** Whose things a backend makes, and may touch (I10). */
export interface Owner {
  /** The deployment's name, which its operators chose: others may have chosen the same. */
  deploymentId: string;
  /** Made once and kept in the database: no other installation has it. */
  installationId: string;
}

/**
 * What a thing's two marks say of it:
 * - `ours`: it carries both of ours.
 * - `unsigned`: our deployment's, made before installations had ids; ours if the ledger knows it.
 * - `another`: our deployment's name and another installation's id. It is reported and never touched.
 * - `others`: another deployment's, of which nothing is said.
 * - `nobody`: no mark.
 */
export type Whose = "ours" | "unsigned" | "another" | "others" | "nobody";

export function whoseIs(
  owner: Owner,
  deployment: string | null | undefined,
  installation: string | null | undefined,
): Whose {
  if (deployment === undefined || deployment === null) return "nobody";
  if (deployment !== owner.deploymentId) return "others";
  if (installation === undefined || installation === null) return "unsigned";
  return installation === owner.installationId ? "ours" : "another";
}

/** Why a thing was left as it is, as the end of a sentence that names it. */
export function refusalOf(owner: Owner, installation: string | null | undefined): string {
  return installation === undefined || installation === null || installation === owner.installationId
    ? `is not this deployment's (${owner.deploymentId}); it was left as it is`
    : `is of installation ${installation} of deployment ${owner.deploymentId}, and this is installation ` +
        `${owner.installationId}; it was left as it is`;
}
