import type { CompiledSide, CompiledSync } from '../shared/config/compiled-sync.ts';
import type { Connector, ObjectState } from '../shared/connectors/connector.ts';
import type { DuplicateIndex } from '../shared/store/duplicate-index.ts';
import type { QuarantineStore } from '../shared/store/quarantine-store.ts';
import { type RecordStore, refKey } from '../shared/store/record-store.ts';
import type { SchemaStore } from '../shared/store/schema-store.ts';
import type { ChangeHint, NativeValues } from '../shared/sync/change-hint.ts';
import { type Decision, decide } from '../shared/sync/decide.ts';
import { isCanary } from '../shared/sync/guards/canary.ts';
import { fieldTimesOf, testimonyOf } from '../shared/sync/hints.ts';
import type { Observation, PresentObservation } from '../shared/sync/observation.ts';
import { discardEdit } from '../shared/sync/quality/discard.ts';
import type { SyncRecord } from '../shared/sync/record.ts';
import type { UnresolvedReference } from '../shared/sync/references/reference-values.ts';
import type { SyncRules } from '../shared/sync/rules.ts';
import { believeClears } from './believe-clears.ts';
import { type Judged, type QualityTold, qualityJudge } from './judge-quality.ts';
import { nativesOf, openReferences, type ReferenceBook } from './references.ts';

export interface ObservePorts {
  readonly system: string;
  /** As it runs now: without the fields that rest. */
  readonly sync: CompiledSync;
  readonly connector: Pick<Connector, 'describe'>;
  readonly records: Pick<RecordStore, 'resolveMany' | 'getMany'>;
  readonly quarantine: QuarantineStore;
  readonly duplicates: DuplicateIndex;
  readonly schemas: SchemaStore;
  readonly now: () => number;
}

/** One object as it was just read, what hints said of it, and the record that it belongs to. */
export interface Reading {
  readonly state: ObjectState;
  readonly hints: readonly ChangeHint[];
  readonly correlationId: string;
  readonly record?: SyncRecord | undefined;
}

/** What a reading comes to. */
export interface Observed extends Judged {
  /** Parents that nobody knows yet: their fields are not in the observation. */
  readonly unresolved: readonly UnresolvedReference[];
}

type PresentState = Extract<ObjectState, { state: 'present' }>;

/**
 * Makes observations of readings: mapped into canonical form, their references looked up, judged by the sync's filter and by
 * its data quality. All that needs the store is looked up for the whole batch at once.
 */
export class Observer {
  private readonly ports: ObservePorts;
  private readonly side: CompiledSide;
  private readonly quality: ReturnType<typeof qualityJudge>;

  constructor(ports: ObservePorts) {
    const side = ports.sync.sides[ports.system];
    if (side === undefined) throw new Error(`sync ${ports.sync.name} has no side in ${ports.system}: see concord.config.ts`);
    this.ports = ports;
    this.side = side;
    this.quality = qualityJudge(ports);
  }

  /** What the judges have to tell the log and the metrics. */
  told(): QualityTold {
    return this.quality.told();
  }

  /** The book by which hints are read before anything else is. */
  bookOf(hints: readonly ChangeHint[]): Promise<ReferenceBook> {
    return openReferences(this.side.references.length === 0 ? [] : hints.map(nativesOf), this.ports);
  }

  /** @returns by object id. */
  async observe(readings: readonly Reading[], readBeganAtMs: number): Promise<Map<string, Observed>> {
    const { sync, system } = this.ports;
    const survivors = await this.survivorsOf(readings);
    const book = await openReferences(
      readings.flatMap(({ state, hints }) => [...(state.state === 'present' ? [state.values] : []), ...hints.map(nativesOf)]),
      this.ports,
    );
    const sightings = readings.map((reading) => ({
      observation: this.observationOf(reading, readBeganAtMs, survivors, book),
      ...(reading.state.state === 'present' && { native: reading.state.values }),
      ...(reading.record !== undefined && { record: reading.record }),
    }));
    const believed = await believeClears(sightings, sync, system, this.ports);
    const judged = await this.quality.judge(
      sightings.map((one) => ({ ...one, observation: believed.get(one.observation.objectId) ?? one.observation })),
    );
    return new Map(
      readings.flatMap(({ state }): [string, Observed][] => {
        const one = judged.get(state.objectId);
        const unresolved = state.state === 'present' ? book.unresolvedIn(state.values) : [];
        return one === undefined ? [] : [[state.objectId, { ...one, unresolved }]];
      }),
    );
  }

