// npm run openapi: writes the API's description into the repository, for generators of clients that nobody has to start Berth for.
import { writeFile } from "node:fs/promises";
import { describeApi } from "@berth/api/description";

const text = JSON.stringify(await describeApi(), null, 1);
await writeFile(new URL("../docs/openapi.json", import.meta.url), `${text}\n`);
