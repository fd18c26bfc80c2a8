import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ledgerStore } from '../../shared/store/ledger-store.ts';
import { type EmulatedTable, emulatedTable } from './emulated-table.ts';
import { sampleNote } from './sample-record.ts';

let table: EmulatedTable;
beforeAll(async () => {
  table = await emulatedTable();
});
afterAll(() => table.stop());

const entry = (recordId: string, version: number) => ({ ...sampleNote, recordId, version });

describe('the ledger', () => {
  it('tells a record’s history newest first, page by page', async () => {
    const ledger = ledgerStore(table.context('paging'));
    await ledger.putMany(Array.from({ length: 120 }, (_, index) => entry('r', index + 1)));
    await ledger.putMany([entry('r2', 1)]);
    const versions: number[] = [];
    let before: number | undefined;
    for (let page = 0; page < 5; page++) {
      const entries = await ledger.ofRecord('r', { limit: 50, ...(before !== undefined && { before }) });
      versions.push(...entries.map((each) => each.version));
      before = entries.at(-1)?.version ?? 0;
    }
    expect(versions).toEqual(Array.from({ length: 120 }, (_, index) => 120 - index));
  });

  it('tells a commit once, however often the stream shows it', async () => {
    const ledger = ledgerStore(table.context('doubled'));
    await ledger.putMany([entry('r', 1), entry('r', 1), entry('r', 2)]);
    await ledger.putMany([entry('r', 2)]);
    expect(await ledger.ofRecord('r', { limit: 9 })).toEqual([entry('r', 2), entry('r', 1)]);
  });

  it('does not let an entry without lines erase one that was written with its commit', async () => {
    const ledger = ledgerStore(table.context('empty'));
    await ledger.putMany([entry('r', 1)]);
    await ledger.putMany([{ ...entry('r', 1), lines: [] }]);
    expect(await ledger.ofRecord('r', { limit: 9 })).toEqual([entry('r', 1)]);
  });
});
