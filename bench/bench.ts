import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type ConcordClient, concordClient, type Tripped } from '../local/concord-client.ts';
import { type Environment, startEnvironment } from '../local/environment.ts';
import type { Edit, WorkPlan } from '../local/simulators/busy-people.ts';
import type { WriteLogEntry } from '../local/simulators/simulator.ts';
import { addBallast } from './ballast.ts';
import { arrivalsOf, byFunction, costsOf, doubledCreates, echoWrites, perChange, percentile } from './measure.ts';
import { cpuBetween, cpuOf } from './process-cpu.ts';

const USAGE = `Measures the whole local stack. All scenarios run in one and the same configuration.

  npm run bench                          a table and the JSON
  npm run bench -- --json                the JSON alone
  npm run bench -- --people 1000         linked pairs to begin with
  npm run bench -- --seconds 20          length of each latency scenario
  npm run bench -- --only calls,burst    some scenarios: calls, burst, latency, limits, stored, bundles
  npm run bench -- --stored 100000       idle contacts that the scenario "stored" adds
`;

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    people: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '20' },
    only: { type: 'string', default: 'calls,latency,limits,burst,stored,bundles' },
    stored: { type: 'string', default: '100000' },
    help: { type: 'boolean', default: false },
  },
});

/** The time a CRM takes for a call, ms: what the targets are stated for. */
const CALL_MS = 50;
const RATES = [145, 289] as const; // edits per second
const CONTESTED = 0.1;
const STORED_RATE = 100;
/** What a stop held back is asked for again once it has waited for three minutes. */
const SWEEP_MS = 5 * 60_000;
const SWEEP_PAUSE_MS = 10_000;

interface Bench {
  readonly environment: Environment;
  readonly concord: ConcordClient;
  readonly dataDir: string;
  readonly twins: WorkPlan['twins'];
  /** What the guards stopped and the bench approved. */
  readonly approvals: { stops: number; frozen: number };
}

