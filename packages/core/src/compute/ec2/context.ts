import { setMaxListeners } from "node:events";
import type { CallOptions, CallPriority } from "../backend.js";
import { type Absence, createAbsence } from "./absence.js";
import { type Aws, openAws } from "./aws.js";
import { type Capacity, createCapacity } from "./capacity.js";
import { createLookups, type Lookups } from "./lookups.js";
import type { Ec2Options } from "./settings.js";
import { createSubnets, type Subnets } from "./subnets.js";
import { createTerminator, type Terminator } from "./terminate.js";

/** What all parts of the backend work with. */
export interface Ec2 {
  options: Ec2Options;
  aws: Aws;
  lookups: Lookups;
  absence: Absence;
  capacity: Capacity;
  subnets: Subnets;
  terminate: Terminator;
}

/** Under whose signal, how urgent, and how patient (`CallOptions.patienceMs`). */
export interface Caller {
  signal: AbortSignal;
  priority: CallPriority;
  patienceMs: number;
}

export function openEc2(options: Ec2Options): Ec2 {
  const aws = openAws(options);
  return {
    options,
    aws,
    lookups: createLookups(aws, options.deploymentId),
    absence: createAbsence(options.absences, options.absenceMs),
    capacity: createCapacity(),
    subnets: createSubnets(aws),
    terminate: createTerminator(aws),
  };
}

export function callerOf({ signal, priority, patienceMs }: CallOptions, usual: CallPriority): Caller {
  // A probe of many instances waits for as many answers under one signal; Node would take that for a leak.
  setMaxListeners(0, signal);
  return { signal, priority: priority ?? usual, patienceMs: patienceMs ?? Infinity };
}
