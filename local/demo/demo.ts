import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type ConcordClient, concordClient } from '../concord-client.ts';
import { type Environment, startEnvironment } from '../environment.ts';
import type { RemoteSimulator } from '../simulators/remote.ts';
import type { WriteLogEntry } from '../simulators/simulator.ts';
import { asHubSpotContact, asSalesforceContact, type Person, readPeople } from './people.ts';

/** One line of the table: what was done, what came of it, and whether that is right. */
interface Outcome {
  readonly what: string;
  readonly result: string;
  readonly right: boolean;
  readonly ms: number;
}

interface Stage {
  readonly concord: ConcordClient;
  readonly salesforce: RemoteSimulator;
  readonly hubspot: RemoteSimulator;
  readonly pairs: ReadonlyMap<string, Pair>;
}

/** The two objects of one person, by the ground truth. */
interface Pair {
  readonly salesforceId: string;
  readonly hubspotId: string;
}

type Act = (stage: Stage) => Promise<{ result: string; right: boolean }>;

async function main(): Promise<number> {
  const startedAtMs = Date.now();
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'concord-demo-'));
  const environment = await startEnvironment({ dataDir, onProgress: (step) => say(`… ${step}`) });
  try {
    const outcomes = await play(environment);
    return report(outcomes, await totals(environment), Date.now() - startedAtMs);
  } finally {
    await environment.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function play(environment: Environment): Promise<Outcome[]> {
  const { crms } = environment;
  if (crms === undefined) throw new Error('the demo runs on the bundled simulators');
  const concord = concordClient(environment);
  const outcomes: Outcome[] = [];
  const run = async (what: string, act: () => Promise<{ result: string; right: boolean }>) => {
    say(`… ${what}`);
    const beganAtMs = Date.now();
    const outcome = await act();
    outcomes.push({ what, ...outcome, ms: Date.now() - beganAtMs });
  };

  const people = readPeople();
  const originals = people.filter((person) => person.original);
  const duplicates = people.filter((person) => !person.original);
  const salesforceIds = await crms.salesforce.load('Contact', originals.map(asSalesforceContact));
  const hubspotIds = await crms.hubspot.load('contacts', duplicates.map(asHubSpotContact));
  const salesforceOf = new Map(originals.map((person, index) => [person.pair, salesforceIds[index] ?? '']));
  const hubspotOf = new Map(duplicates.map((person, index) => [person.pair, hubspotIds[index] ?? '']));

  const agreeing = pairsThatAgree(originals, duplicates);
  const pairs = new Map(
    agreeing.map((pair) => [pair, { salesforceId: salesforceOf.get(pair) ?? '', hubspotId: hubspotOf.get(pair) ?? '' }]),
  );
  const stage: Stage = { concord, salesforce: crms.salesforce, hubspot: crms.hubspot, pairs };
  await run('first sync of 500 contacts here and their 500 dirty duplicates there', () =>
    firstSync(stage, people.length - 2 * pairs.size),
  );
  for (const [what, act] of ACTS) await run(what, () => act(stage));
  return outcomes;
}

/** Pairs whose identifier survived the typing errors: what a match on it must find, no more and no less. */
function pairsThatAgree(originals: readonly Person[], duplicates: readonly Person[]): string[] {
  const numbers = new Map(originals.map((person) => [person.pair, person.personNumber]));
  return duplicates.filter((person) => numbers.get(person.pair) === person.personNumber).map((person) => person.pair);
}

async function firstSync({ concord, hubspot, salesforce, pairs }: Stage, alone: number) {
  await concord.untilLive();
  let linked = 0;
  let wrong = 0;
  const open = [...pairs.values()];
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
        const found = (await concord.record(`salesforce:${pair.salesforceId}`))?.record.links.hubspot?.objectId;
        if (found === pair.hubspotId) linked += 1;
        else wrong += 1;
      }
    }),
  );
  const stats = await concord.stats();
  const refused = stats.attention.byKind.refused ?? 0;
  const created = (await createdBySync(salesforce)).length + (await createdBySync(hubspot)).length;
  return {
    result: `${linked} pairs linked, ${wrong} wrongly; ${created} of ${alone} without a partner created on the other side, ${refused} refused there and shown`,
    right: linked === pairs.size && wrong === 0 && created + refused === alone,
  };
}

async function createdBySync(crm: RemoteSimulator): Promise<WriteLogEntry[]> {
  return (await crm.writes()).filter((write) => write.kind === 'create' && write.by.kind === 'api');
}

function nth(stage: Stage, index: number): Pair {
  const pair = [...stage.pairs.values()][index];
  if (pair === undefined) throw new Error(`there is no pair ${index}`);
  return pair;
}