  private observationOf(
    { state, hints, correlationId }: Reading,
    readBeganAtMs: number,
    survivors: ReadonlyMap<string, string>,
    book: ReferenceBook,
  ): Observation {
    const base = { system: this.ports.system, objectId: state.objectId, readBeganAtMs, correlationId };
    switch (state.state) {
      case 'deleted':
        return {
          ...base,
          state: 'deleted',
          deletedAtMs: state.deletedAtMs,
          witnesses: testimonyOf(hints.map(book.readable), book.toCanonical).witnesses,
          ...this.recordIdIn(state.values ?? {}),
        };
      case 'missing':
        return { ...base, state: 'missing' };
      case 'merged': {
        const intoRecordId = survivors.get(state.intoObjectId);
        const { intoObjectId, intoObject } = state;
        return {
          ...base,
          state: 'merged',
          intoObjectId,
          ...(intoObject !== undefined && { intoObject }),
          ...(intoRecordId !== undefined && { intoRecordId }),
        };
      }
      case 'present':
        if (!this.side.takesPart(state.values)) return { ...base, state: 'outside' };
        return this.present(base, state, hints, book);
    }
  }

  private present(
    base: Pick<PresentObservation, 'system' | 'objectId' | 'readBeganAtMs' | 'correlationId'>,
    state: PresentState,
    hints: readonly ChangeHint[],
    book: ReferenceBook,
  ): PresentObservation {
    const { sync, system } = this.ports;
    const fields = book.toCanonical(state.values);
    const testimony = testimonyOf(hints.map(book.readable), book.toCanonical);
    return {
      ...base,
      state: 'present',
      fields,
      ...this.recordIdIn(state.values),
      stampMs: state.stampMs,
      // A canary's token is written as a person would: by our own credentials, but through no delivery of ours.
      modifiedBy: isCanary(sync.canary, system, state.objectId) ? 'other' : state.modifiedBy,
      fieldTimesMs: fieldTimesOf(testimony, fields, sync.rules),
      witnesses: testimony.witnesses,
      ...(testimony.earlier.length > 0 && { earlier: testimony.earlier }),
      ...(testimony.told !== undefined && { told: testimony.told }),
    };
  }

  private recordIdIn(values: NativeValues): { readonly recordId?: string } {
    const recordId = values[this.side.externalIdField];
    return typeof recordId === 'string' && recordId !== '' ? { recordId } : {};
  }

  /** The records of the objects into which others were merged, or which they became. */
  private async survivorsOf(readings: readonly Reading[]): Promise<Map<string, string>> {
    const refs = readings.flatMap(({ state }) =>
      state.state === 'merged'
        ? [{ system: this.ports.system, object: state.intoObject ?? this.side.object, objectId: state.intoObjectId }]
        : [],
    );
    if (refs.length === 0) return new Map();
    const owners = await this.ports.records.resolveMany(refs);
    return new Map(
      refs.flatMap((ref): [string, string][] => {
        const owner = owners.get(refKey(ref));
        return owner === undefined ? [] : [[ref.objectId, owner]];
      }),
    );
  }
}

/** What an observation means for its record, by whoever has the say: the rules, or a person who discarded the payload. */
export function decideOn(record: SyncRecord, { observation, discardedBy }: Judged, rules: SyncRules): Decision {
  if (discardedBy === undefined || observation.state !== 'present') return decide(record, observation, rules);
  return discardEdit(record, observation, discardedBy, rules);
}
