import type { FieldValue, FieldValues } from './field-value.ts';

/** A canonical field with who last set it and when. */
export interface RecordField {
  readonly value: FieldValue;
  /** Epoch ms by the clock of `by`. */
  readonly atMs: number;
  /** With it, the change is only known to lie in (fromMs, atMs]. */
  readonly fromMs?: number;
  /** The system (or `operator`) whose edit this is. */
  readonly by: string;
}

/** What a link remembers of one field: explicitly never seen, or the value last seen there. */
export type Seen = { readonly never: true } | { readonly value: FieldValue };

/**
 * What a delivery in flight writes. Kept after the answer too, until a read that cannot be
 * older than the answer has been believed; with an unknown outcome for up to 24 h.
 */
export interface Receipt {
  readonly id: string;
  readonly claimedAtMs: number;
  /** When the system answered; absent while in flight or when the outcome is unknown. */
  readonly answeredAtMs?: number;
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

/** The tie of a record to one object in one system. Fields that agree with the record are not stored. */
export interface Link {
  /** Absent while the object is yet to be created. */
  readonly objectId?: string;
  readonly state: 'linked' | 'creating' | 'deleted' | 'unlinked' | 'missing' | 'merged';
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
  readonly deliveredAtMs?: number;
  readonly refusal?: Refusal;
  /** The object's deletion is to be, or has been, carried over to this system. */
  readonly archive?: 'wanted' | 'done';
  /** Deleted here while the record lives on: a person has to say which of the two is meant. */
  readonly contested?: true;
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
}

export function valuesOf(record: SyncRecord): FieldValues {
  return Object.fromEntries(Object.entries(record.fields).map(([name, field]) => [name, field.value]));
}
