#!/usr/bin/env bash
# Proves that what is published can be used: packs the three packages as npm would, lets publint and attw judge the tarballs,
# installs them into an empty project, and imports, compiles and runs them there. Needs a build and a registry.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packages=(packages/client apps/cli packages/ec2-simulator)

for package in "${packages[@]}"; do
  npm pack --silent --pack-destination "$work" --workspace "$package" >/dev/null
done
for tarball in "$work"/*.tgz; do
  files=$(tar -tzf "$tarball")
  echo "$(basename "$tarball"): $(wc -l <<<"$files") files, $(stat -c %s "$tarball") bytes"
  for wanted in package/LICENSE package/README.md package/dist/; do
    grep -q "^$wanted" <<<"$files" || { echo "$wanted is missing"; exit 1; }
  done
  npx publint --strict "$tarball"
  case $(basename "$tarball") in
    # A command has nothing to import.
    berth-cli-*) ;;
    *) npx attw --profile esm-only --format table-flipped "$tarball" ;;
  esac
done

mkdir "$work/project"
cd "$work/project"
npm init --yes >/dev/null
npm pkg set type=module >/dev/null
npm install --no-audit --no-fund --silent "$work"/*.tgz "typescript@5.9.3" "@types/node@20"

echo "── import"
cat >use.ts <<'END'
import { BerthError, createClient, STATUSES, type Workspace } from "@berth/client";
import { startSimulator } from "berth-ec2-simulator/server";

const simulator = await startSimulator();
const answer = await fetch(`${simulator.url}/_sim/health`);
if (!answer.ok || !STATUSES.includes("online")) throw new Error(`the simulator answered ${answer.status}`);
await simulator.close();
const berth = createClient({ url: "http://127.0.0.1:1", key: "none", retry: { tries: 1 } });
const name = async (): Promise<Workspace["name"] | undefined> => (await berth.GET("/workspaces")).data[0]?.name;
await name().catch((error: unknown) => {
  if (!(error instanceof BerthError) || error.code !== "unreachable") throw error;
});
END
npx tsc --strict --module nodenext --target es2023 --lib es2023,dom,dom.iterable --skipLibCheck false --types node use.ts
node use.js

echo "── npx"
npx berth --version
npx berth --help >/dev/null
npx berth-ec2-simulator --help >/dev/null
code=0
BERTH_URL=http://127.0.0.1:1 BERTH_KEY=none npx berth ls 2>/dev/null || code=$?
[ "$code" = 6 ] || { echo "berth ls of nobody ended with $code"; exit 1; }
echo "packages: they can be installed, imported, compiled against and run"
