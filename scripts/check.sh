#!/usr/bin/env bash
# The list of steps that prove a checkout: `npm run check` runs it, and .ci/run after installing.
# Whatever fails, the others run as well. It ends by itself within 60 minutes, or within the seconds given as $1.
# The last line is "N passed, N failed", a step that failed beside its tests counted as one.
set -uo pipefail
cd "$(dirname "$0")/.."

export TURBO_TELEMETRY_DISABLED=1 DO_NOT_TRACK=1 NO_UPDATE_NOTIFIER=1
exec </dev/null
# Half a minute of it is for what doesn't end when it is told, and for the numbers.
deadline=$((SECONDS + ${1:-3600} - 30))
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
: >"$reports/failed"

# step NAME MINUTES COMMAND…: runs it for so long at most, and no longer than is left of the whole.
step() {
  local name=$1 limit=$(($2 * 60)) left=$((deadline - SECONDS)) began=$SECONDS
  shift 2
  if ((limit > left)); then limit=$((left > 1 ? left : 1)); fi
  echo "── $name"
  if timeout --kill-after=15 "$limit" "$@"; then
    echo "── $name: $((SECONDS - began)) s"
  else
    echo "── $name failed after $((SECONDS - began)) s"
    echo "$name" >>"$reports/failed"
  fi
}

# tests NAME MINUTES COMMAND…: a run of tests, with vitest's own report beside its summary.
tests() {
  step "$@" --reporter=default --reporter=json --outputFile.json="$reports/$1.json"
}

# As a run of tests whose failures are told of and don't count: what it finds is looked at by a person, since random requests
# and minutes of faults can show what no commit has changed.
told() {
  step "$@" --reporter=default --reporter=json --outputFile.json="$reports/$1.told.json"
  sed -i "/^$1\$/d" "$reports/failed"
}

step "build" 5 npm run --silent build
step "types of tests" 5 npm run --silent typecheck:test
step "lint" 5 npm run --silent lint
step "format" 5 npm run --silent format:check
step "dead code" 5 npm run --silent knip
step "packages" 5 scripts/check-packages.sh
step "supply chain" 2 scripts/supply-chain.sh
step "docs" 4 scripts/docs.sh
tests "test" 25 npm run --silent test --
tests "newest Node" 8 scripts/newest-node.sh
told "test:long" 40 npm run --silent test:long --

node scripts/check-numbers.mjs "$reports"
