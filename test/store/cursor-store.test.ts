import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cursorStore } from '../../shared/store/cursor-store.ts';
import { type EmulatedTable, emulatedTable } from './emulated-table.ts';
import { T0 } from './sample-record.ts';

let table: EmulatedTable;
beforeAll(async () => {
  table = await emulatedTable();
});
afterAll(() => table.stop());

let tenants = 0;
function pollers() {
  const clock = { nowMs: T0 };
  return { clock, cursors: cursorStore(table.context(`t${++tenants}`, { now: () => clock.nowMs })) };
}

const [sync, system] = ['contacts', 'hubspot'];

describe('a poll', () => {
  it('goes on where the last one stopped', async () => {
    const { clock, cursors } = pollers();
    expect(await cursors.get(sync, system)).toBeUndefined();
    const first = await cursors.lease(sync, system, { owner: 'one', leaseMs: 60_000, fromMs: 77 });
    expect(first).toEqual({ fromMs: 77, version: 1 });
    const moved = await cursors.put(sync, system, { cursor: 'page 1', fromMs: 77 }, { version: 1, owner: 'one' });
    expect(moved).toEqual({ cursor: 'page 1', fromMs: 77, version: 2 });
    const position = { fromMs: 99, polledAtMs: T0 };
    expect(await cursors.put(sync, system, position, { version: 2, owner: 'one', release: true })).toEqual({
      ...position,
      version: 3,
    });
    clock.nowMs += 1;
    expect(await cursors.lease(sync, system, { owner: 'two', leaseMs: 60_000, fromMs: 0 })).toEqual({ ...position, version: 4 });
    expect(await cursors.get(sync, system)).toEqual({ ...position, version: 4 });
  });

  it('is done by one poller at a time', async () => {
    const { cursors } = pollers();
    const leases = await Promise.all(
      Array.from({ length: 16 }, (_, rival) => cursors.lease(sync, system, { owner: `o${rival}`, leaseMs: 60_000, fromMs: 0 })),
    );
    expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
    expect(await cursors.lease(sync, 'salesforce', { owner: 'another', leaseMs: 60_000, fromMs: 0 })).toBeDefined();
  });

  it('whose lease ran out cannot move the cursor that another one moves by now', async () => {
    const { clock, cursors } = pollers();
    const slow = await cursors.lease(sync, system, { owner: 'slow', leaseMs: 1_000, fromMs: 0 });
    clock.nowMs += 1_000;
    const next = await cursors.lease(sync, system, { owner: 'next', leaseMs: 1_000, fromMs: 0 });
    expect(next).toBeDefined();
    expect(await cursors.put(sync, system, { cursor: 'old', fromMs: 0 }, { version: slow?.version ?? 0 })).toBe('conflict');
    expect(await cursors.put(sync, system, { cursor: 'new', fromMs: 0 }, { version: next?.version ?? 0 })).not.toBe('conflict');
    expect((await cursors.get(sync, system))?.cursor).toBe('new');
  });
});

describe('rows that were hinted at', () => {
  it('are left out of later polls until they change or the window has passed', async () => {
    const { clock, cursors } = pollers();
    const rows = Array.from({ length: 500 }, (_, index) => ({ objectId: `${index}`, stampMs: T0 }));
    const changed = { objectId: '7', stampMs: T0 + 1 };
    const first = await cursors.seenRows(sync, system, { windowMs: 60_000 });
    expect(first.unseen(rows)).toEqual(rows);
    await first.remember(rows.slice(0, 200));
    await first.remember(rows.slice(100));
    expect(first.unseen([...rows, changed])).toEqual([changed]);

    clock.nowMs += 60_000;
    const second = await cursors.seenRows(sync, system, { windowMs: 60_000 });
    expect(second.unseen([...rows, changed])).toEqual([changed]);
    expect((await cursors.seenRows(sync, 'salesforce', { windowMs: 60_000 })).unseen(rows)).toEqual(rows);

    clock.nowMs += 1;
    const third = await cursors.seenRows(sync, system, { windowMs: 60_000 });
    expect(third.unseen(rows)).toEqual(rows);
  });

  it('are remembered in items that DynamoDB takes, and that go by themselves', async () => {
    const { cursors } = pollers();
    const rows = Array.from({ length: 110_000 }, (_, index) => ({ objectId: `${index}`, stampMs: T0 }));
    const seen = await cursors.seenRows(sync, system, { windowMs: 60_000 });
    await seen.remember(rows);
    const again = await cursors.seenRows(sync, system, { windowMs: 60_000 });
    expect(again.unseen(rows)).toEqual([]);
    const items = (await table.everything()).filter((item) => item.pk?.S?.startsWith(`t${tenants}#S#`));
    expect(items.map((item) => item.b?.B?.byteLength)).toEqual([300_000, 300_000, 60_000].sort());
    expect(items.every((item) => Number(item.ttl?.N) === T0 / 1000 + 60)).toBe(true);
  });

  it('cost nothing to remember twice', async () => {
    const { cursors } = pollers();
    const seen = await cursors.seenRows(sync, system, { windowMs: 60_000 });
    await seen.remember([{ objectId: '1', stampMs: T0 }]);
    table.costs();
    await seen.remember([{ objectId: '1', stampMs: T0 }]);
    await seen.remember([]);
    expect(table.costs()).toEqual([]);
  });
});
