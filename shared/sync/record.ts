import type { FieldValue, FieldValues } from './field-value.ts';
import type { WriteTally } from './guards/write-tally.ts';
import type { VersionVector } from './version-vector.ts';

/** A canonical field with who last set it and when. */
export interface RecordField {
  readonly value: FieldValue;
  /** Epoch ms by the clock of `by`. */
  readonly atMs: number;
  /** With it, the change is only known to lie in (fromMs, atMs]. */
  readonly fromMs?: number;
  /** The system (or `operator`) whose edit this is. */
  readonly by: string;
  /** Which edits this value knows of, where the sync keeps version vectors. */
  readonly vector?: VersionVector;
}

/** What a link remembers of one field: explicitly never seen, or the value last seen there. */
export type Seen =
  | { readonly never: true }
  /** `atMs`: the time of the edit that made the value, where it is kept: an edit made on it is later, whatever its clock says. */
  | { readonly value: FieldValue; readonly atMs?: number };

/**
 * What a delivery in flight writes. Kept after the answer too, until a read that cannot be
 * older than the answer has been believed; with an unknown outcome for up to 24 h.
 */
export interface Receipt {
  readonly id: string;
  readonly claimedAtMs: number;
  /** When the system answered; absent while in flight or when the outcome is unknown. */
  readonly answeredAtMs?: number;
  /** The row's stamp at the newest look before the claim, by the system's clock: whoever saved later was not seen. */
  readonly stampMs: number;
  /** Canonical values written, and what the verify read expected there before. */
  readonly fields: Readonly<Record<string, { readonly before: FieldValue; readonly value: FieldValue }>>;
}

/** Only its owner or the end of its lease ends a claim. */
export interface Claim {
  readonly owner: string; // the id of the claim's receipt
  readonly untilMs: number;
}

/** Why a system does not take what the record asks of it; shown to an operator, ended by the next edit of the record or a retry. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly fields: readonly string[]; // native names, where the system names them
  readonly atMs: number;
}

/** A field in which one system shall differ from the record: agreement, not divergence. */
export interface Override {
  readonly value: FieldValue;
  readonly reason: string;
  readonly by: string; // a system, or who decided it
  readonly atMs: number;
  /** Epoch ms; from then on the system is asked for the record's value again. */
  readonly untilMs?: number;
}

/** The tie of a record to one object in one system. Fields that agree with the record are not stored. */
export interface Link {
  /** Absent while the object is yet to be created. */
  readonly objectId?: string;
  readonly state: 'linked' | 'creating' | 'deleted' | 'unlinked' | 'missing' | 'merged' | 'outside';
  /** The row's stamp at the newest believed observation, epoch ms; 0 before the first. */
  readonly stampMs: number;
  /** When that observation's read began, by our clock; 0 before the first. */
  readonly observedAtMs: number;
  /** By canonical field, only where it differs from the record (or was never seen). */
  readonly seen: Readonly<Record<string, Seen>>;
  /** Another form in which the system stores what we sent: not an edit, not written again. */
  readonly renderings?: Readonly<Record<string, { readonly sent: FieldValue; readonly shown: FieldValue }>>;
  readonly claim?: Claim;
  readonly receipts: readonly Receipt[]; // oldest first, 3 at most
  /** Receipts that are no longer needed to know an echo, kept for 73 h: a late hint may tell what such a write went over. */
  readonly spent?: readonly Receipt[]; // oldest first, 6 at most
  /** Until then writes of ours were on their way whose receipts there was no room for: what they went over cannot be told any more. */
  readonly forgottenToMs?: number;
  /** By field, when the last edits were made that only hints told of and that have been decided or named: each counts once. */
  readonly witnessed?: Readonly<Record<string, readonly number[]>>;
  /** By field, where this system shall differ from the record. */
  readonly overrides?: Readonly<Record<string, Override>>;
  /** Objects that were merged into this one, newest last. */
  readonly aliases?: readonly string[];
  readonly deliveredAtMs?: number;
  readonly refusal?: Refusal;
  /** The object's deletion is to be, or has been, carried over to this system. */
  readonly archive?: 'wanted' | 'done';
  /** Deleted here while the record lives on: a person has to say which of the two is meant. */
  readonly contested?: true;
  /** What this object shows is not taken in: see its quarantine item. */
  readonly quarantine?: { readonly atMs: number; readonly reason: string };
  /** How often we wrote lately: the loop breaker's memory. */
  readonly writes?: WriteTally;
}

/** A field that waits for a person. Each system keeps its own value meanwhile. */
export interface Hold {
  readonly openedAtMs: number;
  readonly rule: string;
  readonly reason: string;
  /** Raised by each new observation of a party, so that a choice binds to what its maker saw. */
  readonly version: number;
  readonly base: FieldValue;
  readonly parties: Readonly<Record<string, { readonly value: FieldValue; readonly atMs: number }>>;
}

/** Concord's own copy of one person, company or deal. Committed under the condition that `version` is unchanged. */
export interface SyncRecord {
  readonly recordId: string;
  readonly sync: string;
  readonly version: number; // 1 for the first commit
  readonly fields: Readonly<Record<string, RecordField>>;
  readonly links: Readonly<Record<string, Link>>;
  readonly holds: Readonly<Record<string, Hold>>;
  readonly deleted?: { readonly atMs: number; readonly by: string };
  /** The loop breaker stopped all writes of this record; edits go on being taken in. */
  readonly frozen?: { readonly atMs: number; readonly rule: string; readonly reason: string };
  /** The record of the object that one of ours was merged into. */
  readonly mergedInto?: string;
}

export function valuesOf(record: SyncRecord): FieldValues {
  return Object.fromEntries(Object.entries(record.fields).map(([name, field]) => [name, field.value]));
}
