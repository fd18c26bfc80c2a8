import { describe, expect, it } from 'vitest';
import { canons } from '../../../shared/sync/canon.ts';
import { decide } from '../../../shared/sync/decide.ts';
import { wantOf } from '../../../shared/sync/delivery.ts';
import type { PresentObservation } from '../../../shared/sync/observation.ts';
import { discardEdit } from '../../../shared/sync/quality/discard.ts';
import { bringsNews } from '../../../shared/sync/quality/news.ts';
import type { Link, SyncRecord } from '../../../shared/sync/record.ts';
import type { SyncRules } from '../../../shared/sync/rules.ts';

const T0 = 1_790_000_000_000;
const system = {
  rank: 0,
  stampResolutionMs: 1,
  readLagMs: 0,
  fields: { name: 'both', city: 'both', code: 'out' },
  receivesCreates: true,
} as const;
const rules: SyncRules = {
  sync: 'contacts',
  fields: Object.fromEntries(
    ['name', 'city', 'code'].map((field) => [field, { canon: canons.text, strategy: { kind: 'last-write-wins' } as const }]),
  ),
  systems: { a: system, b: { ...system, rank: 1 } },
  firstSync: { kind: 'manual' },
  onDelete: 'archive',
};
const link = (objectId: string, more: Partial<Link> = {}): Link => ({
  objectId,
  state: 'linked',
  stampMs: T0,
  observedAtMs: T0,
  seen: {},
  receipts: [],
  ...more,
});
const record = (more: Partial<Link> = {}): SyncRecord => ({
  recordId: 'r1',
  sync: 'contacts',
  version: 3,
  fields: { name: { value: 'Ada', atMs: T0, by: 'a' }, city: { value: 'Bonn', atMs: T0, by: 'a' } },
  links: { a: link('a1'), b: link('b1', more) },
  holds: {},
});
const quarantined = { quarantine: { atMs: T0, reason: 'Q3' } };
const shown = (fields: PresentObservation['fields']): PresentObservation => ({
  system: 'b',
  objectId: 'b1',
  readBeganAtMs: T0 + 60_000,
  correlationId: 'c1',
  state: 'present',
  fields,
  stampMs: T0 + 50_000,
  modifiedBy: 'other',
  fieldTimesMs: { name: T0 + 40_000 },
  witnesses: {},
});
const bad = shown({ name: '!!!', city: 'Bonn', code: null });

describe('a payload that is discarded', () => {
  const decision = discardEdit(record(quarantined), bad, 'sam', rules);

  it('Q10: gives way to what the record holds, with the next delivery', () => {
    if (decision.kind !== 'changed') throw new Error('it changes the link');
    expect(decision.record).toMatchObject({ version: 4, fields: { name: { value: 'Ada' } } });
    expect(decision.record.links.b?.quarantine).toBeUndefined();
    expect(wantOf(decision.record, 'b', rules)).toEqual({ kind: 'update', objectId: 'b1', fields: { name: 'Ada' } });
  });

  it('Q10: is kept in the ledger, with who said so', () => {
    expect(decision).toMatchObject({
      hasLoser: true,
      lines: [
        {
          event: 'refused-edit',
          rule: 'Q10',
          field: 'name',
          by: 'sam',
          to: 'Ada',
          lost: { value: '!!!', by: 'b', atMs: T0 + 40_000 },
        },
      ],
    });
  });

  it('is no edit for anybody who reads it again before the delivery', () => {
    if (decision.kind !== 'changed') throw new Error('it changes the link');
    const later = { ...bad, readBeganAtMs: T0 + 90_000 };
    expect(decide(decision.record, later, rules)).toEqual({ kind: 'unchanged' });
    expect(discardEdit(decision.record, later, 'sam', rules)).toEqual({ kind: 'unchanged' });
  });

  it('says nothing of fields that were not read', () => {
    const partial = discardEdit(record(quarantined), shown({ name: '!!!' }), 'sam', rules);
    expect(partial).toMatchObject({ lines: [{ field: 'name' }] });
  });

  it('belongs to an object of the record', () => {
    expect(() => discardEdit(record(), { ...bad, objectId: 'other' }, 'sam', rules)).toThrow(/no link/);
  });
});

describe('what is judged', () => {
  const news = (fields: PresentObservation['fields'], more: Partial<Link> = {}) => {
    const whole = record(more);
    const own = whole.links.b;
    return own !== undefined && bringsNews(whole, own, 'b', fields, rules);
  };

  it.each<[string, PresentObservation['fields'], Partial<Link>, boolean]>([
    ['an edit', { name: 'Eve' }, {}, true],
    ['a cleared field', { name: null }, {}, true],
    ['a first look', { name: 'Ada' }, { seen: { name: { never: true } } }, true],
    ['what waits in quarantine, also where it was taken back', { name: 'Ada' }, quarantined, true],
    ['what was there before', { name: 'Ada', city: 'Bonn' }, {}, false],
    ['what was there before and differs from the record', { name: 'Adda' }, { seen: { name: { value: 'Adda' } } }, false],
    ['the same value in another form', { name: ' Ada ' }, {}, false],
    ['an edit of a field that only travels there', { code: '17' }, {}, false],
    [
      'the echo of our own write',
      { name: 'Ada' },
      {
        seen: { name: { value: 'Adda' } },
        receipts: [{ id: 'w1', claimedAtMs: T0, stampMs: T0, fields: { name: { before: 'Adda', value: 'Ada' } } }],
      },
      false,
    ],
  ])('%s', (_, fields, more, expected) => {
    expect(news(fields, more)).toBe(expected);
  });
});
