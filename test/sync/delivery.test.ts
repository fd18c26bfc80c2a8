import { describe, expect, it } from 'vitest';
import { type Decision, decide } from '../../shared/sync/decide.ts';
import {
  attentionOf,
  callOffArchive,
  claim,
  confirmArchived,
  confirmWritten,
  dirtySystems,
  isClaimed,
  refuseDelivery,
  releaseClaim,
  type WrittenAnswer,
  wantOf,
} from '../../shared/sync/delivery.ts';
import type { FieldValues } from '../../shared/sync/field-value.ts';
import { withFoundObject } from '../../shared/sync/new-record.ts';
import type { SyncRecord } from '../../shared/sync/record.ts';
import type { SyncRules } from '../../shared/sync/rules.ts';
import { agreedRecord, objectIds, rules, rulesWith, saw, T0 } from './world.ts';

const LATER = T0 + 60_000;
const LEASE_MS = 60_000;

function recordAfter(decision: Decision): SyncRecord {
  if (decision.kind !== 'changed') throw new Error(`expected a change, got ${decision.kind}`);
  return decision.record;
}

/** HubSpot edited these: Salesforce lacks them. */
const edited = (fields: FieldValues, by: SyncRules = rules) =>
  recordAfter(decide(agreedRecord(), saw('hubspot', fields, { readMs: LATER }), by));

const claimed = (record: SyncRecord, nowMs: number, owner = 'owner', by: SyncRules = rules) =>
  claim(record, 'salesforce', wantOf(record, 'salesforce', by), owner, nowMs, LEASE_MS);

const confirmed = (
  record: SyncRecord,
  nowMs: number,
  answer: Partial<WrittenAnswer> = {},
  owner = 'owner',
  by: SyncRules = rules,
) => confirmWritten(record, 'salesforce', owner, { objectId: objectIds.salesforce, ...answer }, nowMs, by);

/** A record that Salesforce has no object of. */
const unlinked = (values?: FieldValues): SyncRecord => {
  const { hubspot } = agreedRecord().links;
  return { ...agreedRecord(values), links: hubspot === undefined ? {} : { hubspot } };
};

const deletion = {
  system: 'hubspot',
  objectId: objectIds.hubspot,
  readBeganAtMs: LATER,
  correlationId: 'test',
  state: 'deleted',
} as const;
const deleted = recordAfter(decide(agreedRecord(), { ...deletion, deletedAtMs: LATER }, rules));

