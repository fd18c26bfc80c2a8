import type { CompiledSync } from '../shared/config/compiled-sync.ts';
import type { DuplicateIndex, KeyedObject } from '../shared/store/duplicate-index.ts';
import {
  payloadHash,
  type QuarantineItem,
  type QuarantineStore,
  quarantineKey,
  type Ruling,
} from '../shared/store/quarantine-store.ts';
import type { NativeValues } from '../shared/sync/change-hint.ts';
import type { FieldValues } from '../shared/sync/field-value.ts';
import { seenOf } from '../shared/sync/link.ts';
import type { Observation, PresentObservation } from '../shared/sync/observation.ts';
import { assess, quarantineReason, withoutDropped } from '../shared/sync/quality/assess.ts';
import { duplicateKeyOf } from '../shared/sync/quality/duplicates.ts';
import { bringsNews } from '../shared/sync/quality/news.ts';
import type { Assessment, QualityRules } from '../shared/sync/quality/quality-rules.ts';
import type { Link, SyncRecord } from '../shared/sync/record.ts';

export interface QualityPorts {
  readonly system: string;
  readonly sync: CompiledSync;
  readonly quarantine: Pick<QuarantineStore, 'putMany' | 'clearMany' | 'waitingAmong' | 'rulings'>;
  readonly duplicates: Pick<DuplicateIndex, 'meet' | 'leave'>;
}

/** An observation before it is decided on, with what it was read from. */
export interface Sighting {
  readonly observation: Observation;
  /** As read; kept with the payload of an object that has to wait. */
  readonly native?: NativeValues;
  /** The record that the object belongs to, as read before the object. */
  readonly record?: SyncRecord;
}

/** An observation as it is to be decided on. */
export interface Judged {
  /** Fit fields only, or state `quarantined`. */
  readonly observation: Observation;
  /** Who said that this payload is not to be taken: decide by `discardEdit` instead of `decide`. */
  readonly discardedBy?: string;
}

/** What a judge has to tell the log and the metrics: rules and fields, never values. */
export interface QualityTold {
  /** Objects that went into quarantine. */
  readonly quarantined: number;
  readonly warnings: readonly { readonly objectId: string; readonly rule: string; readonly fields: readonly string[] }[];
}

export interface QualityJudge {
  /** @returns by object id, each observation as it is to be decided on. */
  judge(sightings: readonly Sighting[]): Promise<Map<string, Judged>>;
  told(): QualityTold;
}

interface Assessed {
  readonly sighting: Sighting;
  readonly observation: PresentObservation;
  readonly assessment: Assessment;
}

/**
 * Judges observations before they are merged, one judge per batch. It costs nothing in the store until something fails, but
 * for new objects (half a read unit each: one of them may have waited here) and where duplicates are looked for.
 */
