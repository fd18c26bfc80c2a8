import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keysOf } from '../../shared/store/keys.ts';
import { decodeNote, encodedNoteSchema, encodeNote } from '../../shared/store/note-encoding.ts';
import { outboxOf } from '../../shared/store/outbox.ts';
import { itemOf } from '../../shared/store/record-item.ts';
import type { StoreContext } from '../../shared/store/table.ts';
import type { CommitNote, LedgerLine } from '../../shared/sync/ledger.ts';
import { confirmed, edited, sampleRecord } from './sample-record.ts';

type Every<T> = { [K in keyof Required<T>]: fc.Arbitrary<T[K]> };

const atMs = fc.integer({ min: 0, max: 4_000_000_000_000 });
const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
const lineOf: Every<LedgerLine> = {
  event: fc.constantFrom('created', 'linked', 'changed', 'kept', 'held', 'refused-edit', 'delivery-refused', 'review'),
  field: fc.string(),
  rule: fc.string(),
  reason: fc.string(),
  by: fc.string(),
  atMs,
  from: value,
  to: value,
  lost: fc.record({ value, by: fc.string(), atMs }),
};
const line = fc.record(lineOf, { requiredKeys: ['event', 'rule', 'by', 'atMs'] });
const noteOf: Every<CommitNote> = { correlationId: fc.uuid(), lines: fc.array(line), decidedAtMs: atMs, receivedAtMs: atMs };
const note = fc.record(noteOf, { requiredKeys: ['correlationId', 'lines', 'decidedAtMs'] });

const context: StoreContext = {
  client: new DynamoDBClient({ region: 'eu-central-1' }),
  tableName: 'T',
  tenant: 'acme',
  now: () => 0,
};

describe('the outbox', () => {
  it('tells the readers of the stream exactly what the commit was told', () => {
    fc.assert(
      fc.property(note, (each) => {
        const stored = encodedNoteSchema.parse(JSON.parse(JSON.stringify(encodeNote(each))));
        expect(decodeNote(stored)).toEqual(each);
      }),
    );
  });

  it('names the tenant, the sync, the record and its version', () => {
    const commit = edited(sampleRecord('r#1'));
    expect(outboxOf(itemOf(context, commit))).toEqual({
      tenant: 'acme',
      sync: 'contacts',
      recordId: 'r#1',
      version: 2,
      ...commit.outbox,
    });
  });

  it('says where a commit gave the record an object that somebody may wait for', () => {
    const { outbox, ...commit } = edited(sampleRecord('r'));
    expect(outboxOf(itemOf(context, { ...commit, ...(outbox && { outbox: { ...outbox, wake: true } }) }))?.wake).toBe(true);
  });

  it('is absent from everything that is not a decision', () => {
    expect(outboxOf(itemOf(context, confirmed(sampleRecord('r'))))).toBeUndefined();
    expect(outboxOf({ ...keysOf('acme').poll('contacts', 'hubspot'), v: { N: '1' } })).toBeUndefined();
  });
});
