import type { Decision } from './decide.ts';
import type { LedgerLine } from './ledger.ts';
import { ALIASES_MAX, sameValue, seenOf, unseenLink, withSpent } from './link.ts';
import type { FieldWitness, Observation } from './observation.ts';
import type { Link, SyncRecord } from './record.ts';
import type { SyncRules } from './rules.ts';
import { mayBeOverwritten } from './witness.ts';

type ObservationOf<State extends Observation['state']> = Extract<Observation, { state: State }>;

/** D1-D3: an object is gone, and a tombstone says so. */
export function decideDeleted(record: SyncRecord, link: Link, observation: ObservationOf<'deleted'>, rules: SyncRules): Decision {
  const { system } = observation;
  if (link.archive === 'wanted' || link.archive === 'done') {
    // The echo of our own archive call, or somebody was quicker: either way it is as the record asks.
    const ended = endLink(record, { ...link, archive: 'done' }, system, 'deleted', undefined);
    const unheard = unheardEdits(record, link, observation, rules);
    if (unheard.length === 0) return ended;
    return contestArchive(ended.kind === 'changed' ? ended.record : { ...record, version: record.version + 1 }, system, unheard);
  }
  const decision = decideDeletion(record, link, observation, rules);
  return withOverwritten(decision, record, link, observation, rules);
}

/** O9: what our write went over before somebody deleted the object is named, whatever the deletion comes to. */
function withOverwritten(
  decision: Decision,
  record: SyncRecord,
  link: Link,
  observation: ObservationOf<'deleted'>,
  rules: SyncRules,
): Decision {
  const { system } = observation;
  const own = rules.systems[system];
  if (own === undefined) return decision;
  const lost = Object.entries(observation.witnesses ?? {})
    .map(([field, { value, atMs }]) => ({ field, value, atMs }))
    .filter((edit) => mayBeOverwritten(record, link, own, edit, rules));
  if (lost.length === 0) return decision;
  const next = decision.kind === 'changed' ? decision.record : { ...record, version: record.version + 1 };
  const theirs = next.links[system] ?? link;
  const witnessed = { ...theirs.witnessed };
  for (const { field, atMs } of lost) witnessed[field] = [...(witnessed[field] ?? []), atMs].slice(-4);
  const lines = lost.map(
    ({ field, value, atMs }): LedgerLine => ({
      event: 'witnessed',
      field,
      rule: 'O9',
      reason: 'saved while a write of ours was on its way, and the object was deleted since',
      by: system,
      atMs,
      lost: { value, by: system, atMs },
    }),
  );
  return {
    kind: 'changed',
    record: { ...next, links: { ...next.links, [system]: { ...theirs, witnessed } } },
    lines: [...(decision.kind === 'changed' ? decision.lines : []), ...lines],
    hasLoser: true,
  };
}

function decideDeletion(record: SyncRecord, link: Link, observation: ObservationOf<'deleted'>, rules: SyncRules): Decision {
  const { system, deletedAtMs } = observation;
  if (link.state === 'deleted') return { kind: 'unchanged' };
  const line = { by: system, atMs: deletedAtMs } as const;
  const direction = rules.systems[system]?.direction ?? 'both';
  if (rules.onDelete === 'unlink' || direction === 'out') {
    return endLink(record, link, system, 'deleted', {
      ...line,
      event: 'unlinked',
      rule: 'D2',
      reason:
        direction === 'out'
          ? `${system} only receives: what is deleted there lives on elsewhere`
          : 'deletes are not carried over',
    });
  }
  const unseenEdits = unseenEditsOf(record, link, system, rules);
  if (unseenEdits.length > 0 && rules.onUpdateDelete !== 'delete-wins') {
    return endLink(record, { ...link, contested: true }, system, 'deleted', {
      ...line,
      event: 'held',
      rule: 'D3',
      reason: `deleted in ${system} before it got the newer edit of ${unseenEdits.join(', ')}; the edit survives elsewhere`,
    });
  }
  const links = Object.fromEntries(
    Object.entries(record.links).map(([other, theirs]): [string, Link] =>
      other === system || theirs.state !== 'linked' || rules.systems[other]?.direction === 'in'
        ? [other, theirs]
        : [other, { ...theirs, archive: 'wanted' }],
    ),
  );
  return endLink({ ...record, links, deleted: { atMs: deletedAtMs, by: system } }, link, system, 'deleted', {
    ...line,
    event: 'deleted',
    rule: unseenEdits.length > 0 ? 'D3' : 'D1',
    reason:
      unseenEdits.length > 0
        ? `deletes win: the newer edit of ${unseenEdits.join(', ')} goes with it, and stays in this history`
        : 'deletes are carried over as archive',
  });
}

