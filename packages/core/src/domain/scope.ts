/** What keys may do, each what those before it may as well. */
export const SCOPES = ["viewer", "operator", "admin"] as const;
export type Scope = (typeof SCOPES)[number];
