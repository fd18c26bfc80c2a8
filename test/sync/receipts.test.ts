import { describe, expect, it } from 'vitest';
import { type Decision, decide } from '../../shared/sync/decide.ts';
import { claim, confirmWritten, wantOf } from '../../shared/sync/delivery.ts';
import type { FieldValues } from '../../shared/sync/field-value.ts';
import type { FieldWitness } from '../../shared/sync/observation.ts';
import type { Link, Receipt, SyncRecord } from '../../shared/sync/record.ts';
import { tieCreated } from '../../shared/sync/tie-created.ts';
import { agreedRecord, objectIds, rules, saw, T0 } from './world.ts';

const LATER = T0 + 60_000;
const LEASE_MS = 120_000;

function recordAfter(decision: Decision): SyncRecord {
  if (decision.kind !== 'changed') throw new Error(`expected a change, got ${decision.kind}`);
  return decision.record;
}

const linesOf = (decision: Decision) => (decision.kind === 'changed' ? decision.lines : []);

const linkOf = (record: SyncRecord): Link => {
  const link = record.links.salesforce;
  if (link === undefined) throw new Error('the record has no link to salesforce');
  return link;
};

/** HubSpot edited these, and a deliverer claimed the write to Salesforce. */
function claimedWrite(record: SyncRecord, fields: FieldValues, atMs: number, owner: string): SyncRecord {
  const edited = recordAfter(decide(record, saw('hubspot', fields, { readMs: atMs }), rules));
  return claim(edited, 'salesforce', wantOf(edited, 'salesforce', rules), owner, atMs + 10, LEASE_MS);
}

const confirmed = (record: SyncRecord, owner: string, atMs: number, stampMs = atMs) =>
  confirmWritten(record, 'salesforce', owner, { objectId: objectIds.salesforce, stampMs }, atMs, rules);

const withLink = (record: SyncRecord, change: Partial<Link>): SyncRecord => ({
  ...record,
  links: { ...record.links, salesforce: { ...linkOf(record), ...change } },
});

describe('a read that may be older than our write', () => {
  it('O3 is doubted also where receipts of unknown outcome leave no room for the newest answered one', () => {
    const unknown = (id: string): Receipt => ({
      id,
      claimedAtMs: T0 + 1,
      stampMs: T0,
      fields: { title: { before: 'x', value: 'y' } },
    });
    const crowded = withLink(agreedRecord(), { receipts: [unknown('a'), unknown('b'), unknown('c')] });
    const written = confirmed(claimedWrite(crowded, { phone: '2' }, LATER, 'd'), 'd', LATER + 300);
    expect(decide(written, saw('salesforce', { phone: '1' }, { readMs: LATER + 500, stampMs: LATER - 1_000 }), rules).kind).toBe(
      'doubt',
    );
  });

  it('O3 is doubted where it shows a third value while our write is under way and we were the last to change the row', () => {
    const inFlight = claimedWrite(agreedRecord(), { phone: 'two' }, LATER, 'owner');
    const shown = (by: 'us' | 'other') =>
      decide(inFlight, saw('salesforce', { phone: 'TWO!' }, { readMs: LATER + 2_000, by }), rules).kind;
    expect(shown('us')).toBe('doubt');
    expect(shown('other')).toBe('changed');
  });
});

describe('a write of unknown outcome', () => {
  const died = () => withLink(claimedWrite(agreedRecord(), { phone: '2' }, LATER, 'dead'), {});
  const look = (by: 'us' | 'other', readMs: number, witnesses: Record<string, FieldWitness> = {}) =>
    saw('salesforce', { name: 'Ada', phone: '2', title: 'Dr' }, { readMs, by, witnesses });

  it('O2 is known at the first look, whoever touched the row after it', () => {
    const decision = decide(died(), look('other', LATER + LEASE_MS + 1_000), rules);
    expect(linesOf(decision)).toEqual([]);
    expect(recordAfter(decision).fields.phone?.by).toBe('hubspot');
  });

  it('O2 is not, where a hint says that somebody saved that very value', () => {
    const readMs = LATER + LEASE_MS + 1_000;
    const witnesses = { phone: { value: '2', atMs: readMs - 500, receivedAtMs: readMs - 100 } };
    expect(linesOf(decide(died(), look('other', readMs, witnesses), rules))).toMatchObject([{ event: 'agreed', rule: 'O4' }]);
  });

  it('O2 counts once: seen to have come through, its value is an edit when it comes back', () => {
    const free = withLink(died(), {});
    const { claim: _, ...unclaimed } = linkOf(free);
    const open: SyncRecord = { ...free, links: { ...free.links, salesforce: unclaimed } };
    const through = recordAfter(decide(open, look('us', LATER + 10_000), rules));
    const moved = recordAfter(decide(through, saw('hubspot', { phone: '3' }, { readMs: LATER + 20_000 }), rules));
    const delivered = confirmed(
      claim(moved, 'salesforce', wantOf(moved, 'salesforce', rules), 'next', LATER + 21_000, LEASE_MS),
      'next',
      LATER + 22_000,
    );
    const calm = recordAfter(
      decide(delivered, saw('salesforce', { phone: '3', title: 'Prof' }, { readMs: LATER + 40_000 }), rules),
    );
    const back = decide(calm, look('other', LATER + 60_000), rules);
    expect(linesOf(back)).toContainEqual(
      expect.objectContaining({ event: 'changed', field: 'phone', to: '2', by: 'salesforce' }),
    );
  });
});

