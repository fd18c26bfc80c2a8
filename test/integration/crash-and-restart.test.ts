import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { claims, letSomeTimePass, untilSettled } from './passing-time.ts';
import { allOurWrites, doubledCreates, echoWrites, type Pair, type RunningTemplate, startTemplate } from './running-template.ts';

const PAIRS = 50;

let template: RunningTemplate;
let pairs: readonly Pair[];

beforeAll(async () => {
  template = await startTemplate(PAIRS);
  pairs = Array.from({ length: PAIRS }, () => template.pair());
  // A webhook that met a dead receiver is sent again after a moment instead of a minute.
  await template.hubspot.act('PATCH', 'behaviour', z.looseObject({}), { webhookRetryScale: 0.01 });
}, 90_000);

afterAll(() => template?.stop());

/** Each contact is edited on both sides, in different fields; a few new ones appear on either. */
async function traffic(round: string, pauseMs: number): Promise<void> {
  for (const [index, pair] of pairs.entries()) {
    await template.salesforce.edit('Contact', pair.salesforceId, { Title: `Title ${round}` }, 'ada');
    await template.hubspot.edit('contacts', pair.hubspotId, { city: `City ${round}` }, 'grace');
    if (index % 10 === 0) {
      const [here, there] = [`${round}-${index}-here@example.test`, `${round}-${index}-there@example.test`];
      await template.salesforce.create('Contact', { LastName: 'New', Email: here }, 'ada');
      await template.hubspot.create('contacts', { lastname: 'New', email: there }, 'grace');
    }
    await sleep(pauseMs);
  }
}

async function expectAgreement(round: string): Promise<void> {
  const wrong: string[] = [];
  for (const pair of pairs) {
    const { salesforce, hubspot } = await template.both(pair);
    const values = [salesforce.Title, hubspot.jobtitle, salesforce.MailingCity, hubspot.city];
    if (values.join() !== [`Title ${round}`, `Title ${round}`, `City ${round}`, `City ${round}`].join())
      wrong.push(`${pair.number}: ${values.join(' / ')}`);
  }
  expect(wrong).toEqual([]);
  const emails = async (objects: Promise<readonly { readonly values: object; readonly deleted: boolean }[]>) =>
    (await objects)
      .filter((object) => !object.deleted)
      .map((object) => ('Email' in object.values ? object.values.Email : 'email' in object.values ? object.values.email : ''))
      .map(String)
      .toSorted();
  const here = await emails(template.salesforce.objects('Contact'));
  expect(here).toEqual(await emails(template.hubspot.objects('contacts')));
  expect(new Set(here).size).toBe(here.length);
  expect(await doubledCreates(template)).toEqual([]);
  expect(await echoWrites(template)).toEqual([]);
  expect(await claims(template.environment)).toEqual([]);
  expect((await template.concord.stats()).undelivered.records).toBe(0);
  const { denied, deadLetters } = template.environment.stack.stats();
  expect(denied).toEqual([]);
  expect(Object.values(deadLetters).filter((count) => count > 0)).toEqual([]);
}

it('functions that die in the middle of their batches lose no edit and double no contact', async () => {
  const { stack } = template.environment;
  await template.salesforce.changeSettings({ latencyMs: 40 });
  await template.hubspot.changeSettings({ latencyMs: 40 });
  stack.resetStats();
  const edits = traffic('killed', 15);
  for (const victim of ['Process', 'DeliverTo', 'Dispatch', 'DeliverTo', 'ReceiveHubspot', 'Process', 'DeliverTo']) {
    await sleep(170);
    stack.kill(victim);
  }
  await edits;
  await template.salesforce.changeSettings({ latencyMs: 0 });
  await template.hubspot.changeSettings({ latencyMs: 0 });
  await untilSettled(template);

  const died = Object.values(stack.stats().functions).reduce((sum, each) => sum + each.errors, 0);
  expect(died).toBeGreaterThan(0);
  await expectAgreement('killed');
}, 90_000);

it('a stack that stops in the middle of the traffic goes on where it was', async () => {
  const edits = traffic('restarted', 15);
  await sleep(600);
  await template.restart();
  await edits;
  const phases = (await template.concord.stats()).syncs.map((sync) => [sync.sync, sync.firstSync.phase]);
  expect(Object.fromEntries(phases)).toEqual({ contacts: 'live', companies: 'live', deals: 'live' });
  await untilSettled(template);
  await template.concord.pollNow(); // what the CRMs could not announce while nobody was there

  await untilSettled(template);
  await expectAgreement('restarted');
}, 90_000);

it('a DynamoDB that throttles, collides and loses answers, and an SQS that loses answers, only cost time', async () => {
  const { gateway } = template.environment.stack;
  const error = (name: string, more: object = {}) => ({
    status: 400,
    body: { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: 'injected', ...more },
  });
  const CancellationReasons = [{ Code: 'TransactionConflict', Message: 'Transaction is ongoing for the item' }];
  const struck: Record<string, number> = {};
  let calls = 0;
  gateway.inject(({ service, operation }) => {
    if (service !== 'dynamodb' && operation !== 'SendMessageBatch') return undefined;
    calls += 1;
    const strike = (name: string) => {
      struck[name] = (struck[name] ?? 0) + 1;
    };
    if (service === 'dynamodb' && calls % 4 === 0) {
      strike('throttled');
      return error('ProvisionedThroughputExceededException');
    }
    if (operation === 'TransactWriteItems' && calls % 2 === 1) {
      strike('collided');
      return error('TransactionCanceledException', { CancellationReasons });
    }
    if (
      ['BatchExecuteStatement', 'TransactWriteItems', 'BatchWriteItem', 'SendMessageBatch'].includes(operation) &&
      calls % 3 === 0
    ) {
      strike(`answer of ${operation} lost`);
      return 'dropAfterEffect';
    }
    return undefined;
  });
  try {
    await traffic('throttled', 5);
    await template.concord.untilQuiet(10_000).catch(() => undefined);
  } finally {
    gateway.inject(undefined);
  }
  await untilSettled(template);

  expect(Object.keys(struck).toSorted()).toEqual(
    expect.arrayContaining(['answer of BatchExecuteStatement lost', 'answer of SendMessageBatch lost', 'collided', 'throttled']),
  );
  await expectAgreement('throttled');
}, 90_000);

it('a delivery that even its queue lost is found again by the sweep', async () => {
  const { stack } = template.environment;
  const [pair] = pairs;
  if (pair === undefined) throw new Error('there are no pairs');
  const queue = stack.queueName('DeliveryHubspotDeliveries');
  const locked = { match: 'POST /crm/v3/objects/contacts/batch/update', kind: 'status', status: 423, times: 1 } as const;
  await template.hubspot.changeSettings({ faults: [locked] });
  await template.salesforce.edit('Contact', pair.salesforceId, { Title: 'Swept' }, 'ada');
  await expect.poll(() => stack.sqs.counts(queue).delayed, { timeout: 10_000, interval: 20 }).toBe(1);
  expect(await stack.sqs.purge(queue)).toBe(1);
  await template.concord.untilQuiet();
  expect((await template.both(pair)).hubspot.jobtitle).toBe('Title throttled');
  await letSomeTimePass(template.environment);
  await stack.runSchedules('Sweep');
  await template.concord.untilQuiet();

  expect((await template.both(pair)).hubspot.jobtitle).toBe('Swept');
  expect((await template.concord.stats()).undelivered.records).toBe(0);
});

it('after all that, another look at everything writes nothing', async () => {
  const before = (await allOurWrites(template)).length;
  await template.concord.pollNow();
  expect((await allOurWrites(template)).length - before).toBe(0);
});