async function both(stage: Stage, pair: Pair) {
  const salesforce = (await stage.salesforce.object('Contact', pair.salesforceId))?.values ?? {};
  const hubspot = (await stage.hubspot.object('contacts', pair.hubspotId))?.values ?? {};
  return { salesforce, hubspot };
}

const differentFields: Act = async (stage) => {
  const pair = nth(stage, 0);
  await Promise.all([
    stage.salesforce.edit('Contact', pair.salesforceId, { Title: 'Head of Sales' }, 'ada'),
    stage.hubspot.edit('contacts', pair.hubspotId, { city: 'Melbourne' }, 'grace'),
  ]);
  await stage.concord.untilQuiet();
  const { salesforce, hubspot } = await both(stage, pair);
  const values = [salesforce.Title, salesforce.MailingCity, hubspot.jobtitle, hubspot.city];
  return { result: values.join(' / '), right: values.join() === 'Head of Sales,Melbourne,Head of Sales,Melbourne' };
};

const sameField: Act = async (stage) => {
  const pair = nth(stage, 1);
  await Promise.all([
    stage.salesforce.edit('Contact', pair.salesforceId, { MailingCity: 'Sydney' }, 'ada'),
    stage.hubspot.edit('contacts', pair.hubspotId, { city: 'Perth' }, 'grace'),
  ]);
  await stage.concord.untilQuiet();
  const { salesforce, hubspot } = await both(stage, pair);
  const ledger = (await stage.concord.record(`salesforce:${pair.salesforceId}`))?.ledger ?? [];
  const line = ledger.flatMap((entry) => entry.lines).find((one) => one.field === 'city' && one.lost !== undefined);
  const winner = String(salesforce.MailingCity);
  const loser = winner === 'Sydney' ? 'Perth' : 'Sydney';
  return {
    result: `${winner} on both sides by rule ${line?.rule ?? '?'}; ${String(line?.lost?.value)} is in the ledger`,
    right: hubspot.city === winner && ['Sydney', 'Perth'].includes(winner) && line?.lost?.value === loser,
  };
};

const threeTimes: Act = async (stage) => {
  const pair = nth(stage, 2);
  await stage.hubspot.changeSettings({ notificationCopies: 3 });
  const before = await apiWrites(stage.salesforce, pair.salesforceId);
  await stage.hubspot.edit('contacts', pair.hubspotId, { jobtitle: 'Engineer' }, 'grace');
  await stage.concord.untilQuiet();
  await stage.hubspot.changeSettings({ notificationCopies: 1 });
  const writes = (await apiWrites(stage.salesforce, pair.salesforceId)) - before;
  const { salesforce } = await both(stage, pair);
  return {
    result: `${String(salesforce.Title)} there, in ${writes} write`,
    right: salesforce.Title === 'Engineer' && writes === 1,
  };
};

const outOfOrder: Act = async (stage) => {
  const pair = nth(stage, 3);
  await stage.hubspot.changeSettings({ holdNotifications: true });
  for (const jobtitle of ['first', 'second', 'third'])
    await stage.hubspot.edit('contacts', pair.hubspotId, { jobtitle }, 'grace');
  await stage.hubspot.releaseNotifications('reverse');
  await stage.hubspot.changeSettings({ holdNotifications: false });
  await stage.concord.untilQuiet();
  const { salesforce } = await both(stage, pair);
  return { result: `${String(salesforce.Title)} there`, right: salesforce.Title === 'third' };
};

const lost: Act = async (stage) => {
  const pair = nth(stage, 4);
  await stage.hubspot.changeSettings({ dropNotifications: 1 });
  await stage.hubspot.edit('contacts', pair.hubspotId, { jobtitle: 'Found by the poll' }, 'grace');
  await stage.concord.untilQuiet();
  const unaware = (await both(stage, pair)).salesforce.Title;
  await stage.hubspot.changeSettings({ dropNotifications: 0 });
  await stage.concord.pollNow();
  const { salesforce } = await both(stage, pair);
  return {
    result: `${String(salesforce.Title)}`,
    right: unaware !== 'Found by the poll' && salesforce.Title === 'Found by the poll',
  };
};

const deletion: Act = async (stage) => {
  const pair = nth(stage, 5);
  await stage.salesforce.remove('Contact', pair.salesforceId, 'ada');
  await stage.concord.untilQuiet();
  const there = await stage.hubspot.object('contacts', pair.hubspotId);
  return { result: there?.deleted === true ? 'archived there' : 'still there', right: there?.deleted === true };
};

