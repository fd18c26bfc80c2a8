import type { ChangeHint, NativeValues } from '../sync/change-hint.ts';

/** What a system is like, as far as deciding depends on it. All are settings: none is hard-coded in the core. */
export interface SystemTraits {
  /** Resolution of the row's last-modified stamp, ms (Salesforce 1000). */
  readonly stampResolutionMs: number;
  /** How long a read by id may still show the state before a write, ms. */
  readonly readLagMs: number;
  /** How long search or a change listing may still miss a write, ms. */
  readonly listLagMs: number;
  /** Objects per call that reads by id (HubSpot 100, Salesforce 2,000). */
  readonly readBatchSizeMax: number;
  /** Objects per call that writes (HubSpot 100, Salesforce 200). */
  readonly writeBatchSizeMax: number;
}

/** The state of one object as its system shows it. */
export type ObjectState =
  | {
      readonly state: 'present';
      readonly objectId: string;
      readonly values: NativeValues;
      readonly stampMs: number;
      readonly modifiedBy: 'us' | 'other' | 'unknown';
    }
  | {
      readonly state: 'deleted';
      readonly objectId: string;
      readonly deletedAtMs: number;
      /** What it held when it was deleted, where the system still shows that. */
      readonly values?: NativeValues;
    }
  | { readonly state: 'missing'; readonly objectId: string }
  | {
      readonly state: 'merged';
      readonly objectId: string;
      readonly intoObjectId: string;
      /** The survivor's object type, where it is another one: a lead that was converted is a contact from then on. */
      readonly intoObject?: string;
    };

/** What became of one object of a batched write. */
export type WriteOutcome =
  /** `values` and `stampMs` are what the system says it now holds, where its answer says so. */
  | { readonly outcome: 'written'; readonly objectId: string; readonly values?: NativeValues; readonly stampMs?: number }
  /** The object is deleted, archived or was never there. */
  | { readonly outcome: 'gone' }
  /** Another object already owns a unique value; retrying cannot help. */
  | { readonly outcome: 'duplicate'; readonly existingObjectId?: string; readonly message: string }
  /** A validation rule, a missing permission, a bad value: permanent until something changes. */
  | { readonly outcome: 'rejected'; readonly code: string; readonly message: string; readonly fields: readonly string[] }
  /** A row lock and the like: the same write may pass later. */
  | { readonly outcome: 'retry'; readonly code: string; readonly retryAfterMs: number }
  /** No answer for it: the write may or may not have happened. Read before anything is repeated. */
  | { readonly outcome: 'unknown'; readonly message: string };

export interface FieldDescription {
  readonly name: string;
  readonly type: string;
  readonly writable: boolean;
  readonly unique: boolean;
  readonly options?: readonly string[]; // of a picklist: the values, not the labels
}

/** Reads objects by their own id, in as few calls as the system allows. */
export interface ObjectReader {
  /**
   * @param fields - native names; fields the object does not have set come back as null. A tie to another object that the
   * system keeps apart from its fields has a name too (HubSpot: `association:companies:primary`); its value is that object's id.
   * @returns one state per distinct id, keyed by the id asked for.
   * @throws RateLimitedError, AuthRejectedError, SystemUnavailableError, RequestRefusedError
   */
  read(object: string, objectIds: readonly string[], fields: readonly string[]): Promise<Map<string, ObjectState>>;
  /**
   * Finds live objects whose `field` equals one of `values`, in as few calls as the system allows.
   *
   * @returns by the value asked for (compared as the system compares), every object that has it.
   */
  findByField(
    object: string,
    field: string,
    values: readonly string[],
    fields: readonly string[],
  ): Promise<Map<string, ObjectState[]>>;
}

/** Writes objects in batches; answers are matched by id or trace, never by position alone where the system may reorder. */
export interface ObjectWriter {
  /** @returns one outcome per write, by object id. An object may appear once per call. */
  update(object: string, writes: readonly { objectId: string; values: NativeValues }[]): Promise<Map<string, WriteOutcome>>;
  /**
   * Upserts on the external-id field, whose value is the record's id: repeating it after a lost
   * answer makes no second object.
   *
   * @returns one outcome per create, by record id.
   */
  create(
    object: string,
    externalIdField: string,
    creates: readonly { recordId: string; values: NativeValues }[],
  ): Promise<Map<string, WriteOutcome>>;
  /** Archives (recycle bin); an object that is gone already counts as written. */
  archive(object: string, objectIds: readonly string[]): Promise<Map<string, WriteOutcome>>;
}

/** One page of rows, oldest change first. `cursor` is opaque; absent on the last page of a listing. */
export interface RowPage {
  readonly rows: readonly ObjectState[];
  readonly cursor?: string;
  /** False while more pages follow at once. */
  readonly done: boolean;
}

/** Lists what changed, and everything there is. */
export interface ChangeFeed {
  /**
   * Changes (deletes too) since `cursor`. Repeatable: the same cursor never skips a row, though
   * it may show one again. The connector reads again what lies within `overlapMs` of the cursor's
   * time, so that rows which became visible late are not lost.
   *
   * @param cursor - from the previous page; undefined starts at `fromMs`.
   */
  changes(
    object: string,
    fields: readonly string[],
    from: { cursor?: string; fromMs: number; overlapMs: number },
  ): Promise<RowPage>;
  /** Every live object, in a stable order, straight from the primary store (never from a search index). */
  list(object: string, fields: readonly string[], cursor: string | undefined): Promise<RowPage>;
}

/** Everything the engine asks of a system. */
export interface Connector extends ObjectReader, ObjectWriter, ChangeFeed {
  readonly system: string;
  readonly traits: SystemTraits;
  /** Fields of an object type, for the check of the mapping. */
  describe(object: string): Promise<readonly FieldDescription[]>;
}

/** What a receiver hands to the engine: hints, grouped by the object type they are about. */
export interface ReceivedHints {
  readonly hints: readonly ChangeHint[];
  /** Events that this sync does not take part in (another portal, object or subscription), counted for the metric. */
  readonly ignored: number;
}

/** The share of a connection's API limits that this call may use. Shared by all functions through the store. */
export interface ApiBudget {
  /** Waits until `calls` may be sent, or throws RateLimitedError when that would be later than `deadlineMs` (epoch). */
  acquire(calls: number, lane: 'general' | 'search', deadlineMs: number): Promise<void>;
  /** Told after each answer: what the limit headers say (absent where the system does not say). */
  observe(
    lane: 'general' | 'search',
    headers: { limit?: number; remaining?: number; intervalMs?: number; dailyLimit?: number; dailyRemaining?: number },
  ): void;
  /** Told when the system refused for its limit: no function calls it again before then (epoch ms). */
  pause(lane: 'general' | 'search', untilMs: number): Promise<void>;
}
