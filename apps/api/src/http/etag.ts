import { BerthError } from "@berth/core/base/errors";

/** The strong entity tag of a version. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/** The version that `If-Match` insists on; undefined if any will do. @throws BerthError `invalid_request`. */
export function versionWanted(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === "*") return undefined;
  const [, version] = /^\s*"(\d{1,15})"\s*$/.exec(ifMatch) ?? [];
  if (version !== undefined) return Number(version);
  throw new BerthError("invalid_request", "If-Match: expected one ETag of this workspace", {
    errors: [{ field: "If-Match", expected: 'one ETag as it was given, such as "3", or *' }],
  });
}

/** True if the caller has this version already. */
export function isKnown(ifNoneMatch: string | undefined, version: number): boolean {
  const known = (tag: string): boolean => ["*", etagOf(version)].includes(tag.trim().replace(/^W\//, ""));
  return ifNoneMatch?.split(",").some(known) ?? false;
}
