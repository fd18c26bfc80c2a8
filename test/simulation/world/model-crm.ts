import type { FieldDescription, ObjectState } from '../../../shared/connectors/connector.ts';
import { recordId18 } from '../../../shared/connectors/salesforce/record-id.ts';
import type { NativeValue, NativeValues } from '../../../shared/sync/change-hint.ts';
import type { Author, CrmChange, CrmLog, FieldChange } from './crm-log.ts';
import { type Family, type NativeField, refusalOf, storedForm } from './native-field.ts';

/** One object type of a system. */
export interface ModelType {
  readonly name: string; // Contact, contacts
  /** Of a Salesforce id. */
  readonly keyPrefix: string;
  readonly externalIdField: string;
  readonly fields: readonly NativeField[];
  readonly automations?: readonly Automation[];
}

/** F29: a rule of the system that sets a field when another one is saved. */
export interface Automation {
  readonly when: string;
  readonly sets: string;
  /** The value it sets, or undefined where it leaves the object alone. */
  readonly to: (after: NativeValues, before: NativeValues) => NativeValue | undefined;
  /** Salesforce runs it in the same transaction; a workflow of HubSpot comes after it, as an author of its own. */
  readonly afterMs?: number;
}

export interface ModelCrmOptions {
  readonly system: string;
  readonly family: Family;
  readonly types: readonly ModelType[];
  /** Salesforce 1000, HubSpot 1. */
  readonly stampResolutionMs: number;
  /** HubSpot gives the survivor of a merge an id of its own, but not in every account. */
  readonly mergeMintsNewId?: boolean;
  /** Whether HubSpot applies an update by a merged-away id to the survivor, or leaves it out of its answer. */
  readonly mergedIdsTakeWrites?: boolean;
  readonly log: CrmLog;
  readonly now: () => number;
  /** How far the system's clock is ahead of true time, ms. */
  readonly skewMs?: () => number;
  /** How long a write stays hidden from search and change listings, ms; asked once per write. */
  readonly listLagMs?: () => number;
  readonly changed?: (change: CrmChange) => void;
  /** For automations that come after the write. */
  readonly later?: (afterMs: number, act: () => void) => void;
}

interface Version {
  readonly atMs: number;
  readonly listedAtMs: number;
  readonly stampMs: number;
  readonly values: NativeValues;
  readonly lastBy: Author['by'];
  readonly deleted?: true;
}

interface Row {
  readonly objectId: string;
  readonly type: ModelType;
  versions: Version[]; // oldest first
  mergedInto?: string;
  /** Unique values that came to it by merges: nobody else may have them. */
  readonly taken: Set<string>;
}

export type Written =
  | { readonly outcome: 'written'; readonly objectId: string }
  | { readonly outcome: 'gone' }
  | { readonly outcome: 'omitted' }
  | { readonly outcome: 'duplicate'; readonly existingObjectId: string; readonly field: string }
  | { readonly outcome: 'rejected'; readonly code: string; readonly message: string; readonly fields: readonly string[] };

export interface WriteOptions {
  /** When the transaction began, by the system's clock, where it commits only now. */
  readonly stampMs?: number;
  readonly verifiedAsOfMs?: number | undefined;
}

type Facts = Partial<Pick<CrmChange, 'absorbed' | 'into' | 'sent' | 'formed' | 'verifiedAsOfMs'>>;

/** Enough for any lag. */
const VERSIONS_KEPT = 12;

/**
 * One CRM as a synchronous state machine: objects with ids, stamps, unique and normalised values, a recycle bin and merges. It
 * knows nothing of promises, of the wire or of faults of transport; it takes the time from `now`.
 */
export class ModelCrm {
  readonly system: string;
  readonly family: Family;
  readonly stampResolutionMs: number;
  readonly log: CrmLog;
  private readonly options: ModelCrmOptions;
  private readonly types: ReadonlyMap<string, ModelType>;
  private rows = new Map<string, Row>();
  private readonly retired = new Set<string>();
  private readonly hidden = new Set<string>();
  /** When objects were hidden from Concord, true times; without an end while they are. */
  readonly hiddenTimes: { readonly objectId: string; readonly fromMs: number; toMs?: number }[] = [];
  private minted = 0;

