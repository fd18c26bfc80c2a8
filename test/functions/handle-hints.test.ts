import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { handleHints } from '../../functions/process-changes/handle-hints.ts';
import { hintsOfMessage } from '../../functions/process-changes/hint-message.ts';
import type { ProcessPorts } from '../../functions/process-changes/process-changes.ts';
import { hintMessages } from '../../shared/queue/envelopes.ts';
import type { QueueMessage } from '../../shared/queue/message-batch.ts';
import { type ChangeHint, hintEnvelopeSchema } from '../../shared/sync/change-hint.ts';
import { interrupted, twoCrms } from './two-crms.ts';

const crms = twoCrms();
const READ = 'POST /crm/v3/objects/contacts/batch/read';
const PATIENCE_MS = 24 * 3_600_000;

let messages = 0;
beforeEach(() => {
  messages = 0;
});

function messageOf(...hints: ChangeHint[]): QueueMessage {
  messages += 1;
  const [body = ''] = hintMessages({ tenant: crms.context.tenant, system: 'hubspot', sync: 'contacts' }, hints);
  return { id: `message-${messages}`, body };
}

const handle = (batch: readonly QueueMessage[], more: Partial<ProcessPorts> = {}) =>
  handleHints(batch, {
    tenant: crms.context.tenant,
    system: 'hubspot',
    hintsOf: (message) => hintsOfMessage(message, 'hubspot', {}, crms.clock.now()),
    changes: crms.changes.hubspot,
    portsFor: () => crms.processPorts('hubspot', more),
    now: crms.clock.now,
    random: Math.random,
  });

/** The messages that were put back: the hints of each, and how long they wait. */
const putBack = () =>
  crms.changes.hubspot.sent.map(({ body, delayMs }) => ({
    delayMs,
    body,
    hints: hintEnvelopeSchema.parse(JSON.parse(body)).hints,
  }));

/** A store that cannot take the record of one object. */
function poisonedBy(objectId: string): Partial<ProcessPorts> {
  const createRecord: ProcessPorts['records']['createRecord'] = (creation) =>
    creation.identities.some((ref) => ref.objectId === objectId)
      ? Promise.reject(new Error('the item is too large'))
      : crms.records.createRecord(creation);
  return { records: { ...crms.records, createRecord } };
}

const stranger = (n: number) => crms.stranger('hubspot', { lastName: `Byron ${n}`, email: `byron.${n}@example.test` });

describe('a batch of hints', () => {
  it('F32: with a poison one among good ones settles the good ones and lets the poison fail alone', async () => {
    const [first, poison, last] = [stranger(1), stranger(2), stranger(3)];
    const told = await handle([messageOf(first, poison, last)], poisonedBy(poison.objectId));
    expect(told.failedIds).toEqual(new Set());
    for (const { objectId } of [first, last]) expect(await crms.recordOf('hubspot', objectId)).toBeDefined();
    expect(putBack()).toMatchObject([{ hints: [{ objectId: poison.objectId }] }]);

    const [alone] = crms.changes.hubspot.take();
    if (alone === undefined) throw new Error('the poison was not put back');
    const again = await handle([alone], poisonedBy(poison.objectId));
    expect(again.failedIds).toEqual(new Set([alone.id])); // and so on to the dead letters
    expect(putBack()).toEqual([]);
  });

  it.each([
    ['is no JSON', 'nonsense'],
    ['is no envelope', '{}'],
    ['is of another version', '{"v":2,"tenant":"main","system":"hubspot","sync":"contacts","hints":[]}'],
    ['is of another system', '{"v":1,"tenant":"main","system":"salesforce","sync":"contacts","hints":[{}]}'],
  ])('F06: with a message that %s fails that message alone', async (_, body) => {
    const hint = stranger(1);
    const told = await handle([{ id: 'broken', body }, messageOf(hint)]);
    expect(told.failedIds).toEqual(new Set(['broken']));
    expect(await crms.recordOf('hubspot', hint.objectId)).toBeDefined();
  });

  it('F07: takes a Salesforce change event as it comes from the event bus, and not that of another organisation', () => {
    const file = new URL('../fixtures/salesforce/eventbridge/02-contact-update-compound.json', import.meta.url);
    const message = { id: 'm1', body: readFileSync(file, 'utf8') };
    const organizationId = '00DSim000000001MAA';
    expect(hintsOfMessage(message, 'salesforce', { organizationId }, 0)).toMatchObject([
      { sync: 'contacts', hints: [{ object: 'Contact', correlationId: 'event-m1' }] },
    ]);
    const foreign = { organizationId: '00DSim000000002MAA' };
    expect(() => hintsOfMessage(message, 'salesforce', foreign, 0)).toThrow(/organi[sz]ation/i);
  });
});