async function main(): Promise<void> {
  if (flags.help) return void process.stdout.write(USAGE);
  const only = new Set(flags.only.split(','));
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'concord-bench-'));
  const environment = await startEnvironment({ dataDir, onProgress: note });
  try {
    const bench = await prepare(environment, dataDir, Number(flags.people));
    const results: Record<string, unknown> = {
      machine: { cpus: os.cpus().length, node: process.version },
      people: bench.twins.length,
    };
    if (only.has('calls')) {
      results.massEditInHubSpot = await massEdit(bench, 'hubspot', 11);
      results.massEditInSalesforce = await massEdit(bench, 'salesforce', 12);
    }
    if (only.has('latency'))
      for (const [index, rate] of RATES.entries())
        results[`webhooks${rate}PerSecond`] = await steady(bench, rate, false, 20 + index);
    if (only.has('limits'))
      for (const [index, rate] of RATES.entries())
        results[`webhooks${rate}PerSecondWithLimits`] = await steady(bench, rate, true, 30 + index);
    if (only.has('burst')) results.burst = await burst(bench, 40);
    if (only.has('stored')) results.stored = await stored(bench);
    if (only.has('bundles')) results.bundles = bundles(environment);
    results.safety = { ...(await safety(environment)), approvals: bench.approvals };
    process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  } finally {
    await environment.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function prepare(environment: Environment, dataDir: string, count: number): Promise<Bench> {
  const { crms } = environment;
  if (crms === undefined) throw new Error('the bench runs on the bundled simulators');
  const concord = concordClient(environment);
  note(`linking ${count} people`);
  await crms.salesforce.changeSettings({ limits: false });
  await crms.hubspot.changeSettings({ limits: false });
  const person = (index: number) => ({
    first: `First${index}`,
    last: `Last${index}`,
    mail: `person${index}@example.com`,
    number: String(1_000_000 + index),
  });
  const people = Array.from({ length: count }, (_, index) => person(index));
  const salesforceIds = await crms.salesforce.load(
    'Contact',
    people.map(({ first, last, mail, number }) => ({
      FirstName: first,
      LastName: last,
      Email: mail,
      Person_Number__c: number,
      MailingCity: 'Sydney',
    })),
  );
  const hubspotIds = await crms.hubspot.load(
    'contacts',
    people.map(({ first, last, mail, number }) => ({
      firstname: first,
      lastname: last,
      email: mail,
      person_number: number,
      city: 'Sydney',
    })),
  );
  await concord.untilLive(900_000);
  await concord.pollNow(120_000);
  await crms.salesforce.changeSettings({ latencyMs: CALL_MS });
  await crms.hubspot.changeSettings({ latencyMs: CALL_MS });
  const twins = salesforceIds.map((salesforceId, index) => ({ salesforceId, hubspotId: hubspotIds[index] ?? '' }));
  const bench: Bench = { environment, concord, dataDir, twins, approvals: { stops: 0, frozen: 0 } };
  note('warming up');
  await work(bench, { editsPerSecond: 100, durationMs: 4_000, contested: CONTESTED, seed: 1 });
  await settle(bench, 120_000);
  return bench;
}

/**
 * Waits until nothing is left to do. The guards are on, as everywhere: what they stop is approved through the operator API, by its
 * id, and counted. A stop of a whole system leaves its writes to the sweep, which takes minutes, as in an account.
 */
async function settle(bench: Bench, timeoutMs: number): Promise<void> {
  const { concord, environment, approvals } = bench;
  const deadlineMs = Date.now() + timeoutMs + SWEEP_MS;
  await concord.untilQuiet(timeoutMs);
  for (let tripped = await concord.tripped(); isTripped(tripped); tripped = await concord.tripped()) {
    if (Date.now() > deadlineMs) throw new Error(`the guards still stop ${JSON.stringify(tripped)}`);
    approvals.stops += tripped.stops.length;
    approvals.frozen += tripped.frozen.length;
    await concord.approve(tripped, 'the bench edits in bulk, and faster than people do');
    await concord.untilQuiet(timeoutMs);
    while (tripped.stops.length > 0 && Date.now() < deadlineMs && (await concord.stats()).undelivered.records > 0) {
      await sleep(SWEEP_PAUSE_MS);
      await environment.stack.runSchedules('Sweep');
      await concord.untilQuiet(timeoutMs);
    }
  }
}

function isTripped({ stops, frozen }: Tripped): boolean {
  return stops.length + frozen.length > 0;
}

function work(bench: Bench, plan: Omit<WorkPlan, 'twins'>): Promise<Edit[]> {
  const { crms } = bench.environment;
  if (crms === undefined) throw new Error('the bench runs on the bundled simulators');
  return crms.work({ ...plan, twins: bench.twins });
}

async function writesOf(environment: Environment): Promise<WriteLogEntry[]> {
  return [...((await environment.crms?.salesforce.writes()) ?? []), ...((await environment.crms?.hubspot.writes()) ?? [])];
}

async function resetCounters({ environment }: Bench): Promise<void> {
  environment.stack.resetStats();
  await environment.crms?.salesforce.resetCalls();
  await environment.crms?.hubspot.resetCalls();
}

async function callsOf({ environment }: Bench) {
  return {
    salesforce: (await environment.crms?.salesforce.calls())?.total ?? 0,
    hubspot: (await environment.crms?.hubspot.calls())?.total ?? 0,
  };
}

/** Everybody edited once, in one system, as fast as it goes: what a mass update costs in API calls. */
async function massEdit(bench: Bench, system: 'salesforce' | 'hubspot', seed: number) {
  note(`one edit of each of ${bench.twins.length} contacts in ${system}`);
  await resetCounters(bench);
  const startedAtMs = Date.now();
  const edits = await work(bench, { editsPerSecond: 1, durationMs: 1, contested: 0, seed, onceEach: system });
  await settle(bench, 300_000);
  const { unexplained, ...arrivals } = arrivalsOf(edits, await writesOf(bench.environment));
  return {
    ...arrivals,
    lost: unexplained.length,
    seconds: (Date.now() - startedAtMs) / 1_000,
    calls: await callsOf(bench),
    perChange: perChange(costsOf(bench.environment), edits.length),
  };
}

/** People at work in both CRMs at a steady rate. */
async function steady(bench: Bench, editsPerSecond: number, limits: boolean, seed: number) {
  note(`${editsPerSecond} edits/s for ${flags.seconds} s, rate limits ${limits ? 'on' : 'off'}`);
  const { environment } = bench;
  await environment.crms?.salesforce.changeSettings({ limits });
  await environment.crms?.hubspot.changeSettings({ limits });
  // The budget learns the limits from the answers' headers.
  await work(bench, { editsPerSecond: 50, durationMs: 3_000, contested: 0, seed: seed + 1_000 });
  await settle(bench, 120_000);
  await resetCounters(bench);
  const cpuBefore = cpuOf(environment, bench.dataDir);
  const edits = await work(bench, { editsPerSecond, durationMs: Number(flags.seconds) * 1_000, contested: CONTESTED, seed });
  const drainBeganAtMs = Date.now();
  await settle(bench, 300_000);
  const drainMs = Date.now() - drainBeganAtMs;
  const cpu = cpuBetween(cpuBefore, cpuOf(environment, bench.dataDir));
  const { unexplained, ...arrivals } = arrivalsOf(edits, await writesOf(environment));
  const refused = {
    salesforce: (await environment.crms?.salesforce.calls())?.byStatus,
    hubspot: (await environment.crms?.hubspot.calls())?.byStatus,
  };
  return {
    ...arrivals,
    lost: unexplained.length,
    drainMs,
    calls: await callsOf(bench),
    byStatus: refused,
    perChange: perChange(costsOf(environment), edits.length),
    functions: byFunction(environment, edits.length),
    cpuMsPerChange: perChange(cpu, edits.length),
  };
}

/** More edits than can be carried at once: how many changes per second go through when there is always a backlog. */
async function burst(bench: Bench, seed: number) {
  note('a backlog of edits, as fast as it goes');
  await bench.environment.crms?.salesforce.changeSettings({ limits: false });
  await bench.environment.crms?.hubspot.changeSettings({ limits: false });
  await work(bench, { editsPerSecond: 50, durationMs: 2_000, contested: 0, seed: seed + 1_000 });
  await settle(bench, 120_000);
  await resetCounters(bench);
  const cpuBefore = cpuOf(bench.environment, bench.dataDir);
  const startedAtMs = Date.now();
  const edits = await work(bench, { editsPerSecond: 800, durationMs: 10_000, contested: CONTESTED, seed });
  await settle(bench, 300_000);
  const seconds = (Date.now() - startedAtMs) / 1_000;
  const cpu = cpuBetween(cpuBefore, cpuOf(bench.environment, bench.dataDir));
  const { unexplained, ...arrivals } = arrivalsOf(edits, await writesOf(bench.environment));
  return {
    changesPerSecond: Math.round(edits.length / seconds),
    seconds,
    ...arrivals,
    lost: unexplained.length,
    calls: await callsOf(bench),
    perChange: perChange(costsOf(bench.environment), edits.length),
    cpuMsPerChange: perChange(cpu, edits.length),
  };
}

/** Size of each bundle, and the time its import took in this run's cold starts. */
function bundles(environment: Environment) {
  const imports = Object.entries(environment.stack.stats().functions).flatMap(([name, { importMs }]) =>
    importMs.length === 0
      ? []
      : [
          [
            name.replace(/[0-9A-F]{8}$/, ''),
            Math.round(
              percentile(
                importMs.toSorted((a, b) => a - b),
                0.5,
              ),
            ),
          ] as const,
        ],
  );
  return {
    kilobytes: Object.fromEntries(
      [...environment.synthesis.bundles.sizesInBytes].map(([name, bytes]) => [name, Math.round(bytes / 1_024)]),
    ),
    importMs: Object.fromEntries(imports),
  };
}

/** The same work with few and with many records stored: the costs of a change may not grow. */
async function stored(bench: Bench) {
  const few = await steady(bench, STORED_RATE, false, 50);
  const count = Number(flags.stored);
  await addBallast(bench.environment, count, (done) => {
    if (done % 20_000 === 0) note(`${done} of ${count} idle contacts stored`);
  });
  await settle(bench, 300_000);
  const many = await steady(bench, STORED_RATE, false, 51);
  const shown = ({ p50Ms, p95Ms, perChange: costs, cpuMsPerChange, calls }: typeof few) => ({
    p50Ms,
    p95Ms,
    calls,
    perChange: costs,
    cpuMsPerChange,
  });
  return {
    [`with ${bench.twins.length}`]: shown(few),
    [`with ${bench.twins.length + count}`]: shown(many),
    ratio: {
      writeUnits: ratio(many.perChange.writeUnits, few.perChange.writeUnits),
      readUnits: ratio(many.perChange.readUnits, few.perChange.readUnits),
      cpuMs: ratio(many.cpuMsPerChange.total, few.cpuMsPerChange.total),
      p50: ratio(many.p50Ms, few.p50Ms),
    },
  };
}

function ratio(a: number | undefined, b: number | undefined): number {
  return Math.round(((a ?? 0) / Math.max(0.001, b ?? 0)) * 100) / 100;
}

async function safety(environment: Environment) {
  const writes = await writesOf(environment);
  const { denied, deadLetters } = environment.stack.stats();
  const people = writes.filter((write) => write.by.kind === 'person').length;
  return {
    edits: people,
    echoWrites: echoWrites(writes),
    echoWritesPercent: Math.round((echoWrites(writes) / Math.max(1, people)) * 10_000) / 100,
    doubledCreates: doubledCreates(writes),
    deniedCalls: denied.length,
    deadLetters: Object.values(deadLetters).reduce((sum, count) => sum + count, 0),
  };
}

function note(step: string): void {
  if (!flags.json) process.stderr.write(`… ${step}\n`);
}

await main();
