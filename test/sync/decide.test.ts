import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Decision, decide } from '../../shared/sync/decide.ts';
import { claim, confirmWritten, dirtySystems, wantOf } from '../../shared/sync/delivery.ts';
import { withFoundObject } from '../../shared/sync/new-record.ts';
import type { SyncRecord } from '../../shared/sync/record.ts';
import { agreedRecord, objectIds, rules, rulesWith, saw, T0 } from './world.ts';

const LATER = T0 + 60_000;

function changed(decision: Decision) {
  if (decision.kind !== 'changed') throw new Error(`expected a change, got ${decision.kind}`);
  return decision;
}

/** HubSpot's title was delivered: claimed at `claimedAtMs`, answered 50 ms later. */
function delivered(record: SyncRecord, system: 'salesforce' | 'hubspot', claimedAtMs: number): SyncRecord {
  const claimed = claim(record, system, wantOf(record, system, rules), 'owner', claimedAtMs, 60_000);
  return confirmWritten(claimed, system, 'owner', { objectId: objectIds[system] }, claimedAtMs + 50, rules);
}

describe('an observation of a linked object', () => {
  it('O1 changes nothing when the object holds what was seen there', () => {
    expect(decide(agreedRecord(), saw('hubspot', { name: 'Ada', phone: '1', title: 'Dr' }, { readMs: LATER }), rules).kind).toBe(
      'unchanged',
    );
  });

  it('O1 takes a value in another form for the same value', () => {
    expect(decide(agreedRecord(), saw('hubspot', { name: '  ADA ' }, { readMs: LATER }), rules).kind).toBe('unchanged');
  });

  it('O1 takes an absent field for unread, never for cleared', () => {
    expect(decide(agreedRecord(), saw('hubspot', {}, { readMs: LATER }), rules).kind).toBe('unchanged');
  });

  it('O1 records the look where a value went away and came back, so that no read in between is committed', () => {
    const record = agreedRecord();
    const witnesses = { phone: { value: '1', atMs: LATER - 5, receivedAtMs: LATER } };
    const decision = changed(decide(record, saw('hubspot', { phone: '1' }, { readMs: LATER, witnesses }), rules));
    expect(decision.record).toMatchObject({ version: record.version + 1, fields: record.fields });
    expect(decision.lines).toEqual([]);
    expect(decide(decision.record, saw('hubspot', { phone: '1' }, { readMs: LATER + 1, witnesses }), rules).kind).toBe(
      'unchanged',
    );
  });

  it('O6 takes a sole edit into the record and makes the other system dirty', () => {
    const decision = changed(
      decide(agreedRecord(), saw('hubspot', { name: 'Ada', phone: '2', title: 'Dr' }, { readMs: LATER }), rules),
    );
    expect(decision.record.fields.phone).toMatchObject({ value: '2', by: 'hubspot' });
    expect(dirtySystems(decision.record, rules)).toEqual(['salesforce']);
    expect(decision.lines).toMatchObject([{ event: 'changed', field: 'phone', rule: 'O6', from: '1', to: '2' }]);
    expect(decision.hasLoser).toBe(false);
  });

  it('O6 lets causality beat a slow clock: an edit of the record’s value is later than that value', () => {
    const slow = saw('hubspot', { phone: '2' }, { readMs: LATER, times: { phone: T0 - 3_600_000 } });
    expect(changed(decide(agreedRecord(), slow, rules)).record.fields.phone?.atMs).toBe(T0 + 1);
  });

  it('keeps edits of different fields made on both sides at once', () => {
    const first = changed(decide(agreedRecord(), saw('hubspot', { phone: '2' }, { readMs: LATER }), rules)).record;
    const both = changed(decide(first, saw('salesforce', { phone: '1', title: 'Prof' }, { readMs: LATER }), rules)).record;
    expect(both.fields).toMatchObject({ phone: { value: '2' }, title: { value: 'Prof' } });
    expect(dirtySystems(both, rules)).toEqual(['salesforce', 'hubspot']);
  });

  it('O4 finds both sides in agreement when they made the same edit', () => {
    const first = changed(decide(agreedRecord(), saw('hubspot', { phone: '2' }, { readMs: LATER }), rules)).record;
    const both = changed(decide(first, saw('salesforce', { phone: '2' }, { readMs: LATER }), rules));
    expect(dirtySystems(both.record, rules)).toEqual([]);
    expect(both.lines).toMatchObject([{ event: 'agreed', rule: 'O4' }]);
  });

  it('O7 lets the later of two concurrent edits win and keeps the loser in the ledger', () => {
    const first = changed(
      decide(agreedRecord(), saw('hubspot', { phone: '2' }, { readMs: LATER, times: { phone: LATER - 500 } }), rules),
    ).record;
    const second = changed(
      decide(first, saw('salesforce', { phone: '3' }, { readMs: LATER, times: { phone: LATER - 100 } }), rules),
    );
    expect(second.record.fields.phone).toMatchObject({ value: '3', by: 'salesforce' });
    expect(second.hasLoser).toBe(true);
    expect(second.lines).toMatchObject([{ rule: 'O7/S1', to: '3', lost: { value: '2', by: 'hubspot' } }]);
  });

  it('O7 keeps the record’s value when the edit that comes second was made first', () => {
    const first = changed(
      decide(agreedRecord(), saw('hubspot', { phone: '2' }, { readMs: LATER, times: { phone: LATER - 100 } }), rules),
    ).record;
    const second = changed(
      decide(first, saw('salesforce', { phone: '3' }, { readMs: LATER, times: { phone: LATER - 500 } }), rules),
    );
    expect(second.record.fields.phone?.value).toBe('2');
    expect(second.lines).toMatchObject([{ event: 'kept', lost: { value: '3', by: 'salesforce' } }]);
    expect(dirtySystems(second.record, rules)).toEqual(['salesforce']);
  });

  it('S1 breaks a tie of whole-second stamps by the order of the config, whichever edit comes first', () => {
    const salesforce = saw('salesforce', { phone: 's' }, { readMs: LATER, stampMs: LATER - 1000 });
    const hubspot = saw('hubspot', { phone: 'h' }, { readMs: LATER, stampMs: LATER - 500 });
    const values = [
      [salesforce, hubspot],
      [hubspot, salesforce],
    ].map(
      (arrived) =>
        arrived.reduce((record, seen) => changed(decide(record, seen, rules)).record, agreedRecord()).fields.phone?.value,
    );
    expect(values).toEqual(['s', 's']);
  });

  it('S2 lets the preferred system win even with the earlier edit', () => {
    const preferring = rulesWith({ strategy: { kind: 'prefer-system', system: 'hubspot', reason: 'marketing owns it' } });
    const first = changed(
      decide(agreedRecord(), saw('hubspot', { phone: '2' }, { readMs: LATER, times: { phone: LATER - 900 } }), preferring),
    ).record;
    const second = changed(
      decide(first, saw('salesforce', { phone: '3' }, { readMs: LATER, times: { phone: LATER - 100 } }), preferring),
    );
    expect(second.record.fields.phone?.value).toBe('2');
    expect(second.lines).toMatchObject([{ rule: 'O7/S2', reason: 'marketing owns it' }]);
  });

  it('P1 refuses an edit of a one-way field, keeps it in the ledger, and asks for the record’s value again', () => {
    const oneWay = rulesWith({ directions: { hubspot: { phone: 'out' } } });
    const decision = changed(decide(agreedRecord(), saw('hubspot', { phone: '2' }, { readMs: LATER }), oneWay));
    expect(decision.record.fields.phone?.value).toBe('1');
    expect(decision.lines).toMatchObject([{ event: 'refused-edit', rule: 'P1', lost: { value: '2' } }]);
    expect(wantOf(decision.record, 'hubspot', oneWay)).toMatchObject({ kind: 'update', fields: { phone: '1' } });
  });
});

