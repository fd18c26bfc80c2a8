import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChangeHint } from '../../shared/sync/change-hint.ts';
import { decide } from '../../shared/sync/decide.ts';
import { claim, confirmWritten, dirtySystems, wantOf } from '../../shared/sync/delivery.ts';
import type { FieldValue } from '../../shared/sync/field-value.ts';
import { fieldTimesOf, groupByObject, tellsNothingNew, testimonyOf } from '../../shared/sync/hints.ts';
import { seenOf } from '../../shared/sync/link.ts';
import { type SyncRecord, valuesOf } from '../../shared/sync/record.ts';
import { happening } from './happenings.ts';
import { SYSTEMS, type SystemName, TwoSystems } from './two-systems.ts';
import { agreedRecord, objectIds, rules, saw, T0 } from './world.ts';

const LATER = T0 + 60_000;
const asItIs = (native: Readonly<Record<string, FieldValue>>) => ({ ...native });

function hint(fields: Record<string, FieldValue>, said: Partial<ChangeHint> & { atMs?: number } = {}): ChangeHint {
  const { atMs = LATER, ...rest } = said;
  return {
    object: 'contacts',
    objectId: objectIds.hubspot,
    kind: 'changed',
    by: 'other',
    occurredAtMs: atMs,
    receivedAtMs: atMs,
    fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, { value, atMs }])),
    correlationId: 'test',
    ...rest,
  };
}

const skips = (record: SyncRecord, one: ChangeHint, system: SystemName = 'hubspot') =>
  tellsNothingNew(record, system, one, asItIs, rules);

describe('hints of one batch', () => {
  it('are gathered by object, in the order in which they came', () => {
    const some = [hint({ name: 'a' }), hint({ name: 'b' }, { objectId: '7' }), hint({ name: 'c' })];
    expect(groupByObject(some).map(({ objectId, hints }) => [objectId, hints.map((one) => one.fields.name?.value)])).toEqual([
      [objectIds.hubspot, ['a', 'c']],
      ['7', ['b']],
    ]);
  });

  it('testify to the latest value of each field that somebody else saved, whatever order they came in', () => {
    const [early, late, ours] = [
      hint({ name: 'a' }, { atMs: 1 }),
      hint({ name: 'b' }, { atMs: 2 }),
      hint({ name: 'c' }, { atMs: 3, by: 'us' }),
    ];
    for (const order of [
      [early, late, ours],
      [ours, late, early],
    ]) {
      expect(testimonyOf(order, asItIs).witnesses).toEqual({ name: { value: 'b', atMs: 2, receivedAtMs: 2 } });
    }
  });

  it('tell when a present value was saved, by anybody, and nothing of values that no hint names', () => {
    const testimony = testimonyOf([hint({ name: 'a' }, { atMs: 1 }), hint({ name: 'A ' }, { atMs: 5, by: 'us' })], asItIs);
    expect(fieldTimesOf(testimony, { name: 'a', phone: '1' }, rules)).toEqual({ name: 5 });
  });

  it('from a poll testify to nothing: a row’s stamp does not say when each field was saved', () => {
    const testimony = testimonyOf([hint({ name: 'a' }, { snapshot: true })], asItIs);
    expect(testimony.witnesses).toEqual({});
    expect(fieldTimesOf(testimony, { name: 'a' }, rules)).toEqual({});
  });
});