describe('an object that one of our creates made', () => {
  const { hubspot } = agreedRecord().links;
  const without: SyncRecord = { ...agreedRecord(), links: hubspot === undefined ? {} : { hubspot } };
  const create = (id: string, values: FieldValues): Receipt => ({
    id,
    claimedAtMs: T0 + 1_000,
    stampMs: 0,
    fields: Object.fromEntries(Object.entries(values).map(([field, value]) => [field, { before: null, value }])),
  });
  const creating = (receipts: readonly Receipt[]): SyncRecord => ({
    ...without,
    links: { ...without.links, salesforce: { state: 'creating', stampMs: 0, observedAtMs: 0, seen: {}, receipts } },
  });
  const first = create('first', { name: 'Ada', phone: '9' });
  const second = create('second', { name: 'Ada', phone: '1', title: 'Dr' });
  const tied = (shown: FieldValues | undefined) =>
    tieCreated(creating([first, second]), 'salesforce', objectIds.salesforce, shown, rules);

  it('C4 is tied by the create that it shows, so that its old values are no edits', () => {
    const shown = { name: 'Ada', phone: '9', title: null };
    const decision = decide(tied(shown), saw('salesforce', shown, { readMs: LATER }), rules);
    expect(linesOf(decision)).toEqual([]);
    expect(wantOf(tied(shown), 'salesforce', rules)).toMatchObject({ kind: 'update', fields: { phone: '1', title: 'Dr' } });
  });

  it('C4 is tied by the later one where that is what it shows', () => {
    expect(wantOf(tied({ name: 'Ada', phone: '1', title: 'Dr' }), 'salesforce', rules)).toEqual({ kind: 'nothing' });
  });

  it('C4 is tied by the oldest where only a tombstone is left', () => {
    expect(wantOf(tied(undefined), 'salesforce', rules)).toMatchObject({ fields: { phone: '1', title: 'Dr' } });
  });

  it('C2 is linked unseen where no receipt is left', () => {
    const unknown = tieCreated(creating([]), 'salesforce', objectIds.salesforce, { phone: '9' }, rules);
    expect(linkOf(unknown).seen.phone).toEqual({ never: true });
  });

  it('O6 a value that somebody gave it since is his edit', () => {
    const shown = { name: 'Ada', phone: '1', title: 'Prof' };
    const decision = decide(tied(shown), saw('salesforce', shown, { readMs: LATER }), rules);
    expect(linesOf(decision)).toMatchObject([{ event: 'changed', field: 'title', rule: 'O6', to: 'Prof' }]);
  });
});

describe('an object that comes back', () => {
  it('D6 with what we wrote last is no edit of anybody', () => {
    const written = confirmed(claimedWrite(agreedRecord(), { phone: '2' }, LATER, 'owner'), 'owner', LATER + 300);
    const moved = recordAfter(decide(written, saw('hubspot', { phone: '3' }, { readMs: LATER + 1_000 }), rules));
    const { system, objectId } = saw('salesforce', {}, { readMs: 0 });
    const missing = { system, objectId, state: 'missing', readBeganAtMs: LATER + 9_000, correlationId: 'test' } as const;
    const hidden = recordAfter(decide(moved, missing, rules));
    const back = decide(hidden, saw('salesforce', { phone: '2' }, { readMs: LATER + 60_000 }), rules);
    expect(linesOf(back)).toMatchObject([{ event: 'restored', rule: 'D6' }]);
    expect(recordAfter(back).fields.phone).toMatchObject({ value: '3', by: 'hubspot' });
  });
});

describe('an edit that is told of very late', () => {
  it('O9 is named where so many writes of ours followed that nothing says any more whether one went over it', () => {
    let record = agreedRecord();
    for (let write = 0; write < 12; write += 1) {
      const atMs = LATER + write * 60_000;
      const written = confirmed(claimedWrite(record, { phone: `n${write}` }, atMs, `w${write}`), `w${write}`, atMs + 300);
      record = recordAfter(
        decide(written, saw('salesforce', { phone: `n${write}`, title: `t${write}` }, { readMs: atMs + 30_000 }), rules),
      );
    }
    const readMs = LATER + 3_600_000;
    const told = (value: string) =>
      decide(
        record,
        saw('salesforce', { phone: 'n11' }, { readMs, witnesses: { phone: { value, atMs: LATER + 100, receivedAtMs: readMs } } }),
        rules,
      );
    expect(linesOf(told('typed'))).toMatchObject([{ event: 'witnessed', rule: 'O9', field: 'phone', lost: { value: 'typed' } }]);
    expect(decide(recordAfter(told('typed')), saw('salesforce', { phone: 'n11' }, { readMs }), rules).kind).toBe('unchanged');
    expect(linesOf(told('n11'))).toEqual([]);
  });
});
