import type { FieldValue } from './field-value.ts';
import type { LedgerLine } from './ledger.ts';
import { rememberSeen, seenOf } from './link.ts';
import type { Hold, Link, Override, SyncRecord } from './record.ts';

/** What a person decided of a held field. */
export type Choice =
  /** The value that one of the parties holds. */
  | { readonly kind: 'party'; readonly party: string }
  | { readonly kind: 'value'; readonly value: FieldValue }
  /** The systems shall differ: each keeps what is named here, all others get the record's value, which stays. */
  | { readonly kind: 'differ'; readonly values: Readonly<Record<string, FieldValue>>; readonly untilMs?: number };

export interface Resolution {
  readonly field: string;
  /** The version that was shown: a choice binds to what its maker saw. */
  readonly holdVersion: number;
  readonly choice: Choice;
  readonly by: string; // who decided, as the audit names people
  readonly rationale: string;
  readonly atMs: number;
}

export type Resolved =
  | { readonly kind: 'resolved'; readonly record: SyncRecord; readonly lines: readonly LedgerLine[] }
  /** The hold is over, or a side has changed since it was shown: nothing is decided over a value that nobody saw. */
  | { readonly kind: 'outdated'; readonly hold?: Hold }
  | { readonly kind: 'impossible'; readonly message: string };

/** H4: a person ends a hold. What the other parties held is named in the ledger as lost. */
export function resolveHold(record: SyncRecord, resolution: Resolution): Resolved {
  const { field, choice, atMs, rationale } = resolution;
  const hold = record.holds[field];
  if (hold === undefined) return { kind: 'outdated' };
  if (hold.version !== resolution.holdVersion) return { kind: 'outdated', hold };
  if (choice.kind === 'party' && hold.parties[choice.party] === undefined) {
    return {
      kind: 'impossible',
      message: `${choice.party} is no party of this conflict; choose one of ${Object.keys(hold.parties).join(', ')}`,
    };
  }
  const stranger = choice.kind === 'differ' && Object.keys(choice.values).find((system) => record.links[system] === undefined);
  if (typeof stranger === 'string') return { kind: 'impossible', message: `this record has no object in ${stranger}` };
  const { [field]: _, ...holds } = record.holds;
  const before = record.fields[field]?.value ?? null;
  const value = chosenValue(choice, hold, before);
  const links = Object.fromEntries(
    Object.entries(record.links).map(([system, link]): [string, Link] => {
      const moved = withRecordValue(record, link, field, value);
      const own = choice.kind === 'differ' ? choice.values[system] : undefined;
      if (own === undefined) return [system, moved];
      const override: Override = {
        value: own,
        reason: rationale,
        by: resolution.by,
        atMs,
        ...(choice.kind === 'differ' && choice.untilMs !== undefined && { untilMs: choice.untilMs }),
      };
      return [system, { ...moved, overrides: { ...moved.overrides, [field]: override } }];
    }),
  );
  const line = { field, rule: 'H4', reason: rationale, by: resolution.by, atMs, to: value } as const;
  const losers = Object.entries(hold.parties).filter(
    ([party, side]) => side.value !== value && !(choice.kind === 'differ' && Object.hasOwn(choice.values, party)),
  );
  return {
    kind: 'resolved',
    record: {
      ...record,
      version: record.version + 1,
      holds,
      links,
      fields: { ...record.fields, [field]: { value, atMs, by: 'operator' } },
    },
    lines: [
      { ...line, event: 'resolved', from: before },
      ...losers.map(
        ([party, side]): LedgerLine => ({ ...line, event: 'kept', lost: { value: side.value, by: party, atMs: side.atMs } }),
      ),
    ],
  };
}

function chosenValue(choice: Choice, hold: Hold, before: FieldValue): FieldValue {
  switch (choice.kind) {
    case 'party':
      return hold.parties[choice.party]?.value ?? null;
    case 'value':
      return choice.value;
    case 'differ':
      return before;
  }
}

/** Links store only what differs from the record: when it moves, so does what they have to store. */
function withRecordValue(record: SyncRecord, link: Link, field: string, value: FieldValue): Link {
  const seen = { ...link.seen };
  const known = seenOf(record, link, field);
  if ('value' in known) rememberSeen(seen, field, known.value, value);
  const { refusal: _, ...rest } = link;
  return { ...rest, seen };
}

/** W3: a person had a refusal's cause mended: the delivery is tried once more. */
export function retryRefused(record: SyncRecord, system: string): SyncRecord {
  const link = record.links[system];
  if (link?.refusal === undefined) return record;
  const { refusal: _, ...rest } = link;
  return { ...record, version: record.version + 1, links: { ...record.links, [system]: rest } };
}
