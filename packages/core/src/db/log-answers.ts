import type { Queryable } from "./pool.js";

/** Leaves an answer for whoever asked, and drops those that nobody has taken within a minute. */
export async function leaveAnswer(db: Queryable, id: string, answer: object): Promise<void> {
  await db.query(
    `with dropped as (delete from log_answers where created_at < clock_timestamp() - interval '1 minute')
     insert into log_answers (id, answer) values ($1, $2)`,
    [id, JSON.stringify(answer)],
  );
}

/** Takes an answer away. Null if there is none. */
export async function takeAnswer(db: Queryable, id: string): Promise<object | null> {
  const { rows } = await db.query<{ answer: string }>(
    "delete from log_answers where id = $1 returning answer",
    [id],
  );
  return rows[0] === undefined ? null : (JSON.parse(rows[0].answer) as object);
}
