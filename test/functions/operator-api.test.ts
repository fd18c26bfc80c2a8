import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type OperatorPorts, operatorRoutes } from '../../functions/operator-api/operator-routes.ts';
import { guardStore } from '../../shared/store/guard-store.ts';
import { quarantineStore } from '../../shared/store/quarantine-store.ts';
import { recordWorklist } from '../../shared/store/record-worklist.ts';
import { schemaStore } from '../../shared/store/schema-store.ts';
import { twoCrms } from './two-crms.ts';

const crms = twoCrms();
const pageSchema = z.object({ items: z.array(z.object({ recordId: z.string() })), cursor: z.string().optional() });
const NO_MESSAGES = { waiting: 0, inFlight: 0, delayed: 0 };

interface Asked {
  readonly path?: Record<string, string>;
  readonly query?: Record<string, string>;
}

function ask(route: string, { path = {}, query = {} }: Asked = {}, more: Partial<OperatorPorts> = {}) {
  const answer = operatorRoutes({
    syncs: [{ name: 'contacts', objects: { salesforce: 'Contact', hubspot: 'contacts' } }],
    records: crms.records,
    worklist: crms.worklist,
    firstSync: crms.firstSync,
    cursors: crms.cursors,
    depths: () => Promise.resolve({ 'changes-hubspot': NO_MESSAGES }),
    requestPoll: () => Promise.resolve(),
    guards: guardStore(crms.context),
    quarantine: quarantineStore(crms.context),
    schemas: schemaStore(crms.context),
    requestLook: () => Promise.resolve(),
    syncNamed: () => crms.sync,
    newId: randomUUID,
    now: crms.clock.now,
    ...more,
  });
  return answer({ route, path, query });
}

