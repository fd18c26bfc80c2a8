import type { RecordCommit, RecordMarks } from '../shared/store/record-store.ts';
import { attentionOf, dirtySystems, isClaimed, wakeAtMs } from '../shared/sync/delivery.ts';
import type { CommitNote, LedgerLine } from '../shared/sync/ledger.ts';
import type { SyncRecord } from '../shared/sync/record.ts';
import type { SyncRules } from '../shared/sync/rules.ts';

/** What is needed to tell the store what a new state of a record means for everybody else. */
export interface CommitFacts {
  readonly rules: SyncRules;
  readonly nowMs: number;
  readonly marks?: RecordMarks | undefined;
  /** What the stream's readers write into the ledger; without lines, only deliveries are told. */
  readonly note: CommitNote;
  /** A system whose delivery is in hand here: no second message is sent for it. */
  readonly inHand?: string | undefined;
}

/** A record's next state with its marks and its outbox. */
export function commitOf(record: SyncRecord, { rules, nowMs, marks, note, inHand }: CommitFacts): RecordCommit {
  const dirty = dirtySystems(record, rules);
  const deliver = dirty.filter((system) => system !== inHand && !isClaimed(record, system, nowMs));
  const attention = attentionOf(record);
  const wake = wakeAtMs(record);
  return {
    record,
    dirty: dirty.length > 0,
    ...((note.lines.length > 0 || deliver.length > 0) && { outbox: { note, deliver } }),
    ...(attention !== undefined && { attention }),
    ...(wake !== undefined && { wakeAtMs: wake }),
    ...(marks !== undefined && { marks }),
  };
}

/** The same note, its lines left to an entry that is written with the commit itself. */
export function withoutLines(note: CommitNote): CommitNote {
  return { ...note, lines: [] satisfies readonly LedgerLine[] };
}