interface UnheardEdit extends FieldWitness {
  readonly field: string;
}

/** Edits that only hints tell of: made after our last look at an object that we then archived. */
function unheardEdits(record: SyncRecord, link: Link, observation: ObservationOf<'deleted'>, rules: SyncRules): UnheardEdit[] {
  return Object.entries(observation.witnesses ?? {}).flatMap(([field, witness]) => {
    if (rules.systems[observation.system]?.fields[field] === undefined || witness.atMs <= link.stampMs) return [];
    if (link.witnessed?.[field]?.includes(witness.atMs)) return [];
    const seen = seenOf(record, link, field);
    return 'value' in seen && sameValue(rules, field, seen.value, witness.value) ? [] : [{ field, ...witness }];
  });
}

/** D3: somebody edited the object while its deletion was being carried over. What he saved is kept, and a person is asked. */
function contestArchive(record: SyncRecord, system: string, unheard: readonly UnheardEdit[]): Decision {
  const link = record.links[system];
  if (link === undefined) return { kind: 'unchanged' };
  const witnessed = { ...link.witnessed };
  for (const { field, atMs } of unheard) witnessed[field] = [...(witnessed[field] ?? []), atMs].slice(-4);
  return {
    kind: 'changed',
    record: { ...record, links: { ...record.links, [system]: { ...link, witnessed, contested: true } } },
    lines: unheard.map(({ field, value, atMs }) => ({
      event: 'witnessed',
      field,
      rule: 'D3',
      reason: `saved in ${system} while a deletion made elsewhere was being carried over`,
      by: system,
      atMs,
      lost: { value, by: system, atMs },
    })),
    hasLoser: true,
  };
}

/** Fields whose newest edit this system had not got. */
function unseenEditsOf(record: SyncRecord, link: Link, system: string, rules: SyncRules): string[] {
  return Object.keys(rules.systems[system]?.fields ?? {}).filter((field) => {
    const seen = link.seen[field];
    if (seen === undefined || !('value' in seen)) return false;
    const rendering = link.renderings?.[field];
    const asked = record.fields[field]?.value ?? null;
    const isRendered =
      rendering !== undefined &&
      sameValue(rules, field, rendering.sent, asked) &&
      sameValue(rules, field, rendering.shown, seen.value);
    return !isRendered && link.overrides?.[field] === undefined && !sameValue(rules, field, seen.value, asked);
  });
}

/** D4: not found, and nothing says that it was deleted. */
export function decideMissing(record: SyncRecord, link: Link, observation: ObservationOf<'missing'>): Decision {
  return endLink(record, link, observation.system, 'missing', {
    event: 'missing',
    rule: 'D4',
    reason: 'not found and no tombstone: absence alone proves no deletion',
    by: observation.system,
    atMs: observation.readBeganAtMs,
  });
}

/**
 * D5: two objects of one system were merged. Where the survivor belongs to no record, ours follows it, unseen: an empty
 * side is filled, and where both have a value the first-sync strategy decides. Where it has a record of its own, our link ends and its twins elsewhere wait for a
 * person: nobody here knows whether they are one person there too. An object that became one of another type (a lead that
 * was converted) ends its link in the same way.
 */
