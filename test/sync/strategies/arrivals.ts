import fc from 'fast-check';
import { type Canon, canons } from '../../../shared/sync/canon.ts';
import type { FieldValue } from '../../../shared/sync/field-value.ts';
import { admit } from '../../../shared/sync/policies/admit.ts';
import type { PolicySpec, StrategySpec } from '../../../shared/sync/rules.ts';
import { type Contender, judge, strongerClaim } from '../../../shared/sync/strategies/judge.ts';

/** In the order of the config. */
export const SYSTEMS = ['salesforce', 'hubspot', 'warehouse', 'shop'] as const;
const ranked: readonly string[] = SYSTEMS;
export const rankOf = (system: string) => ranked.indexOf(system);

/** A few hundred show a fault that came in again; set RUNS to look for new ones. */
fc.configureGlobal({ numRuns: Number(process.env.RUNS ?? 300) });

/** Everybody agreed on the base before this. */
const AGREED_AT_MS = 1_000;

export interface Outcome {
  readonly record: Contender;
  readonly isHeld: boolean;
  /** What single systems keep for themselves. */
  readonly own: Readonly<Record<string, FieldValue>>;
}

/** What becomes of one field when edits that all began at one base arrive one after another: the core's table in small. */
export function settled(
  strategy: StrategySpec,
  base: FieldValue,
  arrivals: readonly Contender[],
  { policies = [], canon = canons.text }: { readonly policies?: readonly PolicySpec[]; readonly canon?: Canon } = {},
): Outcome {
  const isSame = (a: FieldValue, b: FieldValue) => a === b || canon(a) === canon(b);
  const seen = new Map<string, FieldValue>();
  const own: Record<string, FieldValue> = {};
  let record: Contender = { value: base, atMs: AGREED_AT_MS, by: 'nobody' };
  let isHeld = false;
  for (const observed of arrivals) {
    const from = seen.has(observed.by) ? (seen.get(observed.by) ?? null) : base;
    if (isSame(observed.value, from)) continue; // O1
    seen.set(observed.by, observed.value);
    if (isHeld) continue;
    const conflict = { field: 'field', base: from, record, observed, rankOf };
    const admission = admit(policies, conflict);
    if (admission.kind === 'own-value') {
      own[observed.by] = observed.value;
      continue;
    }
    if (isSame(observed.value, record.value) && strategy.kind !== 'additive') {
      // O4: an edit that the field would not take does not make the record's claim any stronger.
      const isStronger = admission.kind === 'admit' && strongerClaim(strategy, conflict) === 'observed';
      if (isStronger) record = { ...observed, value: record.value };
      continue;
    }
    if (admission.kind === 'hold') isHeld = true;
    if (admission.kind !== 'admit') continue;
    if (isSame(record.value, from)) {
      record = observed; // O6
      continue;
    }
    const verdict = judge(strategy, conflict); // O7
    if (verdict.winner === 'observed') record = observed;
    if (verdict.winner === 'nobody') isHeld = true;
    if (verdict.winner === 'merged')
      record = { value: verdict.value, atMs: Math.max(record.atMs, observed.atMs), by: observed.by };
  }
  return { record, isHeld, own };
}

/** Edits of two to four systems, one each, in two orders. Times are few, so that many are the same. */
export function inTwoOrders(value: fc.Arbitrary<FieldValue>): fc.Arbitrary<[Contender[], Contender[]]> {
  const edit = (by: string) =>
    fc.tuple(value, fc.nat({ max: 3 }), fc.option(fc.nat({ max: 3 }), { nil: undefined })).map(([one, late, blur]): Contender => {
      const atMs = 2_000 + late;
      return { value: one, by, atMs, ...(blur !== undefined && { fromMs: atMs - 1 - blur }) };
    });
  return fc
    .subarray([...SYSTEMS], { minLength: 2 })
    .chain((systems) => fc.tuple(...systems.map(edit)))
    .chain((edits) => fc.tuple(fc.constant(edits), fc.shuffledSubarray(edits, { minLength: edits.length })));
}

export const texts: fc.Arbitrary<FieldValue> = fc.constantFrom('a', 'b', 'c', 'd', null);
export const amounts: fc.Arbitrary<FieldValue> = fc.oneof(
  fc.integer({ min: -50, max: 50 }),
  fc.integer({ min: -500, max: 500 }).map((cents) => cents / 100),
  fc.constantFrom('12345678901234567890.1', '-0.00000000000000000001'),
);
export const sets: fc.Arbitrary<FieldValue> = fc.subarray(['a', 'b', 'c', 'd', 'e']).map((members) => members.join(';') || null);
/** Whatever a field may hold. */
export const anything: fc.Arbitrary<FieldValue> = fc.oneof(
  fc.string(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constantFrom(null, '2026-06-15', '2026-02-30', '2026-06-15T10:00:00Z', '007', '1e99', '-1e-99', 'a;b', ' ; '),
);
