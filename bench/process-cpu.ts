import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Environment } from '../local/environment.ts';

/** Linux counts processor time in hundredths of a second. */
const TICK_MS = 10;

/** Processor time used so far, ms. */
export interface CpuMs {
  readonly mainThread: number; // SQS, gateway, event sources, HTTP API
  readonly functions: number; // all Lambda instances
  readonly dynamodb: number;
  readonly crms: number; // the simulators, and the people at work in them
}

export function cpuOf(environment: Environment, dataDir: string): CpuMs {
  const used = process.threadCpuUsage();
  return {
    mainThread: (used.user + used.system) / 1_000,
    functions: Object.values(environment.stack.stats().functions).reduce((sum, one) => sum + one.cpuMs, 0),
    dynamodb: processCpuMs(dynamodbPid(dataDir)),
    crms: processCpuMs(environment.crms?.pid ?? 0),
  };
}

export function cpuBetween(before: CpuMs, after: CpuMs): CpuMs & { readonly total: number } {
  const mainThread = after.mainThread - before.mainThread;
  const functions = after.functions - before.functions;
  const dynamodb = after.dynamodb - before.dynamodb;
  const crms = after.crms - before.crms;
  return { mainThread, functions, dynamodb, crms, total: mainThread + functions + dynamodb + crms };
}

function dynamodbPid(dataDir: string): number {
  try {
    return Number(readFileSync(path.join(dataDir, 'aws', 'dynamodb.pid'), 'utf8').trim());
  } catch {
    return 0;
  }
}

/** 0 where the system does not tell (other than Linux). */
function processCpuMs(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return 0;
  }
}
