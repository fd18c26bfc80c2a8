import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as z from 'zod';
import { type ConcordClient, concordClient } from '../../local/concord-client.ts';
import { type Environment, type EnvironmentOptions, startEnvironment } from '../../local/environment.ts';
import { type LocalSecrets, localSecrets } from '../../local/local-crms.ts';
import type { RemoteSimulator } from '../../local/simulators/remote.ts';
import type { SimulatorSettings, WriteLogEntry } from '../../local/simulators/simulator.ts';
import type { NativeValues } from '../../shared/sync/change-hint.ts';

/** The two objects of one person. */
export interface Pair {
  readonly number: number;
  readonly salesforceId: string;
  readonly hubspotId: string;
}

/** A structured line that a function wrote. */
export type LogLine = z.infer<typeof logLineSchema>;

/** The template on the embedded AWS beside two CRMs, live, with contacts that agree on both sides. */
export interface RunningTemplate {
  readonly environment: Environment;
  readonly concord: ConcordClient;
  readonly salesforce: RemoteSimulator;
  readonly hubspot: RemoteSimulator;
  readonly secrets: LocalSecrets;
  /** What the functions logged since the start, oldest first; lines that are not JSON are left out. */
  readonly logs: readonly LogLine[];
  /** A contact of both CRMs that no other test has touched. */
  pair(): Pair;
  both(pair: Pair): Promise<{ readonly salesforce: NativeValues; readonly hubspot: NativeValues }>;
  /** Stops and starts the stack alone; its logs go on here. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const logLineSchema = z.looseObject({ level: z.string(), message: z.string(), function_name: z.string().optional() });

/**
 * Boots everything in a directory of its own, on free ports, and runs the first sync.
 *
 * @param pairs - contacts there are from the start, on both sides alike.
 */
export async function startTemplate(pairs: number, options: Partial<EnvironmentOptions> = {}): Promise<RunningTemplate> {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'concord-test-'));
  const environment = await startEnvironment({ dataDir, ...options });
  const { crms } = environment;
  if (crms === undefined) throw new Error('these tests run on the bundled simulators');
  const { salesforce, hubspot } = crms;
  const concord = concordClient(environment);
  const logs: LogLine[] = [];
  const follow = () =>
    environment.stack.onLog(({ line }) => {
      const parsed = logLineSchema.safeParse(parsedJson(line));
      if (parsed.success) logs.push(parsed.data);
    });
  follow();

  const numbers = Array.from({ length: pairs }, (_, index) => index + 1);
  const salesforceIds = await salesforce.load('Contact', numbers.map(salesforceContact));
  const hubspotIds = await hubspot.load('contacts', numbers.map(hubspotContact));
  await concord.untilLive();
  let used = 0;

  return {
    environment,
    concord,
    salesforce,
    hubspot,
    secrets: localSecrets(dataDir),
    logs,
    pair() {
      const salesforceId = salesforceIds[used];
      const hubspotId = hubspotIds[used];
      used += 1;
      if (salesforceId === undefined || hubspotId === undefined) throw new Error(`all ${pairs} pairs are used: start with more`);
      return { number: used, salesforceId, hubspotId };
    },
    async both(pair) {
      return {
        salesforce: (await salesforce.object('Contact', pair.salesforceId))?.values ?? {},
        hubspot: (await hubspot.object('contacts', pair.hubspotId))?.values ?? {},
      };
    },
    async restart() {
      await environment.restartStack();
      follow();
    },
    async stop() {
      await environment.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

export function salesforceContact(number: number): NativeValues {
  return {
    FirstName: 'Ada',
    LastName: `Number ${number}`,
    Email: `person${number}@example.test`,
    Title: 'Analyst',
    MailingCity: 'Canberra',
    Person_Number__c: `P${number}`,
  };
}

export function hubspotContact(number: number): NativeValues {
  return {
    firstname: 'Ada',
    lastname: `Number ${number}`,
    email: `person${number}@example.test`,
    jobtitle: 'Analyst',
    city: 'Canberra',
    person_number: `P${number}`,
  };
}

/** The record of a pair, with its ledger. @throws Error when there is none. */
export async function recordOf(template: RunningTemplate, pair: Pick<Pair, 'salesforceId'>) {
  const found = await template.concord.record(`salesforce:${pair.salesforceId}`);
  if (found === undefined) throw new Error(`no record has the Salesforce object ${pair.salesforceId}`);
  return found;
}

/** What Concord, not a person, wrote to one object (or, without an id, to any). */
export async function ourWrites(crm: RemoteSimulator, objectId?: string): Promise<WriteLogEntry[]> {
  const writes = await crm.writes();
  return writes.filter((write) => write.by.kind === 'api' && (objectId === undefined || write.objectId === objectId));
}

export async function echoWrites(template: RunningTemplate): Promise<WriteLogEntry[]> {
  // A write that changes nothing is what an echo looks like from outside.
  return (await allOurWrites(template)).filter((write) => write.kind === 'update' && Object.keys(write.fields).length === 0);
}

export async function allOurWrites(template: RunningTemplate): Promise<WriteLogEntry[]> {
  return [...(await ourWrites(template.salesforce)), ...(await ourWrites(template.hubspot))];
}

/** Record ids that a create carried more than once into one system. */
export async function doubledCreates(template: RunningTemplate): Promise<string[]> {
  const made = (await allOurWrites(template))
    .filter((write) => write.kind === 'create')
    .map((write) => `${write.system} ${String((write.fields.Concord_Id__c ?? write.fields.concord_id)?.to)}`);
  return made.filter((id, index) => made.indexOf(id) !== index);
}

/**
 * Lets people act in both CRMs "at the same time": no notification leaves and no poll looks until all have acted.
 */
export async function atOnce(template: RunningTemplate, act: () => Promise<void>): Promise<void> {
  const { salesforce, hubspot, environment } = template;
  environment.stack.pause();
  await withSettings([salesforce, hubspot], { holdNotifications: true }, async () => {
    await act();
    for (const crm of [salesforce, hubspot]) await crm.releaseNotifications('send');
  });
  environment.stack.resume();
}

/** Changes settings of simulators while `act` runs, and puts them back afterwards whatever happened. */
export async function withSettings<Result>(
  crms: readonly RemoteSimulator[],
  patch: Partial<SimulatorSettings>,
  act: () => Promise<Result>,
): Promise<Result> {
  const before = await Promise.all(crms.map((crm) => crm.settings()));
  await Promise.all(crms.map((crm) => crm.changeSettings(patch)));
  try {
    return await act();
  } finally {
    await Promise.all(
      crms.map((crm, index) => {
        const was = before[index];
        return was === undefined ? undefined : crm.changeSettings(was);
      }),
    );
  }
}

export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
