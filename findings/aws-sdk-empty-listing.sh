#!/usr/bin/env bash
# guess:     the AWS SDK rejects a 200 that is no answer of EC2's: an empty body, or a page of a proxy's in HTML
# version:   @aws-sdk/client-ec2 3.1169.0, Node 20.20.2
# behaviour: an empty body, and any well-formed page or other XML, resolve like a clean listing of nothing
# output:    empty body: resolved, no reservations
#            a page in HTML: resolved, no reservations
#            another service's XML: resolved, no reservations
#            a page that is no XML: rejected
# For Berth: "nothing is there" is believed only of an answer whose root is EC2's own (compute/ec2/answers.ts), since an
# empty list would prove every instance gone (I4).
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm install --silent --no-audit --no-fund @aws-sdk/client-ec2@3.1169.0
cat >seen.mjs <<'JS'
import { createServer } from "node:http";
import { EC2Client, DescribeInstancesCommand } from "@aws-sdk/client-ec2";

let body = "";
const server = createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(200, { "content-type": "text/xml" }).end(body));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const client = new EC2Client({
  endpoint: `http://127.0.0.1:${server.address().port}`,
  region: "eu-west-1",
  credentials: { accessKeyId: "key", secretAccessKey: "secret" },
  maxAttempts: 1,
});
const answers = {
  "empty body": "",
  "a page in HTML": "<html><body><h1>Please log in</h1></body></html>",
  "another service's XML": "<ListBucketResult><Name>logs</Name></ListBucketResult>",
  "a page that is no XML": "<html><body><h1>502<br>Bad gateway</body>",
};
for (const [what, text] of Object.entries(answers)) {
  body = text;
  const outcome = await client.send(new DescribeInstancesCommand({ MaxResults: 100 })).then(
    ({ Reservations }) => `resolved, ${Reservations?.length ? "with" : "no"} reservations`,
    () => "rejected",
  );
  console.log(`${what}: ${outcome}`);
}
server.close();
JS
seen=$(node --no-warnings seen.mjs)
echo "$seen"
[ "$seen" = "empty body: resolved, no reservations
a page in HTML: resolved, no reservations
another service's XML: resolved, no reservations
a page that is no XML: rejected" ]
