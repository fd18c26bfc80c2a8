import type { ObjectState } from '../../../../shared/connectors/connector.ts';
import { recordId18 } from '../../../../shared/connectors/salesforce/record-id.ts';
import type { NativeValue, NativeValues } from '../../../../shared/sync/change-hint.ts';

export type PlainKind = 'salesforce' | 'hubspot' | 'poll-only';

/** Who changed an object: a person, or one of our functions. */
export type Author = 'person' | 'concord';

/** One change as it really was, whatever anybody was told. */
export interface LoggedChange {
  readonly atMs: number;
  readonly system: string;
  readonly objectId: string;
  readonly by: Author;
  readonly kind: 'create' | 'update' | 'delete';
  readonly fields: Readonly<Record<string, { readonly before: NativeValue; readonly after: NativeValue }>>;
  /** Of writes by Concord: when it last read the object before, and what it saw. */
  readonly lastReadMs?: number;
}

interface Version {
  readonly atMs: number;
  readonly values: Readonly<Record<string, NativeValue>>;
  readonly by: Author;
  readonly deleted: boolean;
}

interface Row {
  readonly objectId: string;
  versions: Version[]; // newest last
}

const VERSIONS_KEPT = 6;

/** A CRM with contacts as plain rows: a synchronous state machine with a log of everything. */
export class PlainCrm {
  readonly system: string;
  readonly kind: PlainKind;
  readonly externalIdField: string;
  /** Native names of all fields. */
  readonly fields: readonly string[];
  readonly log: LoggedChange[] = [];
  /** When Concord's reads were made, by object. */
  readonly reads = new Map<string, number>();
  private readonly now: () => number;
  private readonly rows = new Map<string, Row>();
  private readonly changed: (change: LoggedChange) => void;
  private readonly stores: (field: string, value: string) => string;

  constructor(options: {
    readonly system: string;
    readonly kind: PlainKind;
    readonly externalIdField: string;
    readonly fields: readonly string[];
    readonly now: () => number;
    readonly changed: (change: LoggedChange) => void;
    /** What is made of a text that is saved. */
    readonly stores?: (field: string, value: string) => string;
  }) {
    this.system = options.system;
    this.kind = options.kind;
    this.externalIdField = options.externalIdField;
    this.fields = [...options.fields, options.externalIdField];
    this.now = options.now;
    this.changed = options.changed;
    this.stores = options.stores ?? ((_, value) => value);
  }

  get resolutionMs(): number {
    return this.kind === 'salesforce' ? 1_000 : 1;
  }

  create(values: NativeValues, by: Author): string {
    const count = this.rows.size + 1;
    const text = `003${this.system.length % 10}${String(count).padStart(11, '0')}`;
    const objectId = this.kind === 'salesforce' ? (recordId18(text) ?? text) : String(1_000 + count);
    const row: Row = { objectId, versions: [] };
    this.rows.set(objectId, row);
    this.put(row, values, by, 'create');
    return objectId;
  }

  /** @returns false when the object is gone. */
  update(objectId: string, values: NativeValues, by: Author): boolean {
    const row = this.rows.get(objectId);
    const newest = row?.versions.at(-1);
    if (row === undefined || newest === undefined || newest.deleted) return false;
    // A write that changes nothing: Salesforce stamps the row all the same, HubSpot tells no change of it.
    const differs = Object.keys(values).some((name) => (newest.values[name] ?? null) !== (values[name] ?? null));
    if (differs || this.kind === 'salesforce') this.put(row, values, by, 'update');
    return true;
  }

  remove(objectId: string, by: Author): boolean {
    const row = this.rows.get(objectId);
    const newest = row?.versions.at(-1);
    if (row === undefined || newest === undefined || newest.deleted) return false;
    row.versions.push({ ...newest, atMs: this.now(), by, deleted: true });
    this.tell(row, by, 'delete', {});
    return true;
  }

  /** As a read shows it that may be `lagMs` behind. */
  state(objectId: string, fields: readonly string[] | undefined, lagMs = 0): ObjectState {
    const row = this.rows.get(objectId);
    const seenMs = this.now() - lagMs;
    const version = row?.versions.findLast(({ atMs }) => atMs <= seenMs) ?? (lagMs > 0 ? row?.versions[0] : undefined);
    if (row === undefined || version === undefined) return { state: 'missing', objectId };
    if (version.deleted) return { state: 'deleted', objectId, deletedAtMs: version.atMs };
    const names = fields ?? Object.keys(version.values);
    return {
      state: 'present',
      objectId,
      values: Object.fromEntries(names.map((name) => [name, version.values[name] ?? null])),
      stampMs: this.stamped(version.atMs),
      modifiedBy: this.kind === 'hubspot' ? 'unknown' : version.by === 'concord' ? 'us' : 'other',
    };
  }

  ids(): readonly string[] {
    return [...this.rows.keys()];
  }

  liveIds(): readonly string[] {
    return this.ids().filter((id) => this.valuesOf(id) !== undefined);
  }

  /** What an object held last, also one that is deleted. */
  lastValuesOf(objectId: string): Readonly<Record<string, NativeValue>> | undefined {
    return this.rows.get(objectId)?.versions.at(-1)?.values;
  }

  /** What a live object holds now. */
  valuesOf(objectId: string): Readonly<Record<string, NativeValue>> | undefined {
    const newest = this.rows.get(objectId)?.versions.at(-1);
    return newest === undefined || newest.deleted ? undefined : newest.values;
  }

  stampOf(objectId: string): number {
    return this.stamped(this.rows.get(objectId)?.versions.at(-1)?.atMs ?? 0);
  }

  private stamped(atMs: number): number {
    return Math.floor(atMs / this.resolutionMs) * this.resolutionMs;
  }

  private put(row: Row, values: NativeValues, by: Author, kind: 'create' | 'update'): void {
    const before = row.versions.at(-1)?.values ?? {};
    const after: Record<string, NativeValue> = { ...before };
    for (const [name, value] of Object.entries(values))
      after[name] = typeof value === 'string' ? this.stores(name, value) : value;
    row.versions.push({ atMs: this.now(), values: after, by, deleted: false });
    if (row.versions.length > VERSIONS_KEPT) row.versions = row.versions.slice(-VERSIONS_KEPT);
    const names = Object.keys(values).filter((name) => (before[name] ?? null) !== (after[name] ?? null));
    this.tell(
      row,
      by,
      kind,
      Object.fromEntries(names.map((name) => [name, { before: before[name] ?? null, after: after[name] ?? null }])),
    );
  }

  private tell(row: Row, by: Author, kind: LoggedChange['kind'], fields: LoggedChange['fields']): void {
    const lastReadMs = this.reads.get(row.objectId);
    const change = {
      atMs: this.now(),
      system: this.system,
      objectId: row.objectId,
      by,
      kind,
      fields,
      ...(by === 'concord' && lastReadMs !== undefined && { lastReadMs }),
    };
    this.log.push(change);
    this.changed(change);
  }
}