  constructor(options: ModelCrmOptions) {
    this.options = options;
    this.system = options.system;
    this.family = options.family;
    this.stampResolutionMs = options.stampResolutionMs;
    this.log = options.log;
    this.types = new Map(options.types.map((type) => [type.name, type]));
  }

  now(): number {
    return this.options.now();
  }

  /** The system's own clock, epoch ms. */
  clock(): number {
    return Math.floor(this.options.now() + (this.options.skewMs?.() ?? 0));
  }

  typeOf(name: string): ModelType {
    const type = this.types.get(name);
    if (type === undefined) throw new Error(`${this.system} has no object type ${name}`);
    return type;
  }

  get typeNames(): readonly string[] {
    return [...this.types.keys()];
  }

  // ---- writing ----

  create(typeName: string, values: NativeValues, author: Author, options: WriteOptions = {}): Written {
    const type = this.typeOf(typeName);
    const defaults = Object.fromEntries(
      type.fields.filter((field) => field.type === 'boolean' && this.family === 'salesforce').map((field) => [field.name, false]),
    );
    const row: Row = { objectId: this.mintId(type), type, versions: [], taken: new Set() };
    return this.put(row, 'create', {}, { ...defaults, ...values }, author, options);
  }

  update(objectId: string, values: NativeValues, author: Author, options: WriteOptions = {}): Written {
    const asked = this.rows.get(objectId);
    if (asked?.mergedInto !== undefined && this.family === 'hubspot' && !this.isGone(this.survivorOf(asked))) {
      if (this.options.mergedIdsTakeWrites !== true) return { outcome: 'omitted' };
      return this.update(this.survivorOf(asked).objectId, values, author, options);
    }
    const newest = asked?.versions.at(-1);
    if (asked === undefined || newest === undefined || newest.deleted) return { outcome: 'gone' };
    return this.put(asked, 'update', newest.values, values, author, options);
  }

  /** Into the recycle bin. @returns false when it is not there. */
  remove(objectId: string, author: Author, options: WriteOptions = {}): boolean {
    const row = this.rows.get(objectId);
    const newest = row?.versions.at(-1);
    if (row === undefined || newest === undefined || newest.deleted) return false;
    this.append(row, { ...newest, lastBy: author.by, deleted: true });
    this.note(row, 'delete', {}, author, options.verifiedAsOfMs === undefined ? {} : { verifiedAsOfMs: options.verifiedAsOfMs });
    return true;
  }

  /** Out of the recycle bin, under its own id. */
  restore(objectId: string, author: Author): Written {
    const row = this.rows.get(objectId);
    const newest = row?.versions.at(-1);
    if (row === undefined || newest?.deleted !== true || row.mergedInto !== undefined) return { outcome: 'gone' };
    const duplicate = this.duplicateOf(row, newest.values, Object.keys(newest.values));
    if (duplicate !== undefined) return duplicate;
    const { deleted: _, ...kept } = newest;
    this.append(row, { ...kept, lastBy: author.by });
    this.note(row, 'restore', {}, author);
    return { outcome: 'written', objectId };
  }

