import type { LedgerLine } from './ledger.ts';
import { ALIASES_MAX, unseenLink } from './link.ts';
import type { PresentObservation } from './observation.ts';
import type { Link, RecordField, SyncRecord } from './record.ts';
import type { SyncRules } from './rules.ts';

/**
 * C1. A record for an object that belongs to none yet. Objects of other systems that are known to be
 * the same one are linked unseen: their values are decided once they have been read.
 */
export function newRecord(
  recordId: string,
  observation: PresentObservation,
  matched: readonly { system: string; objectId: string }[],
  rules: SyncRules,
): SyncRecord {
  const own = rules.systems[observation.system];
  const fields: Record<string, RecordField> = {};
  for (const [field, value] of Object.entries(observation.fields)) {
    if (value === null || own?.fields[field] === undefined || own.fields[field] === 'out') continue;
    fields[field] = { value, atMs: observation.fieldTimesMs[field] ?? observation.stampMs, by: observation.system };
  }
  const links: Record<string, Link> = { [observation.system]: observedLink(observation, fields) };
  for (const { system, objectId } of matched) {
    const theirs = rules.systems[system];
    if (theirs !== undefined && links[system] === undefined) links[system] = unseenLink(objectId, Object.keys(theirs.fields));
  }
  return { recordId, sync: rules.sync, version: 1, fields, links, holds: {} };
}

/** P1: values of fields that its system only receives. The record does not take them, and the ledger keeps them. */
export function refusedAtFirst(observation: PresentObservation, rules: SyncRules): LedgerLine[] {
  const { system, stampMs } = observation;
  return Object.entries(observation.fields).flatMap(([field, value]): LedgerLine[] => {
    if (value === null || rules.systems[system]?.fields[field] !== 'out') return [];
    const atMs = observation.fieldTimesMs[field] ?? stampMs;
    const reason = `${system} only receives this field`;
    return [{ event: 'refused-edit', field, rule: 'P1', reason, by: system, atMs, to: null, lost: { value, by: system, atMs } }];
  });
}

function observedLink(observation: PresentObservation, fields: Readonly<Record<string, RecordField>>): Link {
  const seen = Object.fromEntries(
    Object.entries(observation.fields)
      .filter(([field, value]) => value !== (fields[field]?.value ?? null))
      .map(([field, value]) => [field, { value }]),
  );
  return {
    objectId: observation.objectId,
    state: 'linked',
    stampMs: observation.stampMs,
    observedAtMs: observation.readBeganAtMs,
    seen,
    receipts: [],
  };
}

/**
 * C2. A record that gains an object found by its match key: nothing of it has been seen, so the first-sync rules decide.
 * The object that it replaces, if any, is remembered as a former one.
 */
export function withFoundObject(record: SyncRecord, system: string, objectId: string, rules: SyncRules): SyncRecord {
  const before = record.links[system];
  const link = unseenLink(objectId, Object.keys(rules.systems[system]?.fields ?? {}));
  const former = before?.objectId === undefined || before.objectId === objectId ? [] : [before.objectId];
  const aliases = [...(before?.aliases ?? []), ...former].slice(-ALIASES_MAX);
  return {
    ...record,
    links: { ...record.links, [system]: aliases.length > 0 ? { ...link, aliases } : link },
  };
}
