/** The installation that a test's backends are of, where it has no database to ask. */
export const INSTALLATION = "00000000-0000-4000-8000-00000000000a";
/** Another one of the same deployment's name. */
export const ANOTHER = "00000000-0000-4000-8000-00000000000b";