/** Somebody whose title Salesforce refuses. */
async function refused() {
  const ada = await crms.linkedPerson();
  crms.salesforce.orgSettings.validationRules = [
    { object: 'Contact', field: 'Title', forbids: 'Countess', message: 'no such title' },
  ];
  await crms.process('hubspot', [crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' })]);
  await crms.deliver('salesforce', [ada.recordId]);
  return ada;
}

describe('the operator API', () => {
  it('knows no route but its own', async () => {
    expect(await ask('GET /secrets')).toMatchObject({ status: 404 });
    expect(await ask('GET /constructor')).toMatchObject({ status: 404 });
  });

  it('tells whether the table can be read', async () => {
    expect(await ask('GET /health')).toMatchObject({ status: 200 });
    const firstSync = { ...crms.firstSync, get: () => Promise.reject(new Error('no table')) };
    expect(await ask('GET /health', {}, { firstSync })).toMatchObject({ status: 503 });
  });

  it('shows a record with its history, by its id and by the id of each of its objects', async () => {
    const ada = await crms.linkedPerson();
    await crms.process('hubspot', [crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' })]);
    const ids = [ada.recordId, `salesforce:${ada.salesforce}`, `hubspot:${ada.hubspot}`, `hubspot:contacts:${ada.hubspot}`];
    for (const id of ids) {
      expect(await ask('GET /records/{id}', { path: { id } })).toMatchObject({
        status: 200,
        body: {
          record: {
            recordId: ada.recordId,
            fields: { jobTitle: { value: 'Countess', by: 'hubspot' } },
            links: { salesforce: { objectId: ada.salesforce, differs: ['jobTitle'] } },
          },
        },
      });
    }
    for (const id of ['nobody', 'hubspot:1', 'nowhere:1', `hubspot:companies:${ada.hubspot}`, ''])
      expect(await ask('GET /records/{id}', { path: { id } })).toMatchObject({ status: 404 });
  });

  it('shows nothing of claims and receipts', async () => {
    const ada = await crms.linkedPerson();
    await crms.process('hubspot', [crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' })]);
    await crms.deliver('salesforce', [ada.recordId]);
    const { body } = await ask('GET /records/{id}', { path: { id: ada.recordId } });
    expect(JSON.stringify(body)).not.toMatch(/claim|receipt/);
  });

  it('W8: shows what waits for a person, and why', async () => {
    const ada = await refused();
    for (const query of [undefined, { kind: 'refused' }]) {
      expect(await ask('GET /conflicts', { query })).toMatchObject({
        status: 200,
        body: {
          items: [
            {
              kind: 'refused',
              recordId: ada.recordId,
              refusals: [{ system: 'salesforce', code: 'FIELD_CUSTOM_VALIDATION_EXCEPTION' }],
            },
          ],
        },
      });
    }
    expect(await ask('GET /conflicts', { query: { kind: 'merged' } })).toMatchObject({ status: 200, body: { items: [] } });
  });

  it('L3: shows the objects that nobody could match', async () => {
    await crms.linkedPerson({ email: 'ada@example.test' });
    const twin = crms.stranger('salesforce', { lastName: 'Twin', email: 'ada@example.test' });
    await crms.process('salesforce', [twin]);
    for (const query of [undefined, { kind: 'review' }])
      expect(await ask('GET /conflicts', { query })).toMatchObject({
        body: { items: [{ kind: 'review', objects: [{ system: 'salesforce', objectId: twin.objectId }] }] },
      });
  });

  it('L3: pages through the cases of all syncs, each once', async () => {
    const syncs = ['contacts', 'companies', 'deals'].map((name) => ({ name, objects: { salesforce: name, hubspot: name } }));
    const opened = ['contacts 1', 'contacts 2', 'deals 1'];
    for (const caseId of opened) {
      const [sync = ''] = caseId.split(' ');
      await crms.firstSync.putReview({ caseId, sync, reason: 'alike', keyName: '', objects: [], atMs: crms.clock.now() });
    }
    const reviewPage = z.object({ items: z.array(z.object({ caseId: z.string() })), cursor: z.string().optional() });
    for (const limit of ['1', '2', '100']) {
      const found: string[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < 10; page += 1) {
        const query = { kind: 'review', limit, ...(cursor && { cursor }) };
        const { items, cursor: next } = reviewPage.parse((await ask('GET /conflicts', { query }, { syncs })).body);
        found.push(...items.map(({ caseId }) => caseId));
        cursor = next;
        if (cursor === undefined) break;
      }
      expect(found).toEqual(opened);
      expect(cursor).toBeUndefined();
    }
    const strange = { kind: 'review', cursor: 'leads:' };
    expect(await ask('GET /conflicts', { query: strange }, { syncs })).toMatchObject({ status: 400 });
  });

  it('pages through what waits, each case once', async () => {
    const people = [await refused(), await refused(), await refused()];
    const found: unknown[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < 10; page += 1) {
      const { body } = await ask('GET /conflicts', { query: { kind: 'refused', limit: '1', ...(cursor && { cursor }) } });
      const { items, cursor: next } = pageSchema.parse(body);
      found.push(...items.map(({ recordId }) => recordId));
      cursor = next;
      if (cursor === undefined) break;
    }
    expect(found.toSorted()).toEqual(people.map(({ recordId }) => recordId).toSorted());
  });

  it.each([
    ['a kind that there is not', { kind: 'everything' }],
    ['a limit of none', { limit: '0' }],
    ['a limit past the page', { limit: '101' }],
    ['a limit that is no number', { limit: 'all' }],
    ['a key that it does not know', { tenant: 'other' }],
    ['a cursor of its own making', { cursor: 'nonsense' }],
  ])('refuses a question with %s, and says what is wrong', async (_, query) => {
    expect(await ask('GET /conflicts', { query })).toMatchObject({ status: 400, body: { message: expect.stringMatching(/./) } });
  });

  it('S2: takes no cursor of another tenant', async () => {
    await refused();
    await refused();
    const { cursor } = await crms.worklist.attention({ limit: 1 });
    const theirs = recordWorklist({ ...crms.context, tenant: 'somebody-else' });
    expect(await ask('GET /conflicts', { query: { cursor: cursor ?? '' } }, { worklist: theirs })).toMatchObject({ status: 400 });
  });

  it('counts what is not delivered and what waits', async () => {
    await refused();
    const ada = await crms.linkedPerson();
    await crms.process('hubspot', [crms.edit('hubspot', ada.hubspot, { jobTitle: 'Lady' })]);
    crms.clock.advance(7_000);
    expect(await ask('GET /stats')).toMatchObject({
      status: 200,
      body: {
        queues: { 'changes-hubspot': NO_MESSAGES },
        syncs: [{ sync: 'contacts', firstSync: { phase: 'not begun' }, polls: { salesforce: { polled: false } } }],
        undelivered: { records: 1, atLeast: false, oldestMs: 7_000 },
        attention: { records: 1, byKind: { refused: 1 } },
      },
    });
  });

  it('asks all systems of a sync to be polled, and of no other', async () => {
    const asked: unknown[] = [];
    const requestPoll = (sync: string, systems: readonly string[]) => {
      asked.push([sync, systems]);
      return Promise.resolve();
    };
    expect(await ask('POST /syncs/{sync}/trigger', { path: { sync: 'contacts' } }, { requestPoll })).toMatchObject({
      status: 202,
    });
    expect(await ask('POST /syncs/{sync}/trigger', { path: { sync: 'deals' } }, { requestPoll })).toMatchObject({ status: 404 });
    expect(asked).toEqual([['contacts', ['salesforce', 'hubspot']]]);
  });
});