  /**
   * Two objects become one: the primary's values, and the other's where it has none. Every former id leads to the survivor.
   *
   * @returns the survivor's id; undefined where one of the two is not there.
   */
  merge(primaryId: string, absorbedId: string, author: Author): string | undefined {
    const primary = this.rows.get(primaryId);
    const absorbed = this.rows.get(absorbedId);
    const mine = primary?.versions.at(-1);
    const theirs = absorbed?.versions.at(-1);
    if (primary === undefined || absorbed === undefined || mine === undefined || theirs === undefined) return undefined;
    if (primary === absorbed || mine.deleted || theirs.deleted) return undefined;
    const values = { ...mine.values };
    for (const [name, value] of Object.entries(theirs.values)) {
      if (name !== primary.type.externalIdField && (values[name] ?? null) === null) values[name] = value;
    }
    const mintsId = this.family === 'hubspot' && this.options.mergeMintsNewId === true;
    const survivor: Row = mintsId
      ? { objectId: this.mintId(primary.type), type: primary.type, versions: [], taken: new Set(primary.taken) }
      : primary;
    const gone = mintsId ? [primary, absorbed] : [absorbed];
    for (const row of gone) {
      const last = row.versions.at(-1);
      if (last !== undefined) this.append(row, { ...last, lastBy: author.by, deleted: true });
      row.mergedInto = survivor.objectId;
    }
    if (this.family === 'hubspot') {
      // The absorbed contact's addresses stay with the survivor.
      for (const taken of absorbed.taken) survivor.taken.add(taken);
      for (const field of primary.type.fields) {
        const value = theirs.values[field.name] ?? null;
        if (field.unique && value !== null) survivor.taken.add(takenKey(field.name, value));
      }
    }
    this.rows.set(survivor.objectId, survivor);
    this.append(survivor, { values, lastBy: author.by });
    this.note(survivor, 'merge', changesBetween(mine.values, values), author, { absorbed: gone.map(({ objectId }) => objectId) });
    for (const row of gone) this.note(row, 'merged-away', {}, author, { into: survivor.objectId });
    return survivor.objectId;
  }

  /** The stamp moves, and no value does. */
  touch(objectId: string, author: Author): void {
    const row = this.rows.get(objectId);
    const newest = row?.versions.at(-1);
    if (row === undefined || newest === undefined || newest.deleted) return;
    this.append(row, { ...newest, lastBy: author.by });
    this.note(row, 'touch', {}, author);
  }

  /** F57: a property is gone from now on, or there again. */
  retire(field: string, gone: boolean): void {
    if (gone) this.retired.add(field);
    else this.retired.delete(field);
  }

  isRetired(field: string): boolean {
    return this.retired.has(field);
  }

  /** F12: an administrator takes the object out of Concord's sight, or lets it be seen again: people see it all the while. */
  hide(objectId: string, hidden: boolean): void {
    if (hidden === this.hidden.has(objectId)) return;
    if (hidden) {
      this.hidden.add(objectId);
      this.hiddenTimes.push({ objectId, fromMs: this.now() });
      return;
    }
    this.hidden.delete(objectId);
    const last = this.hiddenTimes.findLast((one) => one.objectId === objectId);
    if (last !== undefined) last.toMs = this.now();
  }

  get hiddenIds(): readonly string[] {
    return [...this.hidden];
  }

  /** F15: everything as it is now, to go back to. */
  backup(): () => void {
    const copy = new Map(
      [...this.rows].map(([id, row]) => [id, { ...row, versions: [...row.versions], taken: new Set(row.taken) }]),
    );
    return () => {
      this.rows = new Map([...copy].map(([id, row]) => [id, { ...row, versions: [...row.versions] }]));
    };
  }

  // ---- reading ----

  /** As a read by id shows it that may be `lagMs` behind. */
  state(objectId: string, fields: readonly string[] | undefined, lagMs = 0): ObjectState {
    const row = this.rows.get(objectId);
    const asOfMs = this.now() - lagMs;
    const version = row?.versions.findLast(({ atMs }) => atMs <= asOfMs) ?? undefined;
    return row === undefined ? { state: 'missing', objectId } : this.shown(row, version, fields);
  }

  /** True where a read that is `lagMs` behind shows something else than there is. */
  isStale(objectId: string, lagMs: number): boolean {
    const newest = this.rows.get(objectId)?.versions.at(-1);
    return newest !== undefined && newest.atMs > this.now() - lagMs;
  }

  /** As search and change listings show it, which may not have seen the newest writes. */
  listed(objectId: string, fields: readonly string[]): ObjectState | undefined {
    const row = this.rows.get(objectId);
    const nowMs = this.now();
    const version = row?.versions.findLast(({ listedAtMs }) => listedAtMs <= nowMs);
    return row === undefined || version === undefined ? undefined : this.shown(row, version, fields);
  }

