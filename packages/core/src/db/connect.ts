import { Socket } from "node:net";
import { checkServerIdentity, type ConnectionOptions } from "node:tls";
import pg from "pg";
import { parseDatabaseUrl } from "../config/database-address.js";

/** None of several hosts may be written now, as while a failover is under way. */
export class NoPrimaryError extends Error {
  override readonly name = "NoPrimaryError";
  readonly code = "ENOPRIMARY";
}

const TLS_PARAMETERS = ["ssl", "sslmode", "sslcert", "sslkey", "sslrootcert", "uselibpqcompat"];
/** How long one of several hosts may take to say whether it may be written, in ms. */
const ASK_LIMIT_MS = 2_000;

/**
 * How pg is to connect to a `DATABASE_URL`: the only place that reads one. Of several hosts each new connection goes to the
 * one that may be written, which is found by asking them in turn, that of the last time first: pg itself knows one host only.
 */
export function connectionTo(url: string): pg.ClientConfig {
  const { hosts, asked } = parseDatabaseUrl(url) ?? { hosts: [url], asked: false };
  if (!asked) return { connectionString: hosts[0]! };
  let order = [...hosts];
  let asking: Promise<string> | null = null;
  const find = async (): Promise<string> => {
    const reasons: string[] = [];
    for (const host of order) {
      const reason = await refusalOf(host);
      if (reason === null) {
        order = [host, ...hosts.filter((one) => one !== host)];
        return host;
      }
      reasons.push(`${new URL(host).host}: ${reason}`);
    }
    throw new NoPrimaryError(`no host may be written (${reasons.join("; ")})`);
  };
  const primary = (): Promise<string> => {
    asking ??= find().finally(() => (asking = null));
    return asking;
  };
  const stream = (): Socket => new PrimarySocket(primary);
  const { ssl } = new pg.Client({ connectionString: hosts[0]! });
  if (!ssl) return { connectionString: hosts[0]!, stream };
  // What a URL says of TLS would count for more than this.
  const plain = new URL(hosts[0]!);
  for (const name of TLS_PARAMETERS) plain.searchParams.delete(name);
  return { connectionString: plain.href, stream, ssl: withNamesOf(hosts, ssl) };
}

/** Runs `work` on a connection of its own, outside any pool. @param settings besides those that the URL has */
export async function withClient<T>(
  connectionString: string,
  work: (client: pg.Client) => Promise<T>,
  settings: Pick<pg.ClientConfig, "options"> = {},
): Promise<T> {
  const client = new QuietClient({
    ...connectionTo(connectionString),
    connectionTimeoutMillis: 5_000,
    ...settings,
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** One that a pool has handed out and that breaks between two statements has nobody to tell: unheard, it would end the process. */
export class QuietClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on("error", () => undefined);
  }
}

/** A socket that connects to where it is told to, and not to where pg says. */
class PrimarySocket extends Socket {
  readonly #primary: () => Promise<string>;

  constructor(primary: () => Promise<string>) {
    super();
    this.#primary = primary;
  }

  override connect(): this {
    this.#primary().then(
      (url) => {
        const { host, port } = new pg.Client({ connectionString: url });
        if (!this.destroyed) super.connect(port, host);
      },
      (error: unknown) => void this.destroy(error as Error),
    );
    return this;
  }
}

/** Why a host isn't the one; null: it is. */
async function refusalOf(url: string): Promise<string | null> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "berth-find",
    connectionTimeoutMillis: ASK_LIMIT_MS,
    query_timeout: ASK_LIMIT_MS,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ transaction_read_only: string }>("show transaction_read_only");
    return rows[0]?.transaction_read_only === "off" ? null : "it is read-only";
  } catch (error) {
    return error instanceof AggregateError ? String(error.errors[0]) : (error as Error).message;
  } finally {
    void client.end().catch(() => undefined);
  }
}

/** pg checks a certificate against the first host's name, whichever it has come to. */
function withNamesOf(hosts: readonly string[], ssl: true | ConnectionOptions): ConnectionOptions {
  const names = hosts.map((host) => new URL(host).hostname);
  return {
    ...(ssl === true ? {} : ssl),
    checkServerIdentity: (_, certificate) => {
      const wrong = names.map((name) => checkServerIdentity(name, certificate));
      return wrong.includes(undefined) ? undefined : wrong[0];
    },
  };
}