const allAgree: Act = async (stage) => {
  await stage.concord.pollNow();
  const before = (await stage.salesforce.writes()).length + (await stage.hubspot.writes()).length;
  await stage.concord.pollNow();
  const after = (await stage.salesforce.writes()).length + (await stage.hubspot.writes()).length;
  let differing = 0;
  const hubspot = new Map((await stage.hubspot.objects('contacts')).map((object) => [object.objectId, object.values]));
  const salesforce = new Map((await stage.salesforce.objects('Contact')).map((object) => [object.objectId, object.values]));
  for (const pair of stage.pairs.values()) {
    const ours = salesforce.get(pair.salesforceId) ?? {};
    const theirs = hubspot.get(pair.hubspotId) ?? {};
    const same = SHOWN_FIELDS.every(
      ([here, there]) => String(ours[here] ?? '').toLowerCase() === String(theirs[there] ?? '').toLowerCase(),
    );
    if (!same) differing += 1;
  }
  return {
    result: `${differing} pairs differ, ${after - before} writes in another full poll`,
    right: differing === 0 && after === before,
  };
};

const SHOWN_FIELDS = [
  ['FirstName', 'firstname'],
  ['LastName', 'lastname'],
  ['MailingStreet', 'address'],
  ['MailingCity', 'city'],
  ['MailingPostalCode', 'zip'],
  ['MailingState', 'state'],
  ['Birthdate', 'birthdate'],
  ['Title', 'jobtitle'],
  ['Person_Number__c', 'person_number'],
] as const;

const ACTS: readonly (readonly [string, Act])[] = [
  ['two people edit different fields of one contact at once', differentFields],
  ['two people edit the same field at once', sameField],
  ['one webhook delivered three times', threeTimes],
  ['three webhooks delivered in reverse', outOfOrder],
  ['one webhook lost', lost],
  ['a contact deleted', deletion],
  ['everything polled once more', allAgree],
];

async function apiWrites(crm: RemoteSimulator, objectId: string): Promise<number> {
  return (await crm.writes()).filter((write) => write.objectId === objectId && write.by.kind === 'api').length;
}

interface Totals {
  readonly salesforce: number;
  readonly hubspot: number;
  readonly salesforceCalls: number;
  readonly hubspotCalls: number;
  readonly echoWrites: number;
  readonly doubledCreates: number;
  readonly denied: number;
  readonly deadLetters: number;
}

async function totals({ crms, stack }: Environment): Promise<Totals> {
  if (crms === undefined) throw new Error('the demo runs on the bundled simulators');
  const live = async (crm: RemoteSimulator, object: string) => (await crm.objects(object)).filter((one) => !one.deleted).length;
  const writes = [...(await crms.salesforce.writes()), ...(await crms.hubspot.writes())].filter(
    (write) => write.by.kind === 'api',
  );
  const ids = writes
    .filter((write) => write.kind === 'create')
    .map((write) => `${write.system} ${String((write.fields.Concord_Id__c ?? write.fields.concord_id)?.to)}`);
  const stats = stack.stats();
  return {
    salesforce: await live(crms.salesforce, 'Contact'),
    hubspot: await live(crms.hubspot, 'contacts'),
    salesforceCalls: (await crms.salesforce.calls()).total,
    hubspotCalls: (await crms.hubspot.calls()).total,
    // A write that changes nothing is what an echo looks like from outside.
    echoWrites: writes.filter((write) => write.kind === 'update' && Object.keys(write.fields).length === 0).length,
    doubledCreates: ids.length - new Set(ids).size,
    denied: stats.denied.length,
    deadLetters: Object.values(stats.deadLetters).reduce((sum, count) => sum + count, 0),
  };
}

function report(outcomes: readonly Outcome[], all: Totals, tookMs: number): number {
  const width = Math.max(...outcomes.map((outcome) => outcome.what.length));
  say('');
  for (const { what, result, right, ms } of outcomes) {
    say(`${right ? '✓' : '✗'} ${what.padEnd(width)}  ${(ms / 1000).toFixed(1).padStart(5)} s  ${result}`);
  }
  const faultless = all.echoWrites === 0 && all.doubledCreates === 0 && all.denied === 0 && all.deadLetters === 0;
  say('');
  say(`${faultless ? '✓' : '✗'} Salesforce holds ${all.salesforce} contacts, HubSpot ${all.hubspot}`);
  say(`  API calls: ${all.salesforceCalls} Salesforce, ${all.hubspotCalls} HubSpot`);
  say(
    `  echo writes: ${all.echoWrites} · duplicates created: ${all.doubledCreates} · calls denied by IAM: ${all.denied} · dead letters: ${all.deadLetters}`,
  );
  say(`  all in ${(tookMs / 1000).toFixed(1)} s`);
  return faultless && outcomes.every((outcome) => outcome.right) ? 0 : 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await main();