  /** When the version that listings show was stamped, by the system's clock. */
  listedStampMs(objectId: string): number | undefined {
    const nowMs = this.now();
    return this.rows.get(objectId)?.versions.findLast(({ listedAtMs }) => listedAtMs <= nowMs)?.stampMs;
  }

  ids(typeName: string): readonly string[] {
    return [...this.rows.values()].filter((row) => row.type.name === typeName).map((row) => row.objectId);
  }

  liveIds(typeName: string): readonly string[] {
    return this.ids(typeName).filter((id) => this.valuesOf(id) !== undefined);
  }

  /** What a live object holds now. */
  valuesOf(objectId: string): NativeValues | undefined {
    const newest = this.rows.get(objectId)?.versions.at(-1);
    return newest === undefined || newest.deleted ? undefined : newest.values;
  }

  isDeleted(objectId: string): boolean {
    const row = this.rows.get(objectId);
    return row?.mergedInto === undefined && row?.versions.at(-1)?.deleted === true;
  }

  mergedInto(objectId: string): string | undefined {
    const row = this.rows.get(objectId);
    return row?.mergedInto === undefined ? undefined : this.survivorOf(row).objectId;
  }

  stampOf(objectId: string): number {
    return this.rows.get(objectId)?.versions.at(-1)?.stampMs ?? 0;
  }

  /** Every value that was saved in a field of an object lately, oldest first. */
  formerValues(objectId: string, field: string): readonly NativeValue[] {
    return (this.rows.get(objectId)?.versions ?? []).map(({ values }) => values[field] ?? null);
  }

  describe(typeName: string): FieldDescription[] {
    const type = this.typeOf(typeName);
    const names = this.family === 'salesforce' ? TYPES_OF_SALESFORCE : TYPES_OF_HUBSPOT;
    return [
      { name: type.externalIdField, type: 'string', writable: true, unique: true },
      ...type.fields
        .filter((field) => !this.retired.has(field.name))
        .map((field) => ({ name: field.name, type: names[field.type], writable: true, unique: field.unique === true })),
    ];
  }

  // ---- within ----

  private put(
    row: Row,
    kind: 'create' | 'update',
    before: NativeValues,
    input: NativeValues,
    author: Author,
    options: WriteOptions,
  ): Written {
    const { type } = row;
    const after: Record<string, NativeValue> = { ...before };
    for (const [name, value] of Object.entries(input)) {
      if (this.retired.has(name))
        return {
          outcome: 'rejected',
          code: 'PROPERTY_DOESNT_EXIST',
          message: `Property "${name}" does not exist`,
          fields: [name],
        };
      const field = type.fields.find((one) => one.name === name);
      after[name] = field === undefined ? value : storedForm(field, value, this.family);
    }
    const own = { ...after };
    const inside = (type.automations ?? []).filter(({ afterMs }) => afterMs === undefined);
    for (const automation of inside) this.automate(automation, type, after, before);
    for (const field of type.fields) {
      // HubSpot checks what it is given; Salesforce checks the row.
      if (this.family === 'hubspot' && !Object.hasOwn(input, field.name)) continue;
      const refusal = refusalOf(field, after[field.name] ?? null);
      if (refusal !== undefined) return { outcome: 'rejected', ...refusal, fields: [field.name] };
    }
    const duplicate = this.duplicateOf(row, after, Object.keys(input));
    if (duplicate !== undefined) return duplicate;

    this.rows.set(row.objectId, row);
    this.append(row, { values: after, lastBy: author.by }, options.stampMs);
    const changes = changesBetween(before, after);
    const byRule = Object.keys(changes).filter((name) => (own[name] ?? null) !== (after[name] ?? null));
    const written = Object.fromEntries(
      Object.entries(changes).flatMap(([name, { before: from }]) =>
        byRule.includes(name) && (own[name] ?? null) === from
          ? []
          : [
              [
                name,
                withSent(
                  { before: from, after: byRule.includes(name) ? (own[name] ?? null) : (after[name] ?? null) },
                  input[name],
                ),
              ],
            ],
      ),
    );
    const formed = Object.entries(input).filter(([name, value]) => String(after[name] ?? '') !== String(value ?? ''));
    const sent =
      author.by === 'concord'
        ? {
            sent: input,
            ...(formed.length > 0 && { formed: Object.fromEntries(formed.map(([name]) => [name, after[name] ?? null])) }),
          }
        : {};
    const verified = options.verifiedAsOfMs === undefined ? {} : { verifiedAsOfMs: options.verifiedAsOfMs };
    const main = this.logged(row, kind, written, author, { ...sent, ...verified });
    const ruled = Object.fromEntries(byRule.map((name) => [name, { before: own[name] ?? null, after: after[name] ?? null }]));
    const whose = author.by === 'automation' ? (author.inside ?? 'person') : author.by;
    const rider = byRule.length > 0 ? this.logged(row, 'update', ruled, { by: 'automation', inside: whose }) : undefined;
    this.options.changed?.(rider === undefined ? main : this.log.ride(main, rider));
    this.runLater(row.objectId, type, before, after, author);
    return { outcome: 'written', objectId: row.objectId };
  }