export function qualityJudge(ports: QualityPorts): QualityJudge {
  const { system, sync, quarantine, duplicates } = ports;
  const { quality } = sync;
  const quarantined = new Set<string>();
  const warnings: { objectId: string; rule: string; fields: readonly string[] }[] = [];
  const refOf = (objectId: string) => ({ sync: sync.name, system, objectId });

  /** Looks up possible duplicates of those that are new under their key, or wait for that very reason. */
  async function candidatesOf(rules: QualityRules, news: readonly Sighting[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const keyed = news.flatMap(({ observation, record }): KeyedObject[] => {
      const key = observation.state === 'present' ? duplicateKeyOf(rules, observation.fields) : undefined;
      const link = linkOf(record, system, observation.objectId);
      if (key === undefined || (link?.quarantine === undefined && key === keyBefore(rules, record, link))) return [];
      return [{ objectId: observation.objectId, key }];
    });
    return duplicates.meet(sync.name, system, keyed);
  }

  async function assessed(rules: QualityRules, news: readonly Sighting[]): Promise<Assessed[]> {
    const candidates = await candidatesOf(rules, news);
    return news.flatMap((sighting) => {
      const { observation } = sighting;
      if (observation.state !== 'present') return [];
      const assessment = assess(rules, observation.fields, candidates.get(observation.objectId));
      return [{ sighting, observation, assessment }];
    });
  }

  /** Keeps those that fail, unless a person has ruled on this very payload. */
  async function withRulings(failed: readonly Assessed[]): Promise<Map<string, Judged>> {
    const rulings = await quarantine.rulings(failed.map(({ observation }) => refOf(observation.objectId)));
    const judged = new Map<string, Judged>();
    const kept: QuarantineItem[] = [];
    for (const one of failed) {
      const { observation, assessment, sighting } = one;
      const { objectId } = observation;
      const ruling = rulingOn(observation, rulings.get(quarantineKey(refOf(objectId))));
      if (ruling?.ruling === 'accept') judged.set(objectId, { observation });
      else if (ruling !== undefined && sighting.record !== undefined)
        judged.set(objectId, { observation, discardedBy: ruling.by });
      else if (ruling !== undefined)
        judged.set(objectId, { observation: waiting(observation, 'discarded') }); // nobody's: it stays out
      else {
        kept.push(itemOf(one));
        quarantined.add(objectId);
        judged.set(objectId, { observation: waiting(observation, quarantineReason(assessment)) });
      }
    }
    await quarantine.putMany(kept);
    return judged;
  }

  function itemOf({ observation, assessment, sighting: { native = {}, record } }: Assessed): QuarantineItem {
    return {
      ...refOf(observation.objectId),
      fields: observation.fields,
      native,
      failures: assessment.failures,
      score: assessment.score,
      readBeganAtMs: observation.readBeganAtMs,
      correlationId: observation.correlationId,
      ...(record !== undefined && { recordId: record.recordId, recordVersion: record.version }),
    };
  }

  /** What is fit now, or gone, waits no longer. */
  async function clear(sightings: readonly Sighting[], judged: ReadonlyMap<string, Judged>): Promise<void> {
    const out = sightings.filter(({ observation }) => judged.get(observation.objectId)?.observation.state !== 'quarantined');
    const marked = out.filter(
      ({ observation: { objectId }, record }) =>
        linkOf(record, system, objectId)?.quarantine !== undefined || quarantined.has(objectId),
    );
    const strangers = quality === undefined ? [] : out.filter((one) => one.record === undefined && !marked.includes(one));
    const known = await quarantine.waitingAmong(strangers.map(({ observation }) => refOf(observation.objectId)));
    const ids = new Set(known.map(({ objectId }) => objectId));
    const gone = [...marked, ...strangers.filter(({ observation }) => ids.has(observation.objectId))];
    await quarantine.clearMany(
      gone.map(({ observation: { objectId, readBeganAtMs } }) => ({ ...refOf(objectId), readBeganAtMs })),
    );
    for (const { observation } of gone) quarantined.delete(observation.objectId);
  }

  /** The pointers of keys that objects no longer have, once their new state is taken. */
  async function leaveFormerKeys(rules: QualityRules, sightings: readonly Sighting[], judged: ReadonlyMap<string, Judged>) {
    const left = sightings.flatMap(({ observation: { objectId }, record }): KeyedObject[] => {
      const taken = judged.get(objectId);
      const state = taken?.observation.state;
      const former = keyBefore(rules, record, linkOf(record, system, objectId));
      if (former === undefined || taken?.discardedBy !== undefined) return [];
      if (state === 'deleted') return [{ objectId, key: former }];
      if (taken?.observation.state !== 'present') return [];
      const { fields } = taken.observation;
      const wasRead = rules.duplicates?.within.every((field) => fields[field] !== undefined) ?? false;
      return wasRead && duplicateKeyOf(rules, fields) !== former ? [{ objectId, key: former }] : [];
    });
    await duplicates.leave(sync.name, system, left);
  }

  function keyBefore(rules: QualityRules, record: SyncRecord | undefined, link: Link | undefined): string | undefined {
    if (record === undefined || link === undefined) return undefined;
    const before: Record<string, FieldValues[string]> = {};
    for (const field of rules.duplicates?.within ?? []) {
      const seen = seenOf(record, link, field);
      if ('value' in seen) before[field] = seen.value;
    }
    return duplicateKeyOf(rules, before);
  }

  return {
    async judge(sightings) {
      const judged = new Map(sightings.map(({ observation }) => [observation.objectId, { observation }] as [string, Judged]));
      if (quality !== undefined) {
        const news = sightings.filter(({ observation, record }) => isNews(observation, record, ports));
        const all = await assessed(quality, news);
        const failed = all.filter(({ assessment }) => assessment.verdict === 'quarantine');
        for (const [objectId, one] of failed.length > 0 ? await withRulings(failed) : []) judged.set(objectId, one);
        for (const { observation, assessment } of all) {
          for (const { rule, field, fields, onFail } of assessment.failures)
            if (onFail !== 'quarantine')
              warnings.push({ objectId: observation.objectId, rule, fields: fields ?? (field === undefined ? [] : [field]) });
          if (assessment.verdict === 'pass' && assessment.dropped.length > 0)
            judged.set(observation.objectId, { observation: withoutFields(observation, assessment) });
        }
        if (quality.duplicates !== undefined) await leaveFormerKeys(quality, sightings, judged);
      }
      await clear(sightings, judged);
      return judged;
    },
    told: () => ({ quarantined: quarantined.size, warnings }),
  };
}

function isNews(observation: Observation, record: SyncRecord | undefined, { sync, system }: QualityPorts): boolean {
  if (observation.state !== 'present') return false;
  const link = linkOf(record, system, observation.objectId);
  return record === undefined || link === undefined || bringsNews(record, link, system, observation.fields, sync.rules);
}

function linkOf(record: SyncRecord | undefined, system: string, objectId: string): Link | undefined {
  const link = record?.links[system];
  return link?.objectId === objectId ? link : undefined;
}

/** A ruling binds the payload that its maker saw, and no other. */
function rulingOn({ fields }: PresentObservation, ruling: Ruling | undefined): Ruling | undefined {
  return ruling !== undefined && ruling.payloadHash === payloadHash(fields) ? ruling : undefined;
}

function waiting({ system, objectId, readBeganAtMs, correlationId }: PresentObservation, reason: string): Observation {
  return { system, objectId, readBeganAtMs, correlationId, state: 'quarantined', reason };
}

/** A field that is not taken is not observed: neither its value nor what hints said of it. */
function withoutFields(observation: PresentObservation, assessment: Assessment): PresentObservation {
  const { dropped } = assessment;
  const kept = <Value>(entries: Readonly<Record<string, Value>>) =>
    Object.fromEntries(Object.entries(entries).filter(([field]) => !dropped.includes(field)));
  return {
    ...observation,
    fields: withoutDropped(observation.fields, assessment),
    fieldTimesMs: kept(observation.fieldTimesMs),
    witnesses: kept(observation.witnesses),
  };
}
