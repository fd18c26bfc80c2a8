import type { ChangeHint, NativeValues } from './change-hint.ts';
import type { FieldValue, FieldValues } from './field-value.ts';
import { sameValue, seenOf } from './link.ts';
import type { EarlierWitness, FieldWitness } from './observation.ts';
import type { Link, SyncRecord } from './record.ts';
import type { SyncRules } from './rules.ts';

/** What is needed of a mapping to read a hint: the canonical form of native values. */
export type ToCanonical = (native: NativeValues) => Record<string, FieldValue>;

/** Several hints about one object: read once, decided once. */
export interface HintGroup {
  readonly objectId: string;
  readonly hints: readonly ChangeHint[]; // as they came
}

/** Hints arrive in any order and more than once; each object of a batch is handled once. */
export function groupByObject(hints: Iterable<ChangeHint>): HintGroup[] {
  const groups = new Map<string, ChangeHint[]>();
  for (const hint of hints) {
    const group = groups.get(hint.objectId);
    if (group === undefined) groups.set(hint.objectId, [hint]);
    else group.push(hint);
  }
  return [...groups].map(([objectId, grouped]) => ({ objectId, hints: grouped }));
}

/**
 * True when a hint cannot lead to a decision, so that its object need not be read: every value it names is one
 * that we saw there, or are just writing there, and nobody else saved it since we last looked. That is how the echoes
 * of our own writes cost no call.
 */
export function tellsNothingNew(
  record: SyncRecord,
  system: string,
  hint: ChangeHint,
  toCanonical: ToCanonical,
  rules: SyncRules,
): boolean {
  const link = record.links[system];
  if (link === undefined || link.state !== 'linked' || link.observedAtMs === 0 || hint.kind !== 'changed') return false;
  if (link.quarantine !== undefined) return false; // it may have been put right by taking it back
  const named = Object.entries(hint.fields);
  if (named.length === 0 || named.some(([, said]) => said.value === undefined)) return false;
  return named.every(([native, said]) =>
    Object.entries(toCanonical({ [native]: said.value ?? null })).every(([field, value]) => {
      if (rules.systems[system]?.fields[field] === undefined) return true;
      const writes = link.receipts.filter((receipt) => {
        const written = receipt.fields[field];
        return written !== undefined && sameValue(rules, field, written.value, value);
      });
      const seen = seenOf(record, link, field);
      if (!('value' in seen) || !sameValue(rules, field, seen.value, value)) {
        // The confirm is about to say so. Any other write of ours should not be what is there now: that is looked at.
        return hint.by === 'us' && writes.some(({ id, answeredAtMs }) => answeredAtMs === undefined && id === link.claim?.owner);
      }
      if (hint.by === 'us' || (hint.by === 'unknown' && writes.length > 0)) return true;
      // Saved after our last look: it may have gone away and come back, and whoever saw it gone may not have committed yet.
      const savedAtMs = said.atMs ?? hint.occurredAtMs;
      return hint.snapshot === true || (savedAtMs <= link.observedAtMs && !overwrites(link, field, savedAtMs));
    }),
  );
}

/** True where a write of ours was claimed before, and nobody knows whether it came first or last. */
function overwrites(link: Link, field: string, savedAtMs: number): boolean {
  return link.receipts.some(
    (receipt) => receipt.answeredAtMs === undefined && receipt.fields[field] !== undefined && receipt.claimedAtMs < savedAtMs,
  );
}

/** What the hints of one object testify, in canonical form. */
export interface Testimony {
  /** By canonical field: when its present value was saved, for those values that a hint names. */
  readonly timeOf: (field: string, now: FieldValue, rules: SyncRules) => number | undefined;
  /** By canonical field: the latest value that somebody other than us is known to have saved. */
  readonly witnesses: Readonly<Record<string, FieldWitness>>;
  /** What they are known to have saved before that. */
  readonly earlier: readonly EarlierWitness[];
  /** The newest that the row is said to be, by others than us. */
  readonly told?: { readonly stampMs: number; readonly receivedAtMs: number };
}

/** Gathers times and values per canonical field from all hints about an object. */
export function testimonyOf(hints: readonly ChangeHint[], toCanonical: ToCanonical): Testimony {
  const said: { field: string; value: FieldValue; atMs: number }[] = [];
  const witnesses: Record<string, FieldWitness> = {};
  const foreign: EarlierWitness[] = [];
  let told: Testimony['told'];
  for (const hint of hints) {
    const stampMs = hint.stampMs ?? hint.occurredAtMs;
    if (hint.by !== 'us' && hint.kind === 'changed' && stampMs > (told?.stampMs ?? 0)) {
      told = { stampMs, receivedAtMs: hint.receivedAtMs };
    }
    if (hint.snapshot) continue; // a row's stamp says when the row changed, not when each field did
    for (const [native, { value, atMs = hint.occurredAtMs }] of Object.entries(hint.fields)) {
      if (value === undefined) continue;
      for (const [field, canonical] of Object.entries(toCanonical({ [native]: value }))) {
        said.push({ field, value: canonical, atMs });
        if (hint.by !== 'other') continue;
        foreign.push({ field, value: canonical, atMs });
        const known = witnesses[field];
        if (known === undefined || known.atMs < atMs) {
          witnesses[field] = { value: canonical, atMs, receivedAtMs: hint.receivedAtMs };
        }
      }
    }
  }
  return {
    witnesses,
    earlier: foreign.filter(({ field, atMs }) => atMs < (witnesses[field]?.atMs ?? 0)),
    ...(told !== undefined && { told }),
    timeOf: (field, now, rules) => {
      let latest: number | undefined;
      for (const one of said) {
        if (one.field === field && sameValue(rules, field, one.value, now)) latest = Math.max(latest ?? 0, one.atMs);
      }
      return latest;
    },
  };
}

/** The exact times of those present values that a hint names. */
export function fieldTimesOf(testimony: Testimony, values: FieldValues, rules: SyncRules): Record<string, number> {
  const times: Record<string, number> = {};
  for (const [field, now] of Object.entries(values)) {
    const atMs = testimony.timeOf(field, now, rules);
    if (atMs !== undefined) times[field] = atMs;
  }
  return times;
}
