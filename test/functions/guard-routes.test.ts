import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { GUARD_ROUTES } from '../../functions/operator-api/guard-routes.ts';
import { operatorRequest } from '../../functions/operator-api/operator-request.ts';
import { commitOf } from '../../functions/record-commit.ts';
import { guardStore } from '../../shared/store/guard-store.ts';
import type { Canary } from '../../shared/sync/guards/canary.ts';
import { twoCrms } from './two-crms.ts';

const crms = twoCrms();
// The stage links 10,000 objects in each system, so that no test trips a guard unawares; these begin with none.
beforeEach(() => guardStore(crms.context).linked('contacts', { salesforce: -10_000, hubspot: -10_000 }));
const limits = { deletesPercent: 5, altersPercent: 30, firstSyncApproval: 'auto' } as const;
const ref = { sync: 'contacts', system: 'hubspot' };
const reason = 'cleaned up on purpose';

interface Asked {
  readonly path?: Record<string, string>;
  readonly body?: unknown;
}

async function ask(route: string, { path = {}, body }: Asked = {}, canary?: Canary) {
  const answer = GUARD_ROUTES[route];
  if (answer === undefined) throw new Error(`there is no route ${route}`);
  const ports = {
    syncs: [{ name: 'contacts', objects: { salesforce: 'Contact', hubspot: 'contacts' } }],
    records: crms.records,
    guards: guardStore(crms.context),
    syncNamed: () => ({ ...crms.sync, ...(canary !== undefined && { canary }) }),
    newId: randomUUID,
    now: crms.clock.now,
  };
  return answer({ route, path, query: {}, by: 'arn:ada', ...(body !== undefined && { body }) }, ports);
}

const guards = () => guardStore(crms.context);
const deletes = (count: number) => guards().reserve({ ...ref, deletes: count, alters: 0, creates: 0, limits });

/** A thousand linked objects, of which 200 were about to be deleted. */
async function tripped(): Promise<string> {
  await guards().linked('contacts', { hubspot: 1_000 });
  const said = await deletes(200);
  if (said.kind !== 'stopped') throw new Error('it is too much');
  return said.stopId;
}

describe('the guards', () => {
  it('are shown with their stops, their numbers and what is allowed', async () => {
    const stopId = await tripped();
    const { status, body } = await ask('GET /guards');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      syncs: [
        {
          sync: 'contacts',
          systems: {
            hubspot: {
              linked: 1_000,
              last24Hours: { deleted: 0 },
              allowed: { deletes: 50, alters: 300 },
              stops: [{ id: stopId }],
            },
            salesforce: { linked: 0, stops: [], isFirstSync: true },
          },
        },
      ],
    });
  });

  it('warn where no canary proves that the sync works', async () => {
    expect(await ask('GET /guards')).toMatchObject({ body: { syncs: [{ canary: { on: false, warning: expect.any(String) } }] } });
    const canary = { field: 'jobTitle', objects: { salesforce: '003', hubspot: '1' } };
    expect(await ask('GET /guards', {}, canary)).toMatchObject({ body: { syncs: [{ canary: { on: true } }] } });
  });
});

describe('a stop', () => {
  it('is approved by its id for as many as are named, and keeps who did it and why', async () => {
    const stopId = await tripped();
    expect(await ask('POST /guards/{stopId}/approve', { path: { stopId }, body: { reason, allow: 150 } })).toMatchObject({
      status: 200,
      body: { approved: { id: stopId } },
    });
    expect((await deletes(200)).kind).toBe('go');
    expect((await deletes(1)).kind).toBe('stopped');
    expect(await ask('GET /guards')).toMatchObject({
      body: { syncs: [{ systems: { hubspot: { acts: [{ act: 'approved', stopId, by: 'arn:ada', reason }] } } }] },
    });
  });

  it('is resumed without approving anything, or kept', async () => {
    const stopId = await tripped();
    expect(await ask('POST /guards/{stopId}/keep', { path: { stopId }, body: { reason } })).toMatchObject({ status: 200 });
    expect((await deletes(1)).kind).toBe('stopped');
    expect(await ask('POST /guards/{stopId}/resume', { path: { stopId }, body: { reason } })).toMatchObject({ status: 200 });
    expect((await deletes(50)).kind).toBe('go');
    expect((await deletes(1)).kind).toBe('stopped');
  });

  it.each([
    ['nobody says why', {}],
    ['the reason is empty', { reason: '  ' }],
    ['the number is none', { reason, allow: -3 }],
    ['it is no object', 'approve!'],
    ['its end is past', { reason, untilMs: 1 }],
    ['its end is far', { reason, untilMs: 9_999_999_999_999 }],
    ['it says more than is known', { reason, force: true }],
  ])('is not approved when %s', async (_, body) => {
    const stopId = await tripped();
    expect(await ask('POST /guards/{stopId}/approve', { path: { stopId }, body })).toMatchObject({ status: 400 });
    expect((await deletes(1)).kind).toBe('stopped');
  });

  it('that does not stand is not found', async () => {
    for (const stopId of ['contacts-hubspot-deletes-77', 'nonsense', 'contacts-nowhere-deletes-1'])
      expect(await ask('POST /guards/{stopId}/approve', { path: { stopId }, body: { reason } })).toMatchObject({ status: 404 });
  });
});