describe('hints of a system that does not answer', () => {
  it.each([
    { how: 'is down', status: 503, headers: {} },
    { how: 'is rate limiting', status: 429, headers: {} },
    { how: 'refuses our credentials', status: 401, headers: {} },
  ])('F23: because it $how wait on the queue, longer with every try, and none is lost', async ({ status }) => {
    const ada = await crms.linkedPerson();
    const hint = crms.edit('hubspot', ada.hubspot, { city: 'Perth' });
    for (const rereads of [0, 3, 7]) {
      crms.hubspot.settings.faults = [{ match: READ, times: 2, kind: 'status', status }];
      const told = await handle([messageOf({ ...hint, rereads })]);
      expect(told).toMatchObject({ failedIds: new Set(), later: 1 });
      const [waits] = putBack();
      expect(waits?.hints).toEqual([{ ...hint, rereads: rereads + 1 }]);
      expect(waits?.delayMs).toBeGreaterThanOrEqual(1_500 * 2 ** rereads);
      expect(waits?.delayMs).toBeLessThanOrEqual(Math.max(10_000, 2_000 * 2 ** rereads));
      crms.hubspot.settings.faults = [];
      crms.changes.hubspot.take();
    }
    await handle([messageOf(hint)]);
    expect((await crms.record(ada.recordId)).fields.city?.value).toBe('Perth');
  });

  it('F23: wait at least as long as it asks for', async () => {
    const ada = await crms.linkedPerson();
    const hint = crms.edit('hubspot', ada.hubspot, { city: 'Perth' });
    crms.hubspot.settings.faults = [{ match: READ, times: 2, kind: 'status', status: 503, headers: { 'retry-after': '120' } }];
    await handle([messageOf(hint)]);
    expect(putBack()[0]?.delayMs).toBeGreaterThanOrEqual(120_000);
  });

  it('I12: become dead letters after a day, each by itself', async () => {
    const [old, young] = [stranger(1), stranger(2)];
    const receivedAtMs = crms.clock.now() - PATIENCE_MS - 1;
    crms.hubspot.settings.faults = [{ match: READ, times: 2, kind: 'status', status: 503 }];
    const told = await handle([messageOf({ ...old, receivedAtMs }, young)]);
    expect(told.failedIds).toEqual(new Set());
    expect(putBack().map(({ hints, delayMs }) => [hints[0]?.objectId, delayMs === undefined])).toEqual([
      [old.objectId, true], // at once, in a message of its own
      [young.objectId, false],
    ]);
    const alone = messageOf({ ...old, receivedAtMs });
    crms.hubspot.settings.faults = [{ match: READ, times: 2, kind: 'status', status: 503 }];
    expect((await handle([alone])).failedIds).toEqual(new Set([alone.id]));
  });

  it('F31: keep their messages when the queue does not take them back', async () => {
    const [one, two] = [messageOf(stranger(1), stranger(2)), messageOf(stranger(3))];
    crms.hubspot.settings.faults = [{ match: READ, times: 2, kind: 'status', status: 503 }];
    crms.changes.hubspot.isDown = true;
    expect((await handle([one, two])).failedIds).toEqual(new Set([one.id, two.id]));
  });
});

describe('a hint whose read cannot be believed', () => {
  async function doubtful(rereads: number) {
    const ada = await crms.linkedPerson({ jobTitle: 'Lady' });
    const before = await crms.connectors.hubspot.read('contacts', [ada.hubspot], crms.side('hubspot').nativeFields);
    const hint = crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' });
    const connector = interrupted(crms.connectors.hubspot, { firstRead: before });
    const message = messageOf({ ...hint, rereads });
    return { told: await handle([message], { connector }), message };
  }

  it('O3: comes again later, counted', async () => {
    const { told } = await doubtful(0);
    expect(told).toMatchObject({ failedIds: new Set(), later: 1 });
    expect(putBack()).toMatchObject([{ hints: [{ rereads: 1 }] }]);
  });

  it('I12: is shown to a person after a dozen tries', async () => {
    const { told, message } = await doubtful(12);
    expect(told.failedIds).toEqual(new Set([message.id]));
    expect(putBack()).toEqual([]);
  });
});
