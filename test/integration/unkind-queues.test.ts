import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { untilSettled } from './passing-time.ts';
import { allOurWrites, doubledCreates, echoWrites, type Pair, type RunningTemplate, startTemplate } from './running-template.ts';

/** Half of all messages come twice, all in any order: what SQS reserves the right to, all the time. */
const UNKIND = { seed: 7, duplicateRate: 0.5, reorder: true } as const;

vi.mock('../../local/aws/sqs.ts', async (original) => {
  const sqs = await original<typeof import('../../local/aws/sqs.ts')>();
  const startSqs: typeof sqs.startSqs = (options) => sqs.startSqs({ ...options, unkind: UNKIND });
  return { ...sqs, startSqs };
});

const PAIRS = 30;

let template: RunningTemplate;
let pairs: readonly Pair[];

beforeAll(async () => {
  template = await startTemplate(PAIRS);
  pairs = Array.from({ length: PAIRS }, () => template.pair());
}, 90_000);

afterAll(() => template?.stop());

it('queues that double and reorder give the same result as kind ones: the last edits, each contact once, no echo', async () => {
  for (const step of ['first', 'second', 'last']) {
    for (const pair of pairs) {
      await template.salesforce.edit('Contact', pair.salesforceId, { Title: `${step} title` }, 'ada');
      await template.hubspot.edit('contacts', pair.hubspotId, { city: `${step} city` }, 'grace');
    }
    await template.salesforce.create('Contact', { LastName: 'New', Email: `${step}-here@example.test` }, 'ada');
    await template.hubspot.create('contacts', { lastname: 'New', email: `${step}-there@example.test` }, 'grace');
  }
  await untilSettled(template);

  for (const pair of pairs) {
    const { salesforce, hubspot } = await template.both(pair);
    expect([salesforce.Title, hubspot.jobtitle]).toEqual(['last title', 'last title']);
    expect([salesforce.MailingCity, hubspot.city]).toEqual(['last city', 'last city']);
  }
  expect(await template.salesforce.objects('Contact')).toHaveLength(PAIRS + 6);
  expect(await template.hubspot.objects('contacts')).toHaveLength(PAIRS + 6);
  expect(await doubledCreates(template)).toEqual([]);
  expect(await echoWrites(template)).toEqual([]);

  const before = (await allOurWrites(template)).length;
  await template.concord.pollNow();
  expect((await allOurWrites(template)).length - before).toBe(0);
  const { denied, deadLetters } = template.environment.stack.stats();
  expect(denied).toEqual([]);
  expect(Object.values(deadLetters).filter((count) => count > 0)).toEqual([]);
}, 90_000);
