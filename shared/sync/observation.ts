import type { FieldValues } from './field-value.ts';
import type { VersionVector } from './version-vector.ts';

/** When a field changed. With `fromMs` the time is only known to lie in the interval (fromMs, atMs]. */
export interface FieldTime {
  readonly atMs: number;
  readonly fromMs?: number;
}

/** What somebody other than us is known to have saved in a field, and when: a hint's testimony. */
export interface FieldWitness {
  readonly value: FieldValues[string];
  readonly atMs: number; // by the system's clock
  readonly receivedAtMs: number; // by ours
}

/** A saved value that another one of the same author has followed. */
export interface EarlierWitness {
  readonly field: string;
  readonly value: FieldValues[string];
  readonly atMs: number; // by the system's clock
}

interface ObservationBase {
  readonly system: string;
  readonly objectId: string;
  /** Epoch ms by our clock, taken before the call was sent: the state is at least this new, less the system's read lag. */
  readonly readBeganAtMs: number;
  readonly correlationId: string;
}

/** The state of one object, read from its system, in canonical form. */
export type Observation =
  | (ObservationBase & {
      readonly state: 'present';
      readonly fields: FieldValues;
      /** The id of the record that made the object, where it carries one. */
      readonly recordId?: string;
      /** The row's last-modified stamp, epoch ms, in the system's own resolution. */
      readonly stampMs: number;
      readonly modifiedBy: 'us' | 'other' | 'unknown';
      /** Times per canonical field, from the hints that led here. */
      readonly fieldTimesMs: Readonly<Record<string, number>>;
      /** Per canonical field, the latest value another author is known to have saved. */
      readonly witnesses: Readonly<Record<string, FieldWitness>>;
      /** Values that somebody else is known to have saved before those of `witnesses`. */
      readonly earlier?: readonly EarlierWitness[];
      /** How new the row is said to be by whoever is not us, and when we were told. */
      readonly told?: { readonly stampMs: number; readonly receivedAtMs: number };
      /** Per canonical field, which edits its author knew of, where the system says so. */
      readonly vectors?: Readonly<Record<string, VersionVector>>;
    })
  /** Confirmed by id to be deleted or archived: a tombstone was seen. */
  | (ObservationBase & {
      readonly state: 'deleted';
      readonly deletedAtMs: number;
      /** What others are known to have saved before, as with an object that is there. */
      readonly witnesses?: Readonly<Record<string, FieldWitness>>;
      /** The id of the record that made the object, where its tombstone carries one. */
      readonly recordId?: string;
    })
  /** Not found, and no tombstone either: never on its own proof of deletion. */
  | (ObservationBase & { readonly state: 'missing' })
  /** The id now stands for another object of the same system; `intoRecordId` when that one has a record already. */
  | (ObservationBase & {
      readonly state: 'merged';
      readonly intoObjectId: string;
      /** The survivor's type, where it is another one. */
      readonly intoObject?: string;
      readonly intoRecordId?: string;
    })
  /** There, but not one of the objects that take part: it does not meet the sync's filter. */
  | (ObservationBase & { readonly state: 'outside' })
  /** There, but what it shows is not fit to be taken in: it waits in quarantine. */
  | (ObservationBase & { readonly state: 'quarantined'; readonly reason: string });

export type DeletedObservation = Extract<Observation, { state: 'deleted' }>;
export type PresentObservation = Extract<Observation, { state: 'present' }>;