describe('a hint that tells nothing new', () => {
  const agreed = agreedRecord();
  const edited = decide(agreed, saw('salesforce', { name: 'Eda' }, { readMs: LATER }), rules);
  if (edited.kind !== 'changed') throw new Error('the edit was not taken');
  const claimed = claim(edited.record, 'hubspot', wantOf(edited.record, 'hubspot', rules), 'owner', LATER + 10, 60_000);
  const confirmed = confirmWritten(claimed, 'hubspot', 'owner', { objectId: objectIds.hubspot }, LATER + 60, rules);

  it('names only what was seen there, saved before we last looked', () => {
    expect(skips(agreed, hint({ name: 'ADA ', phone: '1' }, { atMs: T0 - 5 }))).toBe(true);
    expect(skips(agreed, hint({ name: 'Ada', phone: '2' }, { atMs: T0 - 5 }))).toBe(false);
  });

  it('is a poll’s row on which nothing is new', () => {
    expect(skips(agreed, hint({ name: 'Ada', phone: '1', title: 'Dr' }, { snapshot: true, by: 'unknown' }))).toBe(true);
  });

  it('is the echo of our own write, before its confirm and after it', () => {
    const echo = hint({ name: 'Eda' }, { by: 'us', atMs: LATER + 40 });
    expect(skips(claimed, echo)).toBe(true);
    expect(skips(confirmed, echo)).toBe(true);
  });

  it('is never one without values, of a deletion, or of an object that was not looked at', () => {
    expect(skips(agreed, hint({}))).toBe(false);
    expect(skips(agreed, hint({ name: 'Ada' }, { atMs: 1, fields: { name: { atMs: 1 } } }))).toBe(false);
    expect(skips(agreed, hint({ name: 'Ada' }, { atMs: 1, kind: 'deleted' }))).toBe(false);
    expect(skips({ ...agreed, links: {} }, hint({ name: 'Ada' }, { atMs: 1 }))).toBe(false);
  });

  it('is not one of a value that went away and came back since we last looked', () => {
    expect(skips(agreed, hint({ name: 'Ada' }, { atMs: LATER }))).toBe(false);
  });

  it('is not one that takes back what we are just writing', () => {
    expect(skips(claimed, hint({ name: 'Ada' }, { atMs: LATER + 40 }))).toBe(false);
  });

  it('is not the echo of a write that should not be there any more', () => {
    const later = decide(confirmed, saw('hubspot', { name: 'Ida' }, { readMs: LATER + 5_000 }), rules);
    if (later.kind !== 'changed') throw new Error('the edit was not taken');
    expect(skips(later.record, hint({ name: 'Eda' }, { by: 'us', atMs: LATER + 6_000 }))).toBe(false);
  });

  it('names fields that are not synced', () => {
    expect(skips(agreed, hint({ favouriteColour: 'red' }))).toBe(true);
  });

  it('never leads to a decision: the read that it saves would have decided nothing', () => {
    const value = fc.constantFrom('Ada', '1', 'a', 'b', null);
    const said = fc.record({
      system: fc.constantFrom(...SYSTEMS),
      fields: fc.dictionary(fc.constantFrom('name', 'phone'), value, { minKeys: 1, maxKeys: 2, noNullPrototype: true }),
      by: fc.constantFrom('us' as const, 'other' as const, 'unknown' as const),
      atMs: fc.integer({ min: T0 - 10, max: T0 + 60_040 }),
      snapshot: fc.boolean(),
    });
    let skipped = 0;
    fc.assert(
      fc.property(
        fc.array(happening, { maxLength: 25, size: 'max' }),
        said,
        (happenings, { system, fields, by, atMs, snapshot }) => {
          const world = new TwoSystems(rules, { windowOpen: true });
          for (const one of happenings) world.happen(one);
          const { record } = world;
          const link = record.links[system];
          const one = hint(fields, { by, atMs, objectId: objectIds[system], ...(snapshot && { snapshot }) });
          if (link === undefined || !skips(record, one, system)) return;
          skipped += 1;
          const seen = Object.keys(rules.fields).map((field): [string, FieldValue] => {
            const known = seenOf(record, link, field);
            return [field, 'value' in known ? known.value : null];
          });
          const shown = { ...Object.fromEntries(seen), ...fields };
          const testimony = testimonyOf([one], asItIs);
          const readMs = T0 + 10_000_000;
          const decision = decide(
            record,
            {
              ...saw(system, shown, { readMs, stampMs: Math.max(link.stampMs, atMs), by, witnesses: { ...testimony.witnesses } }),
              fieldTimesMs: fieldTimesOf(testimony, shown, rules),
            },
            rules,
          );
          expect(decision.kind).not.toBe('doubt');
          if (decision.kind !== 'changed') return;
          expect(decision.lines).toEqual([]);
          expect(valuesOf(decision.record)).toEqual(valuesOf(record));
          expect(dirtySystems(record, rules)).toEqual(expect.arrayContaining(dirtySystems(decision.record, rules)));
        },
      ),
      { numRuns: 500 },
    );
    expect(skipped).toBeGreaterThan(20);
  });
});
