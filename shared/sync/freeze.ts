import { LOOP_LIMITS, trippedBy } from './guards/write-tally.ts';
import type { LedgerLine } from './ledger.ts';
import type { Link, SyncRecord } from './record.ts';
import type { SyncRules } from './rules.ts';

/**
 * G2: a record whose writes go round in circles is written no more; its edits go on being taken in. Asked after whatever
 * counts a write.
 *
 * @returns the same record where no limit is passed, or where it is frozen already.
 */
export function frozenIfLooping(
  record: SyncRecord,
  system: string,
  nowMs: number,
  rules: SyncRules,
): { readonly record: SyncRecord; readonly lines: readonly LedgerLine[] } {
  const tripped = trippedBy(record.links[system]?.writes, rules.loopLimits ?? LOOP_LIMITS);
  if (tripped === undefined || record.frozen !== undefined) return { record, lines: [] };
  const reason = `${tripped} (${system})`;
  return {
    record: { ...record, frozen: { atMs: nowMs, rule: 'G2', reason } },
    lines: [{ event: 'frozen', rule: 'G2', reason, by: system, atMs: nowMs }],
  };
}

/** A person has looked into it: writes go on, and counting begins anew. */
export function unfrozen(
  record: SyncRecord,
  nowMs: number,
  reason: string,
): { readonly record: SyncRecord; readonly lines: readonly LedgerLine[] } {
  const { frozen: _, ...thawed } = record;
  const links = Object.fromEntries(
    Object.entries(record.links).map(([system, link]): [string, Link] => {
      const { writes: __, ...rest } = link;
      return [system, rest];
    }),
  );
  return {
    record: { ...thawed, version: record.version + 1, links },
    lines: [{ event: 'unfrozen', rule: 'G2', reason, by: 'operator', atMs: nowMs }],
  };
}
