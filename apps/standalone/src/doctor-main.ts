import { doctor } from "./doctor.js";

process.exitCode = await doctor((line) => void process.stdout.write(`${line}\n`));