describe('the echo of our own write', () => {
  const edited = changed(decide(agreedRecord(), saw('hubspot', { phone: '2' }, { readMs: LATER }), rules)).record;

  it('O2 is no edit, even before the confirm', () => {
    const claimed = claim(edited, 'salesforce', wantOf(edited, 'salesforce', rules), 'owner', LATER + 10, 60_000);
    const echo = saw('salesforce', { phone: '2' }, { readMs: LATER + 40, stampMs: LATER + 1000, by: 'us' });
    const decision = changed(decide(claimed, echo, rules));
    expect(decision.lines).toEqual([]);
    expect(decision.record.fields.phone).toMatchObject({ value: '2', by: 'hubspot' });
    expect(dirtySystems(decision.record, rules)).toEqual([]);
  });

  it('O2 does not take the record back to an older value that is still on its way', () => {
    const written = delivered(edited, 'salesforce', LATER + 10);
    const newer = changed(decide(written, saw('hubspot', { phone: '9' }, { readMs: LATER + 5_000 }), rules)).record;
    const echo = decide(newer, saw('salesforce', { phone: '2' }, { readMs: LATER + 100, stampMs: LATER + 1000 }), rules);
    expect(echo.kind).toBe('unchanged');
    expect(wantOf(newer, 'salesforce', rules)).toMatchObject({ fields: { phone: '9' } });
  });

  it('O3 does not decide on a replica that still shows the value we wrote over', () => {
    const written = delivered(edited, 'salesforce', LATER + 10);
    const stale = decide(written, saw('salesforce', { phone: '1' }, { readMs: LATER + 200, stampMs: LATER + 1000 }), rules);
    expect(stale).toMatchObject({ kind: 'doubt', fields: ['phone'] });
    const believed = saw(
      'salesforce',
      { phone: '1' },
      { readMs: stale.kind === 'doubt' ? stale.rereadAfterMs : 0, stampMs: LATER + 2000 },
    );
    expect(changed(decide(written, believed, rules)).record.fields.phone).toMatchObject({ value: '1', by: 'salesforce' });
  });

  it('O3 believes another author’s edit right behind our write when a hint testifies to it', () => {
    const written = delivered(edited, 'salesforce', LATER + 10);
    const atMs = LATER + 120;
    const witnessed = saw(
      'salesforce',
      { phone: '7' },
      {
        readMs: LATER + 200,
        stampMs: LATER,
        times: { phone: atMs },
        witnesses: { phone: { value: '7', atMs, receivedAtMs: LATER + 150 } },
      },
    );
    expect(changed(decide(written, witnessed, rules)).record.fields.phone?.value).toBe('7');
  });

  it('O3 waits for a row that does not yet show the edit that its hint names', () => {
    const early = saw(
      'hubspot',
      { phone: '1' },
      { readMs: LATER, stampMs: T0, witnesses: { phone: { value: '5', atMs: LATER - 1, receivedAtMs: LATER } } },
    );
    expect(decide(agreedRecord(), early, rules)).toMatchObject({ kind: 'doubt', fields: ['phone'] });
  });

  it('O3 waits for the confirm where somebody saved the very value that our write writes over', () => {
    const claimed = claim(edited, 'salesforce', wantOf(edited, 'salesforce', rules), 'owner', LATER + 10, 60_000);
    const witnesses = { phone: { value: '1', atMs: LATER + 40, receivedAtMs: LATER + 50 } };
    const revert = (readMs: number) => saw('salesforce', { phone: '1' }, { readMs, stampMs: LATER, witnesses });
    const doubt = decide(claimed, revert(LATER + 60), rules);
    expect(doubt).toMatchObject({ kind: 'doubt', fields: ['phone'] });
    const confirmed = confirmWritten(claimed, 'salesforce', 'owner', { objectId: objectIds.salesforce }, LATER + 70, rules);
    const later = decide(confirmed, revert(doubt.kind === 'doubt' ? doubt.rereadAfterMs : 0), rules);
    expect(changed(later).record.fields.phone).toMatchObject({ value: '1', by: 'salesforce' });
  });

  it('O3 doubts an older stamp, but believes the same value from a read that began late enough', () => {
    const moved = changed(
      decide(agreedRecord(), saw('salesforce', { phone: '2' }, { readMs: LATER, stampMs: LATER }), rules),
    ).record;
    expect(decide(moved, saw('salesforce', { phone: '1' }, { readMs: LATER + 100, stampMs: LATER - 5_000 }), rules).kind).toBe(
      'doubt',
    );
    expect(decide(moved, saw('salesforce', { phone: '1' }, { readMs: LATER + 12_000, stampMs: LATER - 5_000 }), rules).kind).toBe(
      'changed',
    );
  });

  it('O8 remembers the form in which a system stores what we sent, and neither merges nor rewrites it', () => {
    const claimed = claim(edited, 'salesforce', wantOf(edited, 'salesforce', rules), 'owner', LATER + 10, 60_000);
    const confirmed = confirmWritten(
      claimed,
      'salesforce',
      'owner',
      { objectId: objectIds.salesforce, shown: { phone: '+2' } },
      LATER + 60,
      rules,
    );
    expect(wantOf(confirmed, 'salesforce', rules)).toEqual({ kind: 'nothing' });
    expect(decide(confirmed, saw('salesforce', { phone: '+2' }, { readMs: LATER + 9_000 }), rules).kind).toBe('unchanged');
  });
});

