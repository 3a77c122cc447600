import type { Queryable } from "./pool.js";

/** How old the newest note may become, in ms: a copy's can be told from ours once both have made one. */
const NOTE_MS = 30_000;
/** How long before the newest one a note is still known as ours, in days: for places that weren't reached meanwhile. */
const KNOWN_DAYS = 7;

/** What this database leaves where it works, to be told from copies of it; another one every 30 s. */
export async function currentNote(db: Queryable): Promise<string> {
  const { rows } = await db.query<{ note: string }>(
    `with newest as (
       select note, made_at from installation_notes order by made_at desc limit 1
     ), forgotten as (
       delete from installation_notes n using newest where n.made_at < newest.made_at - $2 * interval '1 day'
     ), made as (
       insert into installation_notes (note) select gen_random_uuid()
       where not exists (select from newest where made_at > clock_timestamp() - $1 * interval '1 millisecond')
       returning note
     )
     select note from made union all select note from newest limit 1`,
    [NOTE_MS, KNOWN_DAYS],
  );
  return rows[0]!.note;
}

/** Of these, the notes that this database hasn't made. */
export async function notesOfOthers(db: Queryable, notes: readonly string[]): Promise<string[]> {
  if (notes.length === 0) return [];
  const { rows } = await db.query<{ note: string }>(
    `select there.note from unnest($1::text[]) as there (note)
     where not exists (select from installation_notes ours where ours.note::text = there.note) order by 1`,
    [notes],
  );
  return rows.map(({ note }) => note);
}
