import { databasePlace } from "@berth/core/config/database-address";
import { migrate, SchemaTooNewError } from "@berth/core/db/migrate";
import { reasonOf, StartError } from "./start-error.js";

/** Brings the database to this version's schema. @throws StartError without its password. */
export async function migrateOrExplain(databaseUrl: string): Promise<void> {
  try {
    await migrate(databaseUrl);
  } catch (error) {
    if (error instanceof SchemaTooNewError) throw new StartError(error.message, error);
    throw new StartError(
      `DATABASE_URL: ${databasePlace(databaseUrl)} can't be used (${reasonOf(error)})`,
      error,
    );
  }
}