describe('a first look', () => {
  const linked = withFoundObject(
    { ...agreedRecord({ name: 'Ada', phone: null, title: 'Dr' }), links: {} },
    'hubspot',
    '501',
    rules,
  );

  it('C2 writes nothing into an object that was never read, and asks only for a look', () => {
    expect(wantOf(linked, 'hubspot', rules)).toMatchObject({ kind: 'update', fields: {} });
  });

  it('O5 fills the empty side from the other and lets the first-sync strategy decide between two values', () => {
    const decision = changed(decide(linked, saw('hubspot', { name: 'Eda', phone: '5', title: null }, { readMs: LATER }), rules));
    expect(decision.record.fields).toMatchObject({ name: { value: 'Ada' }, phone: { value: '5' }, title: { value: 'Dr' } });
    expect(wantOf(decision.record, 'hubspot', rules)).toMatchObject({ fields: { name: 'Ada', title: 'Dr' } });
    expect(decision.lines).toContainEqual(
      expect.objectContaining({ rule: 'O5/S2', lost: expect.objectContaining({ value: 'Eda' }) }),
    );
  });
});

describe('a held field', () => {
  const manual = rulesWith({ strategy: { kind: 'manual' } });
  const first = changed(decide(agreedRecord(), saw('hubspot', { phone: '2', title: 'Dr' }, { readMs: LATER }), manual)).record;
  const held = changed(decide(first, saw('salesforce', { phone: '3', title: 'Dr' }, { readMs: LATER }), manual)).record;

  it('H1 keeps each side’s value and is delivered nowhere, while other fields go on', () => {
    expect(held.holds.phone).toMatchObject({ version: 1, parties: { hubspot: { value: '2' }, salesforce: { value: '3' } } });
    expect(dirtySystems(held, manual)).toEqual([]);
    const other = changed(decide(held, saw('hubspot', { phone: '2', title: 'Prof' }, { readMs: LATER + 1_000 }), manual)).record;
    expect(dirtySystems(other, manual)).toEqual(['salesforce']);
  });

  it('H2 raises its version when a party moves, so that a choice binds to what was shown', () => {
    const moved = changed(decide(held, saw('hubspot', { phone: '4' }, { readMs: LATER + 1_000 }), manual)).record;
    expect(moved.holds.phone).toMatchObject({ version: 2, parties: { hubspot: { value: '4' } } });
  });

  it('H3 ends by itself when all parties agree', () => {
    const settled = changed(decide(held, saw('hubspot', { phone: '3' }, { readMs: LATER + 1_000 }), manual));
    expect(settled.record.holds).toEqual({});
    expect(settled.record.fields.phone?.value).toBe('3');
    expect(dirtySystems(settled.record, manual)).toEqual([]);
  });
});

