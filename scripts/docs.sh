#!/usr/bin/env bash
# Builds docs/site/dist, the pages of this repository as a site. What builds it has a lockfile of its own and is installed beside it,
# so that npm ci of the repository needs none of it. A link that leads nowhere fails the build.
set -euo pipefail
cd "$(dirname "$0")/../docs/site"

if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then npm ci --ignore-scripts --no-audit --no-fund; fi
exec npm run --silent build