describe('what a system lacks', () => {
  it('W1 is derived from state: asked twice, it is the same', () => {
    const record = edited({ phone: '2' });
    expect(wantOf(record, 'salesforce', rules)).toEqual({
      kind: 'update',
      objectId: objectIds.salesforce,
      fields: { phone: '2' },
    });
    expect(wantOf(record, 'salesforce', rules)).toEqual(wantOf(record, 'salesforce', rules));
    expect(wantOf(record, 'hubspot', rules)).toEqual({ kind: 'nothing' });
  });

  it('W1 is nothing where the values are the same in another form', () => {
    expect(dirtySystems(edited({ name: 'Eda' }), rules)).toEqual(['salesforce']);
    const both = recordAfter(decide(edited({ name: 'Eda' }), saw('salesforce', { name: ' EDA' }, { readMs: LATER }), rules));
    expect(dirtySystems(both, rules)).toEqual([]);
  });

  it('W1 counts what a claimed write may have left there, once the record asks for something else', () => {
    const inFlight = claimed(edited({ phone: '2' }), LATER + 10);
    const takenBack = recordAfter(decide(inFlight, saw('hubspot', { phone: '1' }, { readMs: LATER + 5_000 }), rules));
    expect(wantOf(takenBack, 'salesforce', rules)).toMatchObject({ kind: 'update', fields: { phone: '1' } });
    const given = releaseClaim(takenBack, 'salesforce', 'owner');
    expect(wantOf(given, 'salesforce', rules)).toEqual({ kind: 'nothing' }); // it was never sent
  });

  it('W1 counts what was written after the newest look began, though an edit was seen there meanwhile', () => {
    const inFlight = claimed(edited({ phone: '2' }), LATER + 10);
    const witnesses = { phone: { value: '9', atMs: LATER + 20, receivedAtMs: LATER + 25 } };
    const typed = saw(
      'salesforce',
      { phone: '9' },
      { readMs: LATER + 30, stampMs: LATER + 1_000, times: { phone: LATER + 20 }, witnesses },
    );
    const written = confirmed(recordAfter(decide(inFlight, typed, rules)), LATER + 60);
    expect(written.fields.phone?.value).toBe('9');
    expect(wantOf(written, 'salesforce', rules)).toMatchObject({ kind: 'update', fields: { phone: '9' } });
    const again = confirmed(claimed(written, LATER + 5_000, 'second'), LATER + 5_050, {}, 'second');
    expect(wantOf(again, 'salesforce', rules)).toEqual({ kind: 'nothing' });
  });

  it('W2 leaves out held, one-way-in and never-seen fields', () => {
    const manual = rulesWith({ strategy: { kind: 'manual' } });
    const held = recordAfter(
      decide(edited({ phone: '2' }, manual), saw('salesforce', { phone: '3' }, { readMs: LATER }), manual),
    );
    expect(wantOf(held, 'salesforce', manual)).toEqual({ kind: 'nothing' });
    const reading = rulesWith({ directions: { salesforce: { phone: 'in' } } });
    expect(wantOf(edited({ phone: '2', title: 'Prof' }, reading), 'salesforce', reading)).toMatchObject({
      fields: { title: 'Prof' },
    });
    const found = withFoundObject(unlinked(), 'salesforce', objectIds.salesforce, rules);
    expect(wantOf(found, 'salesforce', rules)).toEqual({ kind: 'update', objectId: objectIds.salesforce, fields: {} });
  });

  it('W2 holds for what a create carries too', () => {
    const reading = rulesWith({ directions: { salesforce: { phone: 'in' } } });
    expect(wantOf(unlinked({ name: 'Ada', phone: '1', title: null }), 'salesforce', reading)).toEqual({
      kind: 'create',
      fields: { name: 'Ada' },
    });
  });

  it('W3 is not asked for again after a refusal, until the record asks for something else', () => {
    const refusal = { code: 'BAD_PHONE', message: 'no such number', fields: ['Phone'], atMs: LATER };
    const { record } = refuseDelivery(claimed(edited({ phone: '2' }), LATER + 10), 'salesforce', 'owner', refusal);
    expect(wantOf(record, 'salesforce', rules)).toEqual({ kind: 'nothing' });
    const next = recordAfter(decide(record, saw('hubspot', { phone: '3' }, { readMs: LATER + 5_000 }), rules));
    expect(wantOf(next, 'salesforce', rules)).toMatchObject({ fields: { phone: '3' } });
  });

  it('W4 is an update by the object’s own id, and a create only where there is no object', () => {
    expect(wantOf(edited({ phone: '2' }), 'salesforce', rules)).toMatchObject({ kind: 'update', objectId: objectIds.salesforce });
    expect(wantOf(unlinked(), 'salesforce', rules)).toEqual({ kind: 'create', fields: { name: 'Ada', phone: '1', title: 'Dr' } });
  });

  it('W4 is no create where the system takes none, nor of a record that is deleted or empty', () => {
    const { salesforce } = rules.systems;
    if (salesforce === undefined) throw new Error('the rules lack salesforce');
    const taking = { ...rules, systems: { ...rules.systems, salesforce: { ...salesforce, receivesCreates: false } } };
    expect(wantOf(unlinked(), 'salesforce', taking)).toEqual({ kind: 'nothing' });
    expect(wantOf({ ...unlinked(), deleted: { atMs: LATER, by: 'hubspot' } }, 'salesforce', rules)).toEqual({ kind: 'nothing' });
    expect(wantOf(unlinked({}), 'salesforce', rules)).toEqual({ kind: 'nothing' });
  });
});