describe('a deletion', () => {
  const deletion = { system: 'hubspot', objectId: '501', readBeganAtMs: LATER, correlationId: 'test' };

  it('D1 is carried over as archive', () => {
    const decision = changed(decide(agreedRecord(), { ...deletion, state: 'deleted', deletedAtMs: LATER }, rules));
    expect(wantOf(decision.record, 'salesforce', rules)).toEqual({ kind: 'archive', objectId: objectIds.salesforce });
  });

  it('D2 only ends the link under the policy unlink', () => {
    const unlinking = rulesWith({ onDelete: 'unlink' });
    const decision = changed(decide(agreedRecord(), { ...deletion, state: 'deleted', deletedAtMs: LATER }, unlinking));
    expect(dirtySystems(decision.record, unlinking)).toEqual([]);
    expect(decision.record.links.hubspot?.state).toBe('deleted');
  });

  it('D3 does not take a newer edit with it', () => {
    const edited = changed(decide(agreedRecord(), saw('salesforce', { phone: '2' }, { readMs: LATER }), rules)).record;
    const decision = changed(decide(edited, { ...deletion, state: 'deleted', deletedAtMs: LATER }, rules));
    expect(decision.record.deleted).toBeUndefined();
    expect(decision.record.links.hubspot).toMatchObject({ state: 'deleted', contested: true });
    expect(decision.record.fields.phone?.value).toBe('2');
  });

  it('D4 is not concluded from absence', () => {
    const decision = changed(decide(agreedRecord(), { ...deletion, state: 'missing' }, rules));
    expect(decision.record.deleted).toBeUndefined();
    expect(dirtySystems(decision.record, rules)).toEqual([]);
  });

  it('D6 is taken back when the object is there again before the archive was carried out', () => {
    const gone = changed(decide(agreedRecord(), { ...deletion, state: 'deleted', deletedAtMs: LATER }, rules)).record;
    const back = changed(
      decide(gone, saw('hubspot', { name: 'Ada', phone: '1', title: 'Dr' }, { readMs: LATER + 1_000 }), rules),
    ).record;
    expect(back.deleted).toBeUndefined();
    expect(dirtySystems(back, rules)).toEqual([]);
  });
});

