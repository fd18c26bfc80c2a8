import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRecord, encodeRecord } from '../../shared/store/record-encoding.ts';
import type { FieldValue } from '../../shared/sync/field-value.ts';
import type { WriteTally } from '../../shared/sync/guards/write-tally.ts';
import type { Hold, Link, Override, Receipt, RecordField, Refusal, SyncRecord } from '../../shared/sync/record.ts';
import { claimed, edited, sampleRecord } from './sample-record.ts';

/** One generator per key, so that a key added to a type and not to the encoding fails the type check here. */
type Every<T> = { [K in keyof Required<T>]: fc.Arbitrary<T[K]> };

const atMs = fc.integer({ min: 1, max: 4_000_000_000_000 });
const value = fc.oneof(
  fc.string(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0), // JSON knows no -0
  fc.boolean(),
  fc.constant(null),
);
const name = fc
  .oneof(fc.constantFrom('email', 'phone', '0', '12', 'constructor', 'toString'), fc.string({ minLength: 1 }))
  .filter((text) => text !== '__proto__');
const system = fc.constantFrom('salesforce', 'hubspot', '1', 'operator', 'constructor');

function byName<T>(entry: fc.Arbitrary<T>, names: fc.Arbitrary<string> = name): fc.Arbitrary<Record<string, T>> {
  return fc.array(fc.tuple(names, entry), { maxLength: 5 }).map((entries) => Object.fromEntries(entries));
}

/** Optional keys are sometimes left out, never undefined. */
function shape<T extends object>(every: Every<T>, required: (keyof T & string)[]): fc.Arbitrary<T> {
  return fc.record(every, { requiredKeys: required }).map((made) => JSON.parse(JSON.stringify(made)));
}

const field = shape<RecordField>({ value, atMs, fromMs: atMs, by: system, vector: byName(fc.nat(), system) }, [
  'value',
  'atMs',
  'by',
]);
const receipt = shape<Receipt>(
  {
    id: fc.uuid(),
    claimedAtMs: atMs,
    answeredAtMs: atMs,
    stampMs: fc.oneof(fc.constant(0), atMs),
    fields: byName(fc.record({ before: value, value })),
  },
  ['id', 'claimedAtMs', 'stampMs', 'fields'],
);
const refusal = shape<Refusal>({ code: fc.string(), message: fc.string(), fields: fc.array(fc.string()), atMs }, [
  'code',
  'message',
  'fields',
  'atMs',
]);
const override = shape<Override>({ value, reason: fc.string(), by: system, atMs, untilMs: atMs }, [
  'value',
  'reason',
  'by',
  'atMs',
]);
const link = shape<Link>(
  {
    objectId: fc.string(),
    state: fc.constantFrom('linked', 'creating', 'deleted', 'unlinked', 'missing', 'merged', 'outside'),
    stampMs: fc.oneof(fc.constant(0), atMs),
    observedAtMs: fc.oneof(fc.constant(0), atMs),
    seen: byName(
      fc.oneof(fc.constant({ never: true as const }), shape<{ value: FieldValue; atMs?: number }>({ value, atMs }, ['value'])),
    ),
    renderings: byName(fc.record({ sent: value, shown: value })),
    claim: fc.record({ owner: fc.uuid(), untilMs: atMs }),
    receipts: fc.array(receipt, { maxLength: 3 }),
    deliveredAtMs: atMs,
    refusal,
    archive: fc.constantFrom('wanted', 'done'),
    contested: fc.constant(true as const),
    spent: fc.array(receipt, { minLength: 1, maxLength: 3 }),
    forgottenToMs: atMs,
    witnessed: byName(fc.array(atMs, { maxLength: 4 })),
    overrides: byName(override),
    aliases: fc.array(fc.string(), { minLength: 1, maxLength: 3 }),
    quarantine: fc.record({ atMs, reason: fc.string() }),
    writes: shape<WriteTally>({ again: byName(fc.tuple(atMs, fc.nat())), reactions: fc.tuple(atMs, fc.nat()) }, []),
  },
  ['state', 'stampMs', 'observedAtMs', 'seen', 'receipts'],
).map((made) => {
  // Mostly the claim is the last receipt's.
  const owner = made.receipts.at(-1)?.id;
  return made.claim && owner !== undefined && made.stampMs % 3 !== 0 ? { ...made, claim: { ...made.claim, owner } } : made;
});
const hold = shape<Hold>(
  {
    openedAtMs: atMs,
    rule: fc.string(),
    reason: fc.string(),
    version: fc.nat(),
    base: value,
    parties: byName(fc.record({ value, atMs }), system),
  },
  ['openedAtMs', 'rule', 'reason', 'version', 'base', 'parties'],
);
const record = shape<SyncRecord>(
  {
    recordId: fc.uuid(),
    sync: fc.string({ minLength: 1 }),
    version: fc.integer({ min: 1 }),
    fields: byName(field),
    links: byName(link, system),
    holds: byName(hold),
    deleted: fc.record({ atMs, by: system }),
    frozen: fc.record({ atMs, rule: fc.string(), reason: fc.string() }),
    mergedInto: fc.uuid(),
  },
  ['recordId', 'sync', 'version', 'fields', 'links', 'holds'],
);

describe('the stored form of a record', () => {
  it('gives back exactly the record that was stored', () => {
    fc.assert(
      fc.property(record, (each) => {
        // Not toStrictEqual: it mistakes a field named `constructor` for the class of the object.
        expect(isDeepStrictEqual(decodeRecord(each.recordId, each.version, encodeRecord(each)), each)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps a contact of eleven fields, also while it is being delivered, well below a write unit', () => {
    const before = sampleRecord('6f0d8f6e-6c1b-4c29-9b2a-0a3c7d5e9f11');
    const during = claimed(edited(before).record).record;
    expect(Buffer.byteLength(encodeRecord(before))).toBeLessThan(650);
    expect(Buffer.byteLength(encodeRecord(during))).toBeLessThan(850);
  });

  it('refuses a form that it did not write', () => {
    const text = encodeRecord(sampleRecord('r'));
    expect(() => decodeRecord('r', 1, text.replace('"e":1', '"e":2'))).toThrow();
    expect(() => decodeRecord('r', 1, text.replace('"s":"contacts",', ''))).toThrow();
    expect(() => decodeRecord('r', 1, text.replace('"m":[', '"m":[],"mm":['))).toThrow(/restore the item/);
  });
});
