import { describe, expect, it } from 'vitest';
import { type Decision, decide } from '../../shared/sync/decide.ts';
import { claim, confirmWritten, endOverrides, wakeAtMs, wantOf } from '../../shared/sync/delivery.ts';
import type { FieldValue } from '../../shared/sync/field-value.ts';
import { unfrozen } from '../../shared/sync/freeze.ts';
import type { SyncRecord } from '../../shared/sync/record.ts';
import { resolveHold } from '../../shared/sync/resolve.ts';
import type { PolicySpec, StrategySpec, SyncRules } from '../../shared/sync/rules.ts';
import { agreedRecord, objectIds, rulesWith, saw, T0 } from './world.ts';

const LATER = T0 + 60_000;

/** Rules under which the name has these policies and this strategy; all else is as usual. */
function ruling(change: { policies?: readonly PolicySpec[]; strategy?: StrategySpec; versionVector?: true }): SyncRules {
  const rules = rulesWith({});
  const name = { ...rules.fields.name, canon: (value: FieldValue) => value, strategy: { kind: 'last-write-wins' } as const };
  return { ...rules, fields: { ...rules.fields, name: { ...name, ...change } } };
}

function changed(decision: Decision): Extract<Decision, { kind: 'changed' }> {
  if (decision.kind !== 'changed') throw new Error(`nothing was decided: ${JSON.stringify(decision)}`);
  return decision;
}

const edit = (record: SyncRecord, system: 'salesforce' | 'hubspot', name: FieldValue, atMs: number, rules: SyncRules) =>
  changed(decide(record, saw(system, { name }, { readMs: atMs, times: { name: atMs } }), rules));

/** A record with a number that both systems hold. */
const counting = (name: FieldValue) => agreedRecord({ name, phone: '1', title: 'Dr' });

/** Writes what a system lacks, as a deliverer does. */
function written(record: SyncRecord, system: 'salesforce' | 'hubspot', atMs: number, rules: SyncRules): SyncRecord {
  const want = wantOf(record, system, rules);
  const claimed = claim(record, system, want, `w${atMs}`, atMs, 60_000);
  return confirmWritten(claimed, system, `w${atMs}`, { objectId: objectIds[system] }, atMs, rules);
}

describe('a field whose edits add up (S6)', () => {
  const rules = ruling({ strategy: { kind: 'additive' } });

  it('counts what both sides took away', () => {
    const one = edit(counting(100), 'salesforce', 95, LATER, rules).record;
    const both = edit(one, 'hubspot', 98, LATER + 10, rules).record;
    expect(both.fields.name?.value).toBe(93);
    expect(wantOf(both, 'salesforce', rules)).toMatchObject({ fields: { name: 93 } });
    expect(wantOf(both, 'hubspot', rules)).toMatchObject({ fields: { name: 93 } });
  });

  it('counts the same amount twice where both sides took it away', () => {
    const one = edit(counting(100), 'salesforce', 95, LATER, rules).record;
    expect(edit(one, 'hubspot', 95, LATER + 10, rules).record.fields.name?.value).toBe(90);
  });
});

describe('a policy', () => {
  it('P2 gives a system that is no source of truth its value back, though nobody else changed it', () => {
    const rules = ruling({ policies: [{ kind: 'source-of-truth', system: 'salesforce', reason: 'billing lives there' }] });
    const { record, lines } = edit(agreedRecord(), 'hubspot', 'Bob', LATER, rules);
    expect(record.fields.name?.value).toBe('Ada');
    expect(wantOf(record, 'hubspot', rules)).toMatchObject({ fields: { name: 'Ada' } });
    expect(lines).toMatchObject([{ event: 'refused-edit', rule: 'P2', lost: { value: 'Bob', by: 'hubspot' } }]);
  });

  it('P5 holds a large change for approval, and a person who approves it is obeyed', () => {
    const rules = ruling({ policies: [{ kind: 'change-needs-approval', abovePercent: 20 }] });
    const held = edit(counting(100), 'hubspot', 150, LATER, rules).record;
    expect(held.holds.name).toMatchObject({ rule: 'P5', parties: { hubspot: { value: 150 } } });
    expect(wantOf(held, 'hubspot', rules).kind).toBe('nothing');
    const resolved = resolveHold(held, {
      field: 'name',
      holdVersion: 1,
      choice: { kind: 'party', party: 'hubspot' },
      by: 'grace',
      rationale: 'the new list price',
      atMs: LATER + 5,
    });
    if (resolved.kind !== 'resolved') throw new Error(resolved.kind);
    expect(resolved.record.fields.name).toMatchObject({ value: 150, by: 'operator' });
    expect(wantOf(resolved.record, 'salesforce', rules)).toMatchObject({ fields: { name: 150 } });
    expect(wantOf(resolved.record, 'hubspot', rules).kind).toBe('nothing');
  });

  it('P8 lets a system have its own value until a day, and then asks it for the common one', () => {
    const policy = { kind: 'own-value', system: 'hubspot', reason: 'summer sale', untilMs: LATER + 1_000 } as const;
    const rules = ruling({ policies: [policy] });
    const { record, lines } = edit(counting(100), 'hubspot', 80, LATER, rules);
    expect(record.fields.name?.value).toBe(100);
    expect(lines).toMatchObject([{ event: 'override-set', rule: 'P8', to: 80 }]);
    expect(wantOf(record, 'hubspot', rules).kind).toBe('nothing');
    const dearer = edit(record, 'salesforce', 120, LATER + 10, rules).record;
    expect(wantOf(dearer, 'hubspot', rules).kind).toBe('nothing'); // agreement, not divergence
    expect(wakeAtMs(dearer)).toBe(LATER + 1_000);
    const over = endOverrides(dearer, LATER + 1_000)?.record;
    expect(over && wantOf(over, 'hubspot', rules)).toMatchObject({ fields: { name: 120 } });
  });
});

