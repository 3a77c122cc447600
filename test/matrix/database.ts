import { onTestFinished } from "vitest";
import { createTestDatabase } from "../support/postgres.js";

/** A database of this run's PostgreSQL, which goes with the test. */
export async function databaseOf(): Promise<{ DATABASE_URL: string }> {
  const made = await createTestDatabase();
  onTestFinished(() => made.drop());
  return { DATABASE_URL: made.url };
}
