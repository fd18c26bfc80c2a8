import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guardOfStop, guardStore } from '../../shared/store/guard-store.ts';
import type { GuardLimits } from '../../shared/sync/guards/write-guard.ts';
import { type EmulatedTable, emulatedTable } from './emulated-table.ts';
import { T0 } from './sample-record.ts';

let table: EmulatedTable;
beforeAll(async () => {
  table = await emulatedTable();
});
afterAll(() => table.stop());

const DAY = 24 * 3_600_000;
const ref = { sync: 'contacts', system: 'hubspot' };
const limits: GuardLimits = { deletesPercent: 5, altersPercent: 30, firstSyncApproval: 'auto' };
const none = { deletes: 0, alters: 0, creates: 0, limits, ...ref };
const by = { by: 'ada', reason: 'meant' };

let tenants = 0;
/** The guards of a tenant as several functions see them, each with a memory of its own. */
function functions(count: number) {
  const clock = { nowMs: T0 };
  const tenant = `g${++tenants}`;
  const stores = Array.from({ length: count }, () => guardStore(table.context(tenant, { now: () => clock.nowMs })));
  const [first = guardStore(table.context(tenant)), second = first] = stores;
  return { clock, stores, first, second };
}

describe('a reservation', () => {
  it('costs one write and no read once the guard is known', async () => {
    const { first } = functions(1);
    await first.reserve({ ...none, alters: 1 });
    table.costs();
    expect((await first.reserve({ ...none, alters: 5, creates: 2 })).kind).toBe('go');
    expect(table.costs()).toMatchObject([{ command: 'UpdateItem', table: 1 }]);
  });

  it('by many functions at once never lets more through than the limit', async () => {
    const { stores, first } = functions(8);
    await first.linked('contacts', { hubspot: 100 });
    const answers = await Promise.all(stores.map((store) => store.reserve({ ...none, deletes: 1 })));
    expect(answers.filter(({ kind }) => kind === 'go')).toHaveLength(5);
    expect(new Set(answers.flatMap((said) => (said.kind === 'stopped' ? [said.stopId] : []))).size).toBe(1);
    expect((await first.ofSync('contacts')).get('hubspot')?.linked).toBe(95);
  });

  it('sees what was linked since by others before it refuses', async () => {
    const { first, second, clock } = functions(2);
    await first.linked('contacts', { hubspot: 201 });
    await first.reserve({ ...none, alters: 1 });
    clock.nowMs += 2 * DAY;
    await second.linked('contacts', { hubspot: 799, salesforce: 1 });
    expect((await first.reserve({ ...none, alters: 300 })).kind).toBe('go');
    expect((await first.reserve({ ...none, alters: 1 })).kind).toBe('stopped');
  });

  it('gives back what was not written', async () => {
    const { first, second } = functions(2);
    await first.linked('contacts', { hubspot: 100 });
    const said = await first.reserve({ ...none, deletes: 5 });
    if (said.kind !== 'go') throw new Error('it may be written');
    expect((await second.reserve({ ...none, deletes: 1 })).kind).toBe('stopped');
    await first.settle(ref, said.reservation, { deletes: 5, alters: 0, creates: 0 });
    expect((await first.ofSync('contacts')).get('hubspot')).toMatchObject({ linked: 100, stops: [{ cause: 'deletes' }] });
  });
});

describe('a stop', () => {
  it('that one function makes refuses all others at their next batch, and is known to them in five seconds anyhow', async () => {
    const { first, second, clock } = functions(2);
    await second.reserve({ ...none, alters: 1 });
    expect(await second.standing(ref)).toBeUndefined();
    const stop = await first.stop(ref, 'canary', 'it did not arrive');
    expect(await second.reserve({ ...none, alters: 1 })).toEqual({
      kind: 'stopped',
      stopId: stop.id,
      cause: 'canary',
      reason: 'it did not arrive',
    });
    clock.nowMs += 5_000;
    expect(await second.standing(ref)).toEqual(stop);
    expect(await second.standing({ ...ref, system: 'salesforce' })).toBeUndefined();
  });

  it('ends for all functions when it is approved, by its id and once', async () => {
    const { first, second } = functions(2);
    await first.linked('contacts', { hubspot: 1_000 });
    const said = await first.reserve({ ...none, deletes: 200 });
    if (said.kind !== 'stopped') throw new Error('it is too much');
    expect(guardOfStop(said.stopId)).toEqual(ref);
    const approval = { ...by, allow: 200, untilMs: T0 + DAY };
    expect(await second.approve(ref, 'contacts-hubspot-deletes-999', approval)).toBeUndefined();
    expect(await second.approve(ref, said.stopId, approval)).toMatchObject({ id: said.stopId });
    expect(await second.approve(ref, said.stopId, approval)).toBeUndefined();
    expect((await first.reserve({ ...none, deletes: 200 })).kind).toBe('go');
    const again = await second.reserve({ ...none, deletes: 200 });
    expect(again).toMatchObject({ kind: 'stopped', cause: 'deletes' });
    expect(again).not.toMatchObject({ stopId: said.stopId });
  });

  it('is the business of its own sync and system', async () => {
    const { first } = functions(1);
    await first.pause(ref, by);
    expect((await first.reserve({ ...none, system: 'salesforce', alters: 1 })).kind).toBe('go');
    expect((await first.reserve({ ...none, sync: 'deals', alters: 1 })).kind).toBe('go');
    expect([...(await first.ofSync('contacts')).keys()].sort()).toEqual(['hubspot', 'salesforce']);
  });

  it.each(['', 'contacts', 'contacts-hubspot', 'a-b-c-d', '../x-y-deletes-1'])('has no id like %j', (id) => {
    expect(guardOfStop(id)).toBeUndefined();
  });
});

describe('marks and canaries', () => {
  it('a mark stays until it is moved, and goes when another system is approved', async () => {
    const { first } = functions(1);
    expect(await first.mark(ref)).toBeUndefined();
    const mark = { accountId: 'org-1', listed: 7, newest: [{ objectId: 'a', stampMs: T0 }], atMs: T0 };
    await first.putMark(ref, mark);
    expect(await first.mark(ref)).toEqual(mark);
    const stop = await first.stop(ref, 'listing', 'another account');
    await first.approve(ref, stop.id, { ...by, allow: 'run', untilMs: T0 + DAY });
    expect(await first.mark(ref)).toBeUndefined();
  });

  it('a round follows the one that was read, or not at all', async () => {
    const { first, second } = functions(2);
    const round = { number: 1, token: 'Concord canary 1', writer: 'hubspot', begunAtMs: T0, found: {} };
    expect(await first.putCanaryRound('contacts', round, 0)).toBe(true);
    expect(await second.putCanaryRound('contacts', { ...round, writer: 'salesforce' }, 0)).toBe(false);
    expect(await second.canaryRound('contacts')).toEqual({ round, version: 1 });
    expect(await second.putCanaryRound('contacts', { ...round, writtenAtMs: T0 }, 1)).toBe(true);
    expect(await first.putCanaryRound('contacts', round, 1)).toBe(false);
  });
});