describe('a claim', () => {
  const record = edited({ phone: '2' });

  it('W5 leaves a receipt of what is written and what it writes over, and stands until its lease ends', () => {
    const taken = claimed(record, LATER);
    expect(taken.version).toBe(record.version + 1);
    expect(taken.links.salesforce?.receipts).toEqual([
      { id: 'owner', claimedAtMs: LATER, stampMs: T0, fields: { phone: { before: '1', value: '2' } } },
    ]);
    expect(isClaimed(taken, 'salesforce', LATER + LEASE_MS - 1)).toBe(true);
    expect(isClaimed(taken, 'salesforce', LATER + LEASE_MS)).toBe(false);
    expect(isClaimed(taken, 'hubspot', LATER)).toBe(false);
  });

  it('W5 keeps the receipts of the last three deliverers, whose late writes are then known as ours', () => {
    const takenOften = ['a', 'b', 'c', 'd'].reduce((one, owner, index) => claimed(one, LATER + index * 100_000, owner), record);
    expect(takenOften.links.salesforce?.receipts.map((receipt) => receipt.id)).toEqual(['b', 'c', 'd']);
  });

  it('W5 that is given back takes its receipt with it; only its owner gives it back', () => {
    const taken = claimed(record, LATER);
    expect(releaseClaim(taken, 'salesforce', 'somebody else')).toBe(taken);
    const given = releaseClaim(taken, 'salesforce', 'owner');
    expect(given.links.salesforce).toMatchObject({ receipts: [] });
    expect(given.links.salesforce?.claim).toBeUndefined();
  });

  it('W5 on an object that is yet to be made remembers that nothing is there', () => {
    const creating = claim(unlinked(), 'salesforce', wantOf(unlinked(), 'salesforce', rules), 'owner', LATER, LEASE_MS);
    expect(creating.links.salesforce).toMatchObject({
      state: 'creating',
      receipts: [{ fields: { name: { before: null, value: 'Ada' } } }],
    });
  });
});

describe('a confirm', () => {
  const taken = claimed(edited({ phone: '2' }), LATER + 10);

  it('W6 ends the claim and moves what was seen; the receipt stays', () => {
    const { salesforce } = confirmed(taken, LATER + 60).links;
    expect(salesforce?.claim).toBeUndefined();
    expect(salesforce).toMatchObject({
      seen: {},
      deliveredAtMs: LATER + 60,
      receipts: [{ id: 'owner', answeredAtMs: LATER + 60 }],
    });
    expect(dirtySystems(confirmed(taken, LATER + 60), rules)).toEqual([]);
  });

  it('W6 lets a receipt go once a read that cannot be older was believed', () => {
    const written = confirmed(taken, LATER + 60);
    const soon = saw('salesforce', { title: 'Prof' }, { readMs: LATER + 2_000, stampMs: LATER + 2_000 });
    expect(recordAfter(decide(written, soon, rules)).links.salesforce?.receipts).toEqual([]);
  });

  it('W6 leaves an edit that was observed meanwhile as it was seen', () => {
    const typed = { ...taken, links: { ...taken.links } };
    const { salesforce } = taken.links;
    if (salesforce === undefined) throw new Error('no link');
    typed.links.salesforce = { ...salesforce, seen: { phone: { value: '9' } } };
    expect(confirmed(typed, LATER + 60).links.salesforce?.seen).toEqual({ phone: { value: '9' } });
  });

  it('W6 after a take-over does not end the new owner’s claim', () => {
    const overtaken = claimed(taken, LATER + 200_000, 'second');
    expect(confirmed(overtaken, LATER + 200_050).links.salesforce?.claim?.owner).toBe('second');
  });

  it('W6 of nobody’s write changes nothing', () => {
    expect(confirmed(taken, LATER + 60, {}, 'a stranger')).toBe(taken);
  });

  it('W6 of a create ties the object, with what was written as its base and the rest empty', () => {
    const record = unlinked({ name: 'Ada', phone: '1', title: 'Dr' });
    const reading = rulesWith({ directions: { salesforce: { title: 'in' } } });
    const creating = claim(record, 'salesforce', wantOf(record, 'salesforce', reading), 'owner', LATER, LEASE_MS);
    const made = confirmed(creating, LATER + 50, { objectId: '003New' }, 'owner', reading);
    expect(made.links.salesforce).toMatchObject({
      state: 'linked',
      objectId: '003New',
      observedAtMs: LATER + 50,
      seen: { title: { value: null } },
    });
    expect(dirtySystems(made, reading)).toEqual([]);
  });

  it('O8 knows beforehand how a one-way field without a way back will be shown', () => {
    const { salesforce } = rules.systems;
    if (salesforce === undefined) throw new Error('the rules lack salesforce');
    const lossy: SyncRules = {
      ...rules,
      systems: {
        ...rules.systems,
        salesforce: { ...salesforce, fields: { ...salesforce.fields, title: 'out' }, shownAs: () => ({ title: 'Mx.' }) },
      },
    };
    const record = recordAfter(decide(agreedRecord(), saw('hubspot', { title: 'Prof' }, { readMs: LATER }), lossy));
    const written = confirmed(claimed(record, LATER + 10, 'owner', lossy), LATER + 60, {}, 'owner', lossy);
    expect(wantOf(written, 'salesforce', lossy)).toEqual({ kind: 'nothing' });
    const read = saw('salesforce', { title: 'Mx.' }, { readMs: LATER + 9_000, stampMs: LATER + 1_000 });
    expect(decide(written, read, lossy).kind).toBe('unchanged');
    const next = recordAfter(decide(written, saw('hubspot', { title: 'Dr' }, { readMs: LATER + 10_000 }), lossy));
    expect(wantOf(next, 'salesforce', lossy)).toMatchObject({ fields: { title: 'Dr' } });
  });
});