describe('deciding', () => {
  const edit = fc.record({
    system: fc.constantFrom('salesforce' as const, 'hubspot' as const),
    field: fc.constantFrom('name', 'phone', 'title'),
    value: fc.oneof(fc.constant(null), fc.string({ minLength: 1, maxLength: 3 })),
  });

  it('is idempotent: an observation seen twice changes the record once', () => {
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 12 }), (edits) => {
        let record = agreedRecord();
        for (const [index, one] of edits.entries()) {
          const seen = saw(one.system, { [one.field]: one.value }, { readMs: LATER + index * 10_000 });
          const decision = decide(record, seen, rules);
          if (decision.kind === 'changed') record = decision.record;
          expect(decide(record, seen, rules).kind).toBe('unchanged');
        }
      }),
    );
  });

  it('gives the same values whatever order concurrent edits of two systems arrive in', () => {
    const values = fc.record({
      name: fc.string({ maxLength: 2 }),
      phone: fc.string({ maxLength: 2 }),
      title: fc.string({ maxLength: 2 }),
    });
    const seconds = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(values, values, seconds, seconds, (ours, theirs, s, h) => {
        const salesforce = saw('salesforce', ours, { readMs: LATER, stampMs: T0 + s * 1000 });
        const hubspot = saw('hubspot', theirs, { readMs: LATER, stampMs: T0 + h * 1000 + 500 });
        const outcome = (arrived: (typeof salesforce)[]) => {
          const record = arrived.reduce((current, seen) => {
            const decision = decide(current, seen, rules);
            return decision.kind === 'changed' ? decision.record : current;
          }, agreedRecord());
          return Object.fromEntries(
            Object.entries(record.fields).map(([name, field]) => [name, rules.fields[name]?.canon(field.value)]),
          );
        };
        expect(outcome([salesforce, hubspot])).toEqual(outcome([hubspot, salesforce]));
      }),
    );
  });
});
