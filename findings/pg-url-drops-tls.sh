#!/usr/bin/env bash
# guess:     that `ssl` given beside `connectionString` counts for more than the URL, or is at least merged with what its
#            `sslmode` says: an option in code usually does.
# version:   pg 8.23.1, Node 20.20.2
# behaviour: any `sslmode` in the URL replaces the whole of `ssl`, without a word: the authority and the check of the server's name
#            that were given are gone. Without `sslmode` they are kept.
# output:    with sslmode: no ca, no checkServerIdentity
#            without sslmode: ca, checkServerIdentity
# For Berth: where it gives a check of its own, it takes from the URL what that says of TLS (packages/core/src/db/connect.ts).
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm install --silent --no-audit --no-fund pg@8.23.1
cat >see.mjs <<'END'
import pg from "pg";
const ssl = { ca: "an authority of one's own", checkServerIdentity: () => undefined };
for (const [name, query] of [["with sslmode", "?sslmode=verify-full"], ["without sslmode", ""]]) {
  const client = new pg.Client({ connectionString: `postgres://u:p@host/db${query}`, ssl });
  const kept = (key) => (key in client.ssl ? key : `no ${key}`);
  console.log(`${name}: ${kept("ca")}, ${kept("checkServerIdentity")}`);
}
END
seen=$(node see.mjs)
echo "$seen"
[ "$seen" = "with sslmode: no ca, no checkServerIdentity
without sslmode: ca, checkServerIdentity" ]
