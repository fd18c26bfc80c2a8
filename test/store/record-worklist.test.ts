import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordStore } from '../../shared/store/record-store.ts';
import { recordWorklist } from '../../shared/store/record-worklist.ts';
import { type EmulatedTable, emulatedTable } from './emulated-table.ts';
import { edited, sampleRecord, T0 } from './sample-record.ts';

let table: EmulatedTable;
beforeAll(async () => {
  table = await emulatedTable();
});
afterAll(() => table.stop());

/** Records made one second after another, from T0 on. */
async function make(tenant: string, count: number, more: (index: number) => { dirty: boolean; attention?: string }) {
  let nowMs = T0;
  const context = table.context(tenant, { now: () => nowMs });
  const records = recordStore(context);
  for (let index = 0; index < count; index++) {
    nowMs = T0 + index * 1_000;
    const record = { ...sampleRecord(`r${index}`), fields: {} };
    await records.createRecord({ commit: { record, ...more(index) }, identities: [], matchKeys: [] });
  }
  return { records, worklist: recordWorklist(context) };
}

describe('the sweep', () => {
  it('finds every record that has been dirty for too long, and no other, page by page', async () => {
    const { worklist } = await make('sweep', 40, (index) => ({ dirty: index % 2 === 0 }));
    const found: { recordId: string; dirtySinceMs: number }[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < 30; page++) {
      const answer = await worklist.dirtyOlderThan(9_000, { limit: 3, cursor });
      expect(answer.items.length).toBeLessThanOrEqual(3);
      found.push(...answer.items);
      cursor = answer.cursor;
      if (cursor === undefined) break;
    }
    expect(cursor).toBeUndefined();
    const expected = Array.from({ length: 15 }, (_, index) => ({ recordId: `r${index * 2}`, dirtySinceMs: T0 + index * 2_000 }));
    expect(found.sort((a, b) => a.dirtySinceMs - b.dirtySinceMs)).toEqual(expected);
  });

  it('does not find a record any more once every system has it', async () => {
    const { records, worklist } = await make('clean', 1, () => ({ dirty: true }));
    await records.commitMany([{ ...edited(sampleRecord('r0')), dirty: false }]);
    expect(await worklist.dirtyOlderThan(-1_000, { limit: 9 })).toEqual({ items: [] });
  });
});

describe('what waits for a person', () => {
  it('is listed the longest waiting first, all kinds or one', async () => {
    const kinds = ['conflict', 'refused', 'conflict-of-deletes'];
    const { worklist } = await make('waiting', 9, (index) => ({ dirty: false, attention: kinds[index % 3] }));
    const conflicts = await worklist.attention({ kind: 'conflict', limit: 9 });
    expect(conflicts.items).toEqual(
      [0, 3, 6].map((index) => ({ recordId: `r${index}`, kind: 'conflict', sinceMs: T0 + index * 1_000 })),
    );
    const first = await worklist.attention({ limit: 5 });
    const second = await worklist.attention({ limit: 5, cursor: first.cursor });
    expect([...first.items, ...second.items].map((item) => item.recordId).sort()).toEqual(
      Array.from({ length: 9 }, (_, index) => `r${index}`),
    );
    expect(second.cursor).toBeUndefined();
  });

  it('is not shown to another tenant, not even by a cursor of this one', async () => {
    const { worklist } = await make('mine', 3, () => ({ dirty: true, attention: 'conflict' }));
    const { cursor } = await worklist.attention({ limit: 1 });
    expect(cursor).toBeDefined();
    const other = recordWorklist(table.context('theirs'));
    await expect(other.attention({ limit: 9, cursor })).rejects.toThrow(RangeError);
    expect(await other.attention({ limit: 9 })).toEqual({ items: [] });
    for (const forged of [
      '',
      'x',
      Buffer.from('{"p":-1}').toString('base64url'),
      Buffer.from('{"p":0,"k":{"zz":{"S":"mine#A"}}}').toString('base64url'),
    ]) {
      await expect(worklist.attention({ limit: 9, cursor: forged })).rejects.toThrow(/begin without a cursor/);
    }
  });
});