describe('a person who resolves a hold (H4)', () => {
  const rules = ruling({ strategy: { kind: 'manual' } });
  const held = () => {
    const one = edit(agreedRecord(), 'salesforce', 'Bob', LATER, rules).record;
    return edit(one, 'hubspot', 'Eve', LATER + 10, rules).record;
  };
  const resolution = { field: 'name', holdVersion: 1, by: 'grace', rationale: 'asked her', atMs: LATER + 50 };

  it('is told when a side changed since the case was shown', () => {
    const moved = edit(held(), 'hubspot', 'Zoe', LATER + 20, rules).record;
    const answer = resolveHold(moved, { ...resolution, choice: { kind: 'party', party: 'hubspot' } });
    expect(answer).toMatchObject({ kind: 'outdated', hold: { version: 2 } });
  });

  it('leaves the value that lost in the ledger', () => {
    const answer = resolveHold(held(), { ...resolution, choice: { kind: 'party', party: 'hubspot' } });
    expect(answer).toMatchObject({
      lines: [
        { event: 'resolved', rule: 'H4', to: 'Eve' },
        { event: 'kept', lost: { value: 'Bob', by: 'salesforce' } },
      ],
    });
  });

  it('may let the systems differ, and then nothing is written and nothing is lost', () => {
    const choice = { kind: 'differ', values: { salesforce: 'Bob', hubspot: 'Eve' } } as const;
    const answer = resolveHold(held(), { ...resolution, choice });
    if (answer.kind !== 'resolved') throw new Error(answer.kind);
    for (const system of ['salesforce', 'hubspot']) expect(wantOf(answer.record, system, rules).kind).toBe('nothing');
    expect(answer.lines.filter((line) => line.lost !== undefined)).toEqual([]);
  });

  it('cannot choose a system that takes no part', () => {
    const answer = resolveHold(held(), { ...resolution, choice: { kind: 'party', party: 'google' } });
    expect(answer).toMatchObject({ kind: 'impossible', message: expect.stringContaining('salesforce, hubspot') });
  });
});

describe('a system that stores what we send in another form (O8)', () => {
  const rules = ruling({});
  const sent = () =>
    written(edit(agreedRecord(), 'hubspot', 'Augusta Ada', LATER, rules).record, 'salesforce', LATER + 100, rules);
  const shown = (record: SyncRecord, name: string, readMs: number, by: 'us' | 'other') =>
    decide(record, saw('salesforce', { name }, { readMs, stampMs: LATER, by }), rules);

  it('is understood from the first read while we are the last to have changed the row', () => {
    const { record, lines } = changed(shown(sent(), 'Augusta A', LATER + 5_000, 'us'));
    expect(lines).toMatchObject([{ event: 'agreed', rule: 'O8', from: 'Augusta Ada', to: 'Augusta A' }]);
    expect(record.fields.name?.value).toBe('Augusta Ada');
    for (const system of ['salesforce', 'hubspot']) expect(wantOf(record, system, rules).kind).toBe('nothing');
    expect(shown(record, 'Augusta A', LATER + 9_000, 'us').kind).toBe('unchanged');
  });

  it('is an edit where somebody else changed the row', () => {
    const { lines } = changed(shown(sent(), 'Augusta A', LATER + 5_000, 'other'));
    expect(lines).toMatchObject([{ event: 'changed', rule: 'O6', to: 'Augusta A' }]);
  });
});