  private automate(automation: Automation, type: ModelType, after: Record<string, NativeValue>, before: NativeValues): boolean {
    if ((after[automation.when] ?? null) === (before[automation.when] ?? null)) return false;
    const field = type.fields.find(({ name }) => name === automation.sets);
    const value = automation.to(after, before);
    if (field === undefined || value === undefined) return false;
    const stored = storedForm(field, value, this.family);
    if ((after[automation.sets] ?? null) === stored) return false;
    after[automation.sets] = stored;
    return true;
  }

  private runLater(objectId: string, type: ModelType, before: NativeValues, after: NativeValues, author: Author): void {
    if (author.by === 'automation') return; // a workflow is not started by a workflow
    for (const automation of type.automations ?? []) {
      const { afterMs } = automation;
      if (afterMs === undefined || (after[automation.when] ?? null) === (before[automation.when] ?? null)) continue;
      this.options.later?.(afterMs, () => {
        const values = this.valuesOf(objectId);
        if (values === undefined) return;
        const next = { ...values };
        if (this.automate(automation, type, next, { ...values, [automation.when]: before[automation.when] ?? null }))
          this.update(objectId, { [automation.sets]: next[automation.sets] ?? null }, { by: 'automation' });
      });
    }
  }

  private append(row: Row, next: Pick<Version, 'values' | 'lastBy' | 'deleted'>, begunStampMs?: number): void {
    const atMs = this.now();
    const before = row.versions.at(-1);
    const stamp = Math.floor((begunStampMs ?? this.clock()) / this.stampResolutionMs) * this.stampResolutionMs;
    row.versions.push({
      values: next.values,
      lastBy: next.lastBy,
      ...(next.deleted && { deleted: true }),
      atMs,
      listedAtMs: atMs + (this.options.listLagMs?.() ?? 0),
      // Stamps of Salesforce never go back: a lock makes the later transaction wait. HubSpot shows its clock.
      stampMs: this.family === 'salesforce' ? Math.max(stamp, before?.stampMs ?? 0) : stamp,
    });
    if (row.versions.length > VERSIONS_KEPT) row.versions.splice(0, row.versions.length - VERSIONS_KEPT);
  }

  private duplicateOf(row: Row, values: NativeValues, written: readonly string[]): Written | undefined {
    const unique = row.type.fields.filter((field) => field.unique && written.includes(field.name)).map(({ name }) => name);
    if (written.includes(row.type.externalIdField)) unique.push(row.type.externalIdField);
    for (const name of unique) {
      const value = values[name] ?? null;
      if (value === null) continue;
      const form = comparable(value);
      for (const other of this.rows.values()) {
        if (other === row || other.type !== row.type) continue;
        const newest = other.versions.at(-1);
        if (newest === undefined || newest.deleted) continue;
        const held = newest.values[name] ?? null;
        if ((held !== null && comparable(held) === form) || other.taken.has(takenKey(name, value)))
          return { outcome: 'duplicate', existingObjectId: other.objectId, field: name };
      }
    }
    return undefined;
  }

