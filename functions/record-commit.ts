import type { RecordCommit, StoredRecord } from '../shared/store/record-store.ts';
import { attentionOf, dirtySystems, isClaimed, isUnseen, wakeAtMs } from '../shared/sync/delivery.ts';
import type { CommitNote, LedgerLine } from '../shared/sync/ledger.ts';
import type { SyncRecord } from '../shared/sync/record.ts';
import { newObjectsOf } from '../shared/sync/references/reference-values.ts';
import type { SyncRules } from '../shared/sync/rules.ts';

/** What is needed to tell the store what a new state of a record means for everybody else. */
export interface CommitFacts {
  readonly rules: SyncRules;
  readonly nowMs: number;
  /** The record as it was read; absent for a new one. */
  readonly before?: StoredRecord | undefined;
  /** Some sync has fields that stand for records of this one, so somebody may wait for their objects. */
  readonly isReferredTo?: boolean | undefined;
  /** What the stream's readers write into the ledger; without lines, only deliveries and wake-ups are told. */
  readonly note: CommitNote;
  /** A system whose delivery is in hand here: no second message is sent for it. */
  readonly inHand?: string | undefined;
}

/** A record's next state with its marks and its outbox. */
export function commitOf(record: SyncRecord, facts: CommitFacts): RecordCommit {
  const { rules, nowMs, before, note, inHand } = facts;
  const dirty = dirtySystems(record, rules);
  // What was never looked at is left to its own hint, which is on its way; the sweep sees to it where that was lost.
  const isLeft = (system: string) => {
    const link = record.links[system];
    return link !== undefined && isUnseen(link);
  };
  const deliver = dirty.filter((system) => system !== inHand && !isLeft(system) && !isClaimed(record, system, nowMs));
  const attention = attentionOf(record);
  const dueMs = wakeAtMs(record);
  const wake = facts.isReferredTo === true && newObjectsOf(before, record).length > 0;
  const isTold = note.lines.length > 0 || deliver.length > 0 || wake;
  return {
    record,
    dirty: dirty.length > 0,
    ...(isTold && { outbox: { note, deliver, ...(wake && { wake }) } }),
    ...(attention !== undefined && { attention }),
    ...(dueMs !== undefined && { wakeAtMs: dueMs }),
    ...(before !== undefined && { marks: before.marks }),
  };
}

/** The same note, its lines left to an entry that is written with the commit itself. */
export function withoutLines(note: CommitNote): CommitNote {
  return { ...note, lines: [] satisfies readonly LedgerLine[] };
}
