import { startEmbeddedPostgres, type EmbeddedPostgres } from "@berth/standalone/embedded-postgres";
import { openJournal } from "../journal.js";

/** Starts a PostgreSQL of the run's own, which can be ended and started again on the same port. */
export async function startDatabase(
  dataDir: string,
  logFile: string,
  environment: Readonly<Record<string, string>>,
) {
  const log = openJournal(logFile);
  const logger = { debug: (line: string) => log.write({ line }) };
  let running = false;
  const launch = async (port?: number): Promise<EmbeddedPostgres> => {
    const launched = await startEmbeddedPostgres({
      dataDir,
      durable: false,
      logger,
      environment,
      ...(port === undefined ? {} : { port }),
    });
    running = true;
    void launched.ended.then(() => {
      if (launched === server) running = false;
    });
    return launched;
  };
  let server = await launch();
  const { port, url } = server;
  return {
    url: () => url,
    async end(how: "stop" | "crash") {
      if (how === "stop") await server.stop();
      else server.kill();
      await server.ended;
    },
    async start() {
      if (!running) server = await launch(port);
    },
  };
}
