import { migrate, SchemaTooNewError } from "@berth/core/db/migrate";
import { Redis } from "ioredis";
import { reasonOf, StartError } from "./start-error.js";

/** Brings the database to this version's schema. @throws StartError without its password. */
export async function migrateOrExplain(databaseUrl: string): Promise<void> {
  try {
    await migrate(databaseUrl);
  } catch (error) {
    if (error instanceof SchemaTooNewError) throw new StartError(error.message, error);
    throw new StartError(`DATABASE_URL: ${placeOf(databaseUrl)} can't be used (${reasonOf(error)})`, error);
  }
}

/** Asks Redis for a sign of life. @throws StartError without its password. */
export async function pingRedis(redisUrl: string): Promise<void> {
  const client = new Redis(redisUrl, {
    lazyConnect: true,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  // The reason comes with this event; the command itself only says that the connection is closed.
  let failure: unknown;
  client.on("error", (error) => {
    failure = error;
  });
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    throw new StartError(
      `REDIS_URL: ${placeOf(redisUrl)} can't be used (${reasonOf(failure ?? error)})`,
      error,
    );
  } finally {
    client.disconnect();
  }
}

function placeOf(url: string): string {
  return new URL(url).host || "the local socket";
}
