import type { FieldValue } from './field-value.ts';

/** One line of a record's history: what happened to one field (or to the whole record), and by which rule. */
export interface LedgerLine {
  readonly event:
    | 'created'
    | 'linked'
    | 'changed'
    | 'agreed'
    | 'kept'
    | 'held'
    | 'released'
    | 'refused-edit'
    | 'deleted'
    | 'unlinked'
    | 'restored'
    | 'missing'
    | 'merged'
    | 'delivery-refused'
    | 'review'
    | 'witnessed'
    | 'resolved'
    | 'override-set'
    | 'override-ended'
    | 'left-filter'
    | 'joined-filter'
    | 'quarantined'
    | 'accepted'
    | 'frozen'
    | 'unfrozen';
  readonly field?: string;
  /** The rule of RULES.md that decided. */
  readonly rule: string;
  readonly reason?: string;
  /** The system the change came from. */
  readonly by: string;
  /** When it was changed there, epoch ms by that system's clock. */
  readonly atMs: number;
  readonly from?: FieldValue;
  readonly to?: FieldValue;
  /** The value that lost, and whose it was. */
  readonly lost?: { readonly value: FieldValue; readonly by: string; readonly atMs: number };
}

/** What one commit tells the ledger, and which systems it made dirty. */
export interface CommitNote {
  readonly correlationId: string;
  readonly lines: readonly LedgerLine[];
  readonly decidedAtMs: number;
  /** When the hint that led here reached us: the start of the latency that users feel. */
  readonly receivedAtMs?: number;
}

/** A ledger entry as stored and shown: the lines of one commit. */
export interface LedgerEntry extends CommitNote {
  readonly recordId: string;
  readonly version: number;
}
