import type { Decision } from '../decide.ts';
import type { FieldValue } from '../field-value.ts';
import type { LedgerLine } from '../ledger.ts';
import { rememberSeen, sameValue, seenOf } from '../link.ts';
import type { PresentObservation } from '../observation.ts';
import type { Link, Seen, SyncRecord } from '../record.ts';
import type { SyncRules } from '../rules.ts';

/**
 * Q10: a person said that this payload is not to be taken. The link remembers it as seen, so the next delivery puts the
 * record's values back, and the ledger keeps what was there. Pure, and without effect once it is done.
 *
 * @param by - who said so.
 * @throws Error when the record has no link to the observed object: the caller resolves identity first.
 */
export function discardEdit(record: SyncRecord, observation: PresentObservation, by: string, rules: SyncRules): Decision {
  const link = record.links[observation.system];
  const system = rules.systems[observation.system];
  if (link === undefined || system === undefined || link.objectId !== observation.objectId)
    throw new Error(`record ${record.recordId} has no link to ${observation.system} object ${observation.objectId}`);
  const seen: Record<string, Seen> = { ...link.seen };
  const lines: LedgerLine[] = [];
  for (const field of Object.keys(system.fields)) {
    const now = observation.fields[field];
    if (now === undefined) continue;
    const held: FieldValue = record.fields[field]?.value ?? null;
    const before = seenOf(record, link, field);
    if ('value' in before && sameValue(rules, field, before.value, now)) continue;
    rememberSeen(seen, field, now, held);
    if (sameValue(rules, field, held, now)) continue;
    lines.push({
      event: 'refused-edit',
      field,
      rule: 'Q10',
      reason: 'discarded from quarantine',
      by,
      atMs: observation.readBeganAtMs,
      to: held,
      lost: { value: now, by: observation.system, atMs: observation.fieldTimesMs[field] ?? observation.stampMs },
    });
  }
  if (lines.length === 0 && link.quarantine === undefined) return { kind: 'unchanged' };
  const { quarantine: _, ...rest } = link;
  const next: Link = {
    ...rest,
    seen,
    stampMs: Math.max(link.stampMs, observation.stampMs),
    observedAtMs: Math.max(link.observedAtMs, observation.readBeganAtMs),
  };
  return {
    kind: 'changed',
    record: { ...record, version: record.version + 1, links: { ...record.links, [observation.system]: next } },
    lines,
    hasLoser: lines.length > 0,
  };
}
