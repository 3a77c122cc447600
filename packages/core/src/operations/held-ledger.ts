import { openResources, type OpenResource } from "../db/resources.js";
import type { Queryable } from "../db/pool.js";

/** Where its rows are read, and what is to be written before. */
interface Source {
  db: Queryable;
  workspaceId: string;
  flush(): Promise<void>;
}

/**
 * What the ledger has of a workspace whose gate is held. An attempt reads it once: while it holds the gate, nobody else
 * writes these rows but a delete, which only says of all of them that they are to go.
 */
export class HeldLedger {
  readonly #source: Source;
  #rows: OpenResource[] | null;
  /** True if a row was asked for since, so that how long ago that was is no longer known. */
  #asked = false;

  /** @param rows as just read; null: they are read each time. */
  constructor(source: Source, rows: OpenResource[] | null) {
    this.#source = source;
    this.#rows = rows;
  }

  /** The things that aren't proven gone. */
  async open(): Promise<OpenResource[]> {
    if (this.#rows !== null) return this.#rows;
    await this.#source.flush();
    return openResources(this.#source.db, this.#source.workspaceId);
  }

  /** As {@link open}, with how long ago by the database's clock each was asked for. */
  async openSince(): Promise<OpenResource[]> {
    if (this.#asked) this.forget();
    return this.open();
  }

  /** They are read anew from here on. */
  forget(): void {
    this.#rows = null;
  }

  /** Its provider has been, or is about to be, asked to make it. */
  asked(row: OpenResource): void {
    this.#asked = true;
    if (this.#rows?.includes(row) === false) this.#rows.push(row);
  }

  /** It is proven gone. */
  gone(row: OpenResource): void {
    this.#rows = this.#rows?.filter((one) => one.id !== row.id) ?? null;
  }
}

/** Of whoever has nothing that waits to be written, and writes these rows in many ways. */
export function unkeptLedger(db: Queryable, workspaceId: string): HeldLedger {
  return new HeldLedger({ db, workspaceId, flush: () => Promise.resolve() }, null);
}