export function decideMerged(record: SyncRecord, link: Link, observation: ObservationOf<'merged'>, rules: SyncRules): Decision {
  const { system, intoObjectId, intoObject, intoRecordId, readBeganAtMs } = observation;
  const line = { event: 'merged', rule: 'D5', by: system, atMs: readBeganAtMs } as const;
  if (intoObject !== undefined) {
    // Another type has other fields and other references: neither the link nor what refers to the record goes there.
    const whose = intoRecordId === undefined ? '' : ` and belongs to record ${intoRecordId}`;
    return endLink(record, link, system, 'merged', {
      ...line,
      reason: `it became ${intoObject} ${intoObjectId}, which is an object of another type${whose}; its twins elsewhere are left alone`,
    });
  }
  if (intoRecordId === undefined && link.objectId !== undefined) {
    const followed: Link = {
      ...unseenLink(intoObjectId, Object.keys(rules.systems[system]?.fields ?? {})),
      aliases: [...(link.aliases ?? []), link.objectId].slice(-ALIASES_MAX),
    };
    return {
      kind: 'changed',
      record: { ...record, version: record.version + 1, links: { ...record.links, [system]: followed } },
      lines: [{ ...line, reason: `merged into ${intoObjectId}, which is this record's object from now on` }],
      hasLoser: false,
    };
  }
  const told = intoRecordId === undefined ? {} : { mergedInto: intoRecordId };
  return endLink({ ...record, ...told }, link, system, 'merged', {
    ...line,
    reason: `merged into ${intoObjectId}, which has a record of its own; its twins elsewhere are left alone`,
  });
}

/** F1: an object that leaves the filter is not deleted: its link rests, and nothing is written to it until it is back. */
export function decideOutside(record: SyncRecord, link: Link, observation: ObservationOf<'outside'>): Decision {
  return endLink(record, link, observation.system, 'outside', {
    event: 'left-filter',
    rule: 'F1',
    reason: 'it no longer meets the filter of this sync; it rests until it does',
    by: observation.system,
    atMs: observation.readBeganAtMs,
  });
}

/** Q: what the object shows is not taken in. Nothing is written over it either, so that what is wrong stays to be seen. */
export function decideQuarantined(record: SyncRecord, link: Link, observation: ObservationOf<'quarantined'>): Decision {
  if (link.quarantine?.reason === observation.reason) return { kind: 'unchanged' };
  const quarantine = { atMs: observation.readBeganAtMs, reason: observation.reason };
  return {
    kind: 'changed',
    record: {
      ...record,
      version: record.version + 1,
      links: { ...record.links, [observation.system]: { ...link, quarantine } },
    },
    lines: [
      { event: 'quarantined', rule: 'Q', reason: observation.reason, by: observation.system, atMs: observation.readBeganAtMs },
    ],
    hasLoser: false,
  };
}

/** D6: an archive not yet carried out is called off; a twin that is archived already is for a person to judge. */
export function undeleted(record: SyncRecord, restoredIn: string): SyncRecord {
  const { deleted: _, ...alive } = record;
  const links = Object.fromEntries(
    Object.entries(record.links).map(([system, link]): [string, Link] => {
      const { archive, contested: __, ...rest } = link;
      if (system === restoredIn || archive === 'wanted') return [system, rest];
      return [system, archive === 'done' ? { ...link, contested: true } : link];
    }),
  );
  return { ...alive, links };
}

function endLink(
  record: SyncRecord,
  link: Link,
  system: string,
  state: 'deleted' | 'missing' | 'merged' | 'outside',
  line: LedgerLine | undefined,
): Decision {
  if (link.state === state) return { kind: 'unchanged' };
  const { claim: _, ...rest } = link;
  // It may come back, showing what we wrote. After a merge the receipts only stay as witnesses: a hint may still come of what they went over.
  const ended: Link = state === 'merged' ? withSpent({ ...rest, state, receipts: [] }, rest.receipts) : { ...rest, state };
  return {
    kind: 'changed',
    record: { ...record, version: record.version + 1, links: { ...record.links, [system]: ended } },
    lines: line === undefined ? [] : [line],
    hasLoser: false,
  };
}