describe('the end of a delivery', () => {
  it('W7 an archive call that is answered ends the link', () => {
    const want = wantOf(deleted, 'salesforce', rules);
    expect(want).toEqual({ kind: 'archive', objectId: objectIds.salesforce });
    const taken = claim(deleted, 'salesforce', want, 'owner', LATER, LEASE_MS);
    const archived = confirmArchived(taken, 'salesforce', 'owner', LATER + 50);
    expect(archived.links.salesforce).toMatchObject({
      state: 'deleted',
      archive: 'done',
      receipts: [],
      deliveredAtMs: LATER + 50,
    });
    expect(archived.links.salesforce?.claim).toBeUndefined();
    expect(dirtySystems(archived, rules)).toEqual([]);
  });

  it('W8 a refusal is shown with its reason, and the other links are untouched', () => {
    const taken = claimed(edited({ phone: '2' }), LATER + 10);
    const refusal = { code: 'FIELD_INTEGRITY', message: 'not like this', fields: ['Phone'], atMs: LATER + 50 };
    const { record, line } = refuseDelivery(taken, 'salesforce', 'owner', refusal);
    expect(line).toMatchObject({
      event: 'delivery-refused',
      rule: 'W8',
      reason: 'FIELD_INTEGRITY: not like this',
      by: 'salesforce',
    });
    expect(attentionOf(record)).toBe('refused');
    expect(record.links.hubspot).toEqual(taken.links.hubspot);
    expect(record.links.salesforce?.claim).toBeUndefined();
    expect(record.version).toBe(taken.version + 1);
  });

  it('W8 a create that is refused is not tried again by itself', () => {
    const creating = claim(unlinked(), 'salesforce', wantOf(unlinked(), 'salesforce', rules), 'owner', LATER, LEASE_MS);
    const refusal = { code: 'DUPLICATES_DETECTED', message: 'there is one', fields: [], atMs: LATER };
    expect(dirtySystems(refuseDelivery(creating, 'salesforce', 'owner', refusal).record, rules)).toEqual([]);
  });

  it('D3 an archive that meets an edit is called off and waits for a person', () => {
    const { record, line } = callOffArchive(deleted, 'salesforce');
    expect(record.deleted).toBeUndefined();
    expect(wantOf(record, 'salesforce', rules)).toEqual({ kind: 'nothing' });
    expect(attentionOf(record)).toBe('delete-conflict');
    expect(line).toMatchObject({ event: 'held', rule: 'D3', by: 'salesforce' });
  });
});

describe('what a person should look at', () => {
  it('is nothing where all agree, and otherwise the most pressing of it', () => {
    expect(attentionOf(agreedRecord())).toBeUndefined();
    const missing = recordAfter(decide(agreedRecord(), { ...deletion, state: 'missing' }, rules));
    expect(attentionOf(missing)).toBe('missing');
    const merged = recordAfter(
      decide(agreedRecord(), { ...deletion, state: 'merged', intoObjectId: '7', intoRecordId: 'r7' }, rules),
    );
    expect(attentionOf(merged)).toBe('merged');
    const hold = { openedAtMs: LATER, rule: 'O7/S3', reason: '', version: 1, base: null, parties: {} };
    expect(attentionOf({ ...merged, holds: { phone: hold } })).toBe('conflict');
  });
});