  private shown(row: Row, version: Version | undefined, fields: readonly string[] | undefined): ObjectState {
    const { objectId } = row;
    if (version === undefined || this.hidden.has(objectId)) return { state: 'missing', objectId };
    if (version.deleted) {
      if (row.mergedInto !== undefined && this.rows.has(row.mergedInto))
        return { state: 'merged', objectId, intoObjectId: this.survivorOf(row).objectId };
      return { state: 'deleted', objectId, deletedAtMs: version.stampMs, values: this.shownValues(version, fields) };
    }
    return {
      state: 'present',
      objectId,
      values: this.shownValues(version, fields),
      stampMs: version.stampMs,
      modifiedBy: this.family === 'hubspot' ? 'unknown' : version.lastBy === 'concord' ? 'us' : 'other',
    };
  }

  private shownValues({ values }: Version, fields: readonly string[] = Object.keys(values)): Record<string, NativeValue> {
    return Object.fromEntries(fields.map((name) => [name, this.retired.has(name) ? null : (values[name] ?? null)]));
  }

  private survivorOf(row: Row): Row {
    let survivor = row;
    for (let step = 0; step < 250; step += 1) {
      const next = survivor.mergedInto === undefined ? undefined : this.rows.get(survivor.mergedInto);
      if (next === undefined) break;
      survivor = next;
    }
    return survivor;
  }

  private isGone(row: Row): boolean {
    return row.versions.at(-1)?.deleted === true;
  }

  private note(
    row: Row,
    kind: CrmChange['kind'],
    fields: Readonly<Record<string, FieldChange>>,
    author: Author,
    more: Facts = {},
  ): void {
    this.options.changed?.(this.logged(row, kind, fields, author, more));
  }

  private logged(
    row: Row,
    kind: CrmChange['kind'],
    fields: Readonly<Record<string, FieldChange>>,
    author: Author,
    more: Facts = {},
  ): CrmChange {
    return this.log.add({
      atMs: this.now(),
      system: this.system,
      type: row.type.name,
      objectId: row.objectId,
      stampMs: row.versions.at(-1)?.stampMs ?? 0,
      clockMs: this.clock(),
      author,
      kind,
      fields,
      ...more,
    });
  }

  /** Ids of one account rise; those of two accounts of HubSpot are the same numbers. */
  private mintId(type: ModelType): string {
    this.minted += 1;
    if (this.family === 'hubspot') return String(1_000 + this.minted);
    const text = `${type.keyPrefix}5g${String(this.minted).padStart(10, '0')}`;
    return recordId18(text) ?? text;
  }
}

const TYPES_OF_SALESFORCE = {
  text: 'string',
  email: 'email',
  phone: 'phone',
  number: 'double',
  boolean: 'boolean',
  date: 'date',
  set: 'multipicklist',
} as const;

const TYPES_OF_HUBSPOT = {
  text: 'string',
  email: 'string',
  phone: 'string',
  number: 'number',
  boolean: 'bool',
  date: 'date',
  set: 'enumeration',
} as const;

function withSent(change: FieldChange, sent: NativeValue | undefined): FieldChange {
  return sent === undefined || sent === '' || String(sent) === String(change.after) ? change : { ...change, sent };
}

function changesBetween(before: NativeValues, after: NativeValues): Record<string, FieldChange> {
  const changes: Record<string, FieldChange> = {};
  for (const [name, value] of Object.entries(after)) {
    const former = before[name] ?? null;
    if (former !== (value ?? null)) changes[name] = { before: former, after: value ?? null };
  }
  return changes;
}

function takenKey(field: string, value: NativeValue): string {
  return `${field}=${comparable(value)}`;
}

/** Both CRMs compare texts without regard to case. */
export function comparable(value: NativeValue): string {
  return String(value).trim().toLowerCase();
}
