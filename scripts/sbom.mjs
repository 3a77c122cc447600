/**
 * Prints what a running Berth has of npm (CycloneDX): of all workspaces, or of those named, such as `@berth/api`. By the lockfile: nothing
 * need be installed.
 */
import { execFileSync } from "node:child_process";

const workspaces = process.argv.slice(2).flatMap((name) => ["--workspace", name]);
// Not with --omit=dev: that leaves out (npm 11.19) what some workspace needs to run and the root's tests need too, fastify and pg among them.
const all = execFileSync("npm", ["sbom", "--sbom-format=cyclonedx", "--package-lock-only", ...workspaces], {
  maxBuffer: 2 ** 28,
  encoding: "utf8",
});
const bom = JSON.parse(all);
const isOnlyForBuilding = ({ name, properties }) =>
  properties.some((one) => one.name === "cdx:npm:package:development" && one.value === "true") ||
  // An optional peer of a library, which the lockfile has for the build.
  /^(@typescript\/.*|typescript)$/.test(name);
const left = new Set(bom.components.filter(isOnlyForBuilding).map((one) => one["bom-ref"]));
bom.components = bom.components.filter((one) => !left.has(one["bom-ref"]));
bom.dependencies = bom.dependencies
  .filter(({ ref }) => !left.has(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((one) => !left.has(one)) }));
console.log(JSON.stringify(bom, null, 2));
