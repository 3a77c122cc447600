// What check.sh says at its end: the slowest files of each run, the tests and steps that failed, and "N passed, N failed".
// Its argument is the directory with vitest's reports, each named after its step, and with `failed`: those steps' names.
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";

const RUNS = ["test", "newest Node", "test:long"];
const SLOWEST = 12;
/** How much of a failure's message is repeated, in lines. */
const TOLD_LINES = 12;
const [directory] = process.argv.slice(2);
const failedSteps = readFileSync(join(directory, "failed"), "utf8").split("\n").filter(Boolean);
let [passed, failed] = [0, 0];

for (const run of RUNS) {
  const report = reportOf(run);
  if (report === null) continue;
  passed += report.numPassedTests;
  const ofTests = report.numFailedTests + report.testResults.filter(isBroken).length;
  failed += ofTests;
  // It has been counted by its tests.
  if (ofTests > 0 && failedSteps.includes(run)) failedSteps.splice(failedSteps.indexOf(run), 1);
  printSlowest(run, report.testResults);
  printFailures(report.testResults);
}
for (const run of RUNS) {
  const report = reportOf(`${run}.told`);
  if (report === null) continue;
  printSlowest(run, report.testResults);
  printFailures(report.testResults);
  const broken = report.numFailedTests + report.testResults.filter(isBroken).length;
  console.log(`${run}, not counted: ${report.numPassedTests} passed, ${broken} failed`);
}
// A leak that fails a run beside its tests, a step without tests, a run that was ended before it could report.
failed += failedSteps.length;
if (failedSteps.length > 0) console.log(`Failed: ${failedSteps.join(", ")}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function reportOf(run) {
  const file = join(directory, `${run}.json`);
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // A run that was ended in time has written none, or half of one.
    return null;
  }
}

/** A file that failed, though none of its tests did: it couldn't be loaded, or one of its hooks failed. */
function isBroken({ status, assertionResults }) {
  return status === "failed" && assertionResults.every((test) => test.status !== "failed");
}

function printSlowest(run, files) {
  const seconds = ({ startTime, endTime }) => Math.round((endTime - startTime) / 1_000);
  const slowest = files.toSorted((a, b) => seconds(b) - seconds(a)).slice(0, SLOWEST);
  console.log(`The slowest of ${files.length} files of ${run}, in seconds:`);
  for (const file of slowest)
    console.log(`${String(seconds(file)).padStart(6)}  ${relative(process.cwd(), file.name)}`);
}

/** Again at the end, where whoever has only the end of the output sees them. */
function printFailures(files) {
  for (const { name, message, assertionResults } of files) {
    const file = relative(process.cwd(), name);
    if (isBroken({ status: "failed", assertionResults }) && message) print(file, [message]);
    for (const test of assertionResults)
      if (test.status === "failed") print(`${file} > ${test.fullName}`, test.failureMessages);
  }
}

function print(what, messages) {
  console.log(`FAILED ${what}`);
  for (const line of messages.join("\n").split("\n").slice(0, TOLD_LINES)) console.log(`    ${line}`);
}