describe('an edit that only a hint can tell of (O9)', () => {
  const rules = ruling({});
  // HubSpot's edit is written to Salesforce; between the verify read and the write somebody there saved Grace.
  const overwritten = () =>
    written(edit(agreedRecord(), 'hubspot', 'Bob', LATER, rules).record, 'salesforce', LATER + 100, rules);
  const told = (record: SyncRecord, atMs: number, by = rules) =>
    decide(
      record,
      saw(
        'salesforce',
        { name: 'Bob' },
        {
          readMs: LATER + 5_000,
          stampMs: LATER + 100,
          witnesses: { name: { value: 'Grace', atMs, receivedAtMs: LATER + 300 } },
        },
      ),
      by,
    );

  it('wins where it is the later one, and is written again where it was overwritten', () => {
    const { record, lines } = changed(told(overwritten(), LATER + 150));
    expect(record.fields.name).toMatchObject({ value: 'Grace', by: 'salesforce' });
    expect(lines).toMatchObject([{ rule: 'O9/S1', to: 'Grace', lost: { value: 'Bob', by: 'hubspot' } }]);
    for (const system of ['salesforce', 'hubspot'])
      expect(wantOf(record, system, rules)).toMatchObject({ fields: { name: 'Grace' } });
  });

  it('is named in the ledger where it loses', () => {
    const before = LATER - 1_000;
    const { lines } = changed(told(overwritten(), before));
    expect(lines).toMatchObject([{ event: 'kept', rule: 'O9/S1', lost: { value: 'Grace', by: 'salesforce' } }]);
  });

  it('counts once, however often its hint comes', () => {
    const { record } = changed(told(overwritten(), LATER - 1_000));
    expect(told(record, LATER - 1_000).kind).toBe('unchanged');
  });

  it('waits for a person where the field is for a person to decide', () => {
    const manual = ruling({ strategy: { kind: 'manual' } });
    const { record } = changed(told(overwritten(), LATER + 150, manual));
    expect(record.holds.name?.parties).toMatchObject({ salesforce: { value: 'Grace' }, hubspot: { value: 'Bob' } });
  });
});

describe('a version vector', () => {
  const rules = ruling({ versionVector: true, strategy: { kind: 'manual' } });
  const first = () => edit(agreedRecord(), 'salesforce', 'Bob', LATER, rules).record;
  const from = (record: SyncRecord, name: string, known: Record<string, number>) =>
    changed(decide(record, { ...saw('hubspot', { name }, { readMs: LATER + 10 }), vectors: { name: known } }, rules));

  it('tells an edit that knew of the last one from one that did not, whatever the clocks say', () => {
    const vector = first().fields.name?.vector ?? {};
    expect(vector).toEqual({ salesforce: 1 });
    expect(from(first(), 'Eve', vector).record.fields.name).toMatchObject({
      value: 'Eve',
      vector: { salesforce: 1, hubspot: 1 },
    });
    expect(from(first(), 'Eve', { hubspot: 1 }).record.holds.name).toBeDefined();
  });
});

describe('a record that is written in circles (G2)', () => {
  it('is frozen, goes on taking edits in, and is written again when a person says so', () => {
    const rules = rulesWith({});
    let record = agreedRecord();
    let frozen: SyncRecord | undefined;
    // A rule in each system answers every write by an edit of its own.
    for (let round = 1; round <= 60 && frozen === undefined; round += 1) {
      const atMs = LATER + round * 2_000;
      const system = round % 2 === 0 ? 'salesforce' : 'hubspot';
      const other = round % 2 === 0 ? 'hubspot' : 'salesforce';
      record = edit(record, system, `v${round}`, atMs, rules).record;
      if (record.frozen !== undefined) frozen = record;
      else record = written(record, other, atMs + 100, rules);
    }
    expect(frozen?.frozen?.rule).toBe('G2');
    if (frozen === undefined) return;
    for (const system of ['salesforce', 'hubspot']) expect(wantOf(frozen, system, rules).kind).toBe('nothing');
    const edited = edit(frozen, 'hubspot', 'still heard', LATER + 500_000, rules).record;
    expect(edited.fields.name?.value).toBe('still heard');
    const thawed = unfrozen(edited, LATER + 600_000, 'the workflow is mended').record;
    expect(wantOf(thawed, 'salesforce', rules).kind).toBe('update');
  });
});