describe('a pause', () => {
  it('of a sync stops the writes to all of its systems until it is resumed; other stops stay', async () => {
    const stopId = await tripped();
    expect(await ask('POST /syncs/{sync}/pause', { path: { sync: 'contacts' }, body: { reason } })).toMatchObject({
      status: 200,
      body: { stops: { salesforce: { cause: 'pause' }, hubspot: { cause: 'pause' } } },
    });
    expect(await guards().standing({ ...ref, system: 'salesforce' })).toMatchObject({ cause: 'pause', reason });
    await ask('POST /syncs/{sync}/resume', { path: { sync: 'contacts' }, body: { reason } });
    expect(await guards().standing({ ...ref, system: 'salesforce' })).toBeUndefined();
    expect(await guards().standing(ref)).toMatchObject({ id: stopId });
  });

  it('may be of one system', async () => {
    await ask('POST /syncs/{sync}/pause', { path: { sync: 'contacts' }, body: { reason, system: 'hubspot' } });
    expect(await guards().standing(ref)).toMatchObject({ cause: 'pause' });
    expect(await guards().standing({ ...ref, system: 'salesforce' })).toBeUndefined();
  });

  it('needs a sync and a system that there are', async () => {
    expect(await ask('POST /syncs/{sync}/pause', { path: { sync: 'deals' }, body: { reason } })).toMatchObject({ status: 404 });
    const body = { reason, system: 'erp' };
    expect(await ask('POST /syncs/{sync}/pause', { path: { sync: 'contacts' }, body })).toMatchObject({ status: 404 });
  });
});

describe('G2: a frozen record', () => {
  it('is written again once a person has looked into it, and the ledger says who and why', async () => {
    const ada = await crms.linkedPerson();
    await crms.process('hubspot', [crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' })]);
    const record = await crms.record(ada.recordId);
    const frozen = {
      ...record,
      version: record.version + 1,
      frozen: { atMs: crms.clock.now(), rule: 'G2', reason: 'in circles' },
    };
    const note = { correlationId: 'test', lines: [], decidedAtMs: crms.clock.now() };
    await crms.records.commitMany([commitOf(frozen, { rules: crms.sync.rules, nowMs: crms.clock.now(), before: record, note })]);
    expect(await crms.dirty(ada.recordId)).toEqual([]);

    const path = { id: ada.recordId };
    expect(await ask('POST /records/{id}/unfreeze', { path })).toMatchObject({ status: 400 });
    expect(await ask('POST /records/{id}/unfreeze', { path, body: { reason } })).toMatchObject({ status: 200 });
    expect(await crms.dispatched(ada.recordId)).toEqual(['salesforce']);
    expect(JSON.stringify(await crms.image(ada.recordId))).toContain(`${reason} (arn:ada)`);
    expect(await ask('POST /records/{id}/unfreeze', { path, body: { reason } })).toMatchObject({ status: 409 });
    expect(await ask('POST /records/{id}/unfreeze', { path: { id: 'nobody' }, body: { reason } })).toMatchObject({ status: 404 });
  });
});

describe('a request', () => {
  const eventSchema = z.custom<Parameters<typeof operatorRequest>[0]>((given) => typeof given === 'object');
  const request = (more: object) =>
    operatorRequest(eventSchema.parse({ routeKey: 'POST /guards/{stopId}/approve', isBase64Encoded: false, ...more }));

  it('tells who signed it', () => {
    const requestContext = { authorizer: { iam: { userArn: 'arn:aws:iam::1:user/ada' } } };
    expect(request({ requestContext }).by).toBe('arn:aws:iam::1:user/ada');
    expect(request({ requestContext: {} }).by).toBeUndefined();
  });

  it('has a body of JSON, of a bearable size; anything else is no object', () => {
    expect(request({ body: '{"reason":"x"}' }).body).toEqual({ reason: 'x' });
    expect(request({ body: Buffer.from('{"reason":"x"}').toString('base64'), isBase64Encoded: true }).body).toEqual({
      reason: 'x',
    });
    expect(request({ body: '{"reason"' }).body).toBe('{"reason"');
    expect(request({ body: JSON.stringify({ reason: 'x'.repeat(20_000) }) }).body).toBe('too long');
    expect(request({}).body).toBeUndefined();
  });
});
