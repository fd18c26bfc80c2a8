import type { CompiledSide, CompiledSync } from '../../../../shared/config/compiled-sync.ts';
import { isLedgerItem } from '../../../../shared/store/keys.ts';
import { ledgerEntryOf } from '../../../../shared/store/ledger-store.ts';
import { recordOf, type StoredRecord } from '../../../../shared/store/record-item.ts';
import type { NativeValue } from '../../../../shared/sync/change-hint.ts';
import type { FieldValue } from '../../../../shared/sync/field-value.ts';
import type { LedgerEntry } from '../../../../shared/sync/ledger.ts';
import type { ModelTable } from '../../ports/model-table.ts';
import type { Violation } from '../run-report.ts';
import { nativeName, type PlainField } from './draw-config.ts';
import type { PersonEdit, PlainWorld } from './plain-world.ts';

interface Stored {
  readonly records: ReadonlyMap<string, StoredRecord>;
  readonly ledger: readonly LedgerEntry[];
  readonly reviewed: ReadonlySet<string>; // `system:objectId` of open cases
}

/** Edits of one record in each system at once, and again: more writes than this per edit and system are too many. */
const WRITES_PER_EDIT = 2;

/** Judges a plain world from its logs and the table, without asking the engine what it thinks. */
export class PlainOracle {
  private readonly world: PlainWorld;
  /** Records in which nothing waited for a person before the full pass, and their objects. */
  private readonly settled = new Set<string>();
  private readonly quiet = new Set<string>();
  private readonly logged = new Map<string, number>(); // changes in each system's log before the full pass

  constructor(world: PlainWorld) {
    this.world = world;
  }

  /** Remembers what waits for a person before the pass: it may be tried again by being looked at. */
  beforePass(table: ModelTable): void {
    this.settled.clear();
    this.quiet.clear();
    for (const record of readTable(table).records.values()) {
      const links = Object.entries(record.links);
      const waits =
        record.frozen !== undefined ||
        Object.keys(record.holds).length > 0 ||
        links.some(([, link]) => link.refusal !== undefined);
      if (waits) continue;
      this.settled.add(record.recordId);
      for (const [system, { objectId }] of links) if (objectId !== undefined) this.quiet.add(`${system}:${objectId}`);
    }
    for (const [system, crm] of this.world.crms) this.logged.set(system, crm.log.length);
  }

  /** I1: a full pass over all that is quiet makes no write. */
  judgePass(atMs: number): Violation[] {
    const violations: Violation[] = [];
    for (const [system, crm] of this.world.crms) {
      for (const change of crm.log.slice(this.logged.get(system) ?? 0)) {
        const isNothing = change.kind === 'update' && Object.keys(change.fields).length === 0;
        const madeFor = String(change.fields[crm.externalIdField]?.after);
        const wasQuiet = change.kind === 'create' ? this.settled.has(madeFor) : this.quiet.has(`${system}:${change.objectId}`);
        if (change.by !== 'concord' || isNothing || !wasQuiet) continue;
        const message = `a full pass after all was quiet made a write: ${change.kind} of ${system} ${change.objectId}: ${JSON.stringify(change.fields)}`;
        violations.push({ invariant: 'I1', message, atMs });
      }
    }
    return violations;
  }

  judgeQuiet(table: ModelTable, syncs: ReadonlyMap<string, CompiledSync>, atMs: number): Violation[] {
    const stored = readTable(table);
    const violations: Violation[] = [];
    const say = (invariant: string, message: string): void => {
      violations.push({ invariant, message, atMs });
    };
    for (const sync of syncs.values()) {
      this.judgeAgreement(sync, stored, say);
      this.judgeEdits(sync, stored, say);
      this.judgePhantoms(stored, say);
    }
    this.judgeCreates(say);
    this.judgeWrites(say);
    return violations;
  }

  /** I1: where nothing waits for a person, every system holds what the record says. */
  private judgeAgreement(sync: CompiledSync, { records, reviewed }: Stored, say: Say): void {
    const linked = new Set<string>();
    for (const record of records.values()) {
      for (const [system, link] of Object.entries(record.links)) {
        if (link.objectId === undefined) continue;
        linked.add(`${system}:${link.objectId}`);
        for (const alias of link.aliases ?? []) linked.add(`${system}:${alias}`);
        if (record.frozen !== undefined || link.refusal !== undefined || link.state !== 'linked' || record.deleted !== undefined)
          continue;
        const side = sync.sides[system];
        const values = this.world.crms.get(system)?.valuesOf(link.objectId);
        if (side === undefined) continue;
        if (values === undefined) {
          say('I1', `${system} ${link.objectId} is gone, and record ${record.recordId} thinks it is there`);
          continue;
        }
        const shown = side.toCanonical(values);
        for (const [field, rules] of Object.entries(sync.rules.fields)) {
          if (record.holds[field] !== undefined || link.overrides?.[field] !== undefined) continue;
          const asked = record.fields[field]?.value ?? null;
          if (!this.isAsStored(side, system, field, shown[field] ?? null, asked, rules.canon))
            say(
              'I1',
              `${system} ${link.objectId} holds ${JSON.stringify(shown[field] ?? null)} in ${field}, record ${record.recordId} says ${JSON.stringify(asked)}`,
            );
        }
      }
      const waits = record.deleted !== undefined || record.frozen !== undefined || record.mergedInto !== undefined;
      for (const system of Object.keys(sync.sides)) {
        if (record.links[system] === undefined && !waits) say('I1', `record ${record.recordId} has no object in ${system}`);
      }
    }
    for (const [system, crm] of this.world.crms) {
      for (const objectId of crm.liveIds()) {
        const name = `${system}:${objectId}`;
        if (!linked.has(name) && !reviewed.has(name))
          say('I1', `${system} ${objectId} belongs to no record, and no case names it`);
      }
    }
  }

  /** A system may store another form of what it is given: then that form is what is asked of it. */
  private isAsStored(
    side: CompiledSide,
    system: string,
    field: string,
    shown: FieldValue,
    asked: FieldValue,
    canon: (value: FieldValue) => FieldValue,
  ): boolean {
    if (canon(shown) === canon(asked)) return true;
    const stores = this.world.script.stores;
    if (stores === undefined) return false;
    const stored = Object.entries(side.toNative({ [field]: asked }, { [field]: asked })).map(([name, value]) => [
      name,
      typeof value === 'string' ? stores(system, name, value) : value,
    ]);
    return canon(side.toCanonical(Object.fromEntries(stored))[field] ?? null) === canon(shown);
  }

  /** I2: what a person saved is there, was saved over there by a person, or the ledger or a hold names it. */
  private judgeEdits(sync: CompiledSync, { records, ledger, reviewed }: Stored, say: Say): void {
    const named = new Set<string>();
    for (const { lines } of ledger) {
      for (const line of lines)
        for (const value of [line.from, line.to, line.lost?.value]) if (value !== undefined) named.add(String(value));
    }
    const linked = new Set<string>();
    for (const record of records.values()) {
      for (const [system, { objectId }] of Object.entries(record.links)) linked.add(`${system}:${objectId}`);
      for (const hold of Object.values(record.holds))
        for (const { value } of Object.values(hold.parties)) named.add(String(value));
      for (const field of Object.values(record.fields)) named.add(String(field.value));
    }
    for (const edit of this.world.personEdits) {
      if (edit.value === null) continue; // a clear has no value to look for
      const side = sync.sides[edit.system];
      const crm = this.world.crms.get(edit.system);
      const canonical = Object.values(side?.toCanonical({ [edit.field]: edit.value }) ?? {})[0] ?? null;
      // A case speaks for an object that no record is linked to, and for no other.
      const name = `${edit.system}:${edit.objectId}`;
      if (named.has(String(canonical)) || (reviewed.has(name) && !linked.has(name))) continue;
      const now = crm?.valuesOf(edit.objectId);
      if (now === undefined || now[edit.field] === edit.value) continue; // its object was deleted, or it is still there
      const over = crm?.log.find(
        (change) =>
          change.objectId === edit.objectId && change.atMs >= edit.atMs && isSavedOver(change.fields[edit.field], edit.value),
      );
      if (over === undefined || over.by === 'person') continue;
      if (this.isInWindow(edit, over.lastReadMs)) continue;
      say(
        'I2',
        `${edit.system} ${edit.objectId}: ${JSON.stringify(edit.value)} in ${edit.field}, saved at ${edit.atMs}, was written over at ${over.atMs} and is named nowhere`,
      );
    }
  }

  /** I13: an edit is decided as often as a person made it. What was never saved there, or is counted again, is a phantom. */
  private judgePhantoms({ records, ledger }: Stored, say: Say): void {
    const decided = new Map<string, number>();
    for (const { recordId, lines } of ledger) {
      for (const { event, rule, by, field, to } of lines) {
        const isEdit = event === 'changed' && (rule === 'O6' || rule.startsWith('O7'));
        if (!isEdit || typeof to !== 'string') continue;
        const key = JSON.stringify([recordId, by, field, to]);
        decided.set(key, (decided.get(key) ?? 0) + 1);
      }
    }
    for (const [key, times] of decided) {
      const [recordId, system, field, value]: [string, string, PlainField, string] = JSON.parse(key);
      const crm = this.world.crms.get(system);
      const link = records.get(recordId)?.links[system];
      if (crm === undefined || link?.objectId === undefined || link.aliases !== undefined) continue;
      const name = nativeName(crm.kind, field);
      const saved = crm.log.filter(
        (change) => change.by === 'person' && change.objectId === link.objectId && change.fields[name]?.after === value,
      );
      if (times > saved.length)
        say(
          'I13',
          `${system} ${link.objectId}: ${JSON.stringify(value)} in ${field} was saved ${saved.length} times and decided ${times} times`,
        );
    }
  }

  /** Between our last look and our write, and nobody told of it: the window that docs/guarantees.md names. */
  private isInWindow(edit: PersonEdit, lastReadMs: number | undefined): boolean {
    const isTold = edit.told && this.world.crms.get(edit.system)?.kind !== 'poll-only';
    return !isTold && (lastReadMs === undefined || lastReadMs <= edit.atMs);
  }

  /** I4: one create per record and system. */
  private judgeCreates(say: Say): void {
    for (const [system, crm] of this.world.crms) {
      const made = new Map<string, string>();
      for (const change of crm.log) {
        if (change.kind !== 'create' || change.by !== 'concord') continue;
        const recordId = String(change.fields[crm.externalIdField]?.after);
        const first = made.get(recordId);
        // One that a person deleted before it was tied is gone, and is made again: known, and worth no case.
        const gone =
          first !== undefined &&
          crm.log.some(
            ({ kind, by, objectId, atMs }) => kind === 'delete' && by === 'person' && objectId === first && atMs <= change.atMs,
          );
        if (first !== undefined && !gone)
          say('I4', `${system} ${change.objectId} and ${first} were both made for record ${recordId}`);
        made.set(recordId, change.objectId);
      }
    }
  }

  /** I3: writes are bounded by edits. */
  private judgeWrites(say: Say): void {
    const bound = WRITES_PER_EDIT * this.world.edits * (this.world.crms.size - 1) + 20;
    if (this.world.outboundWrites > bound)
      say('I3', `${this.world.edits} edits led to ${this.world.outboundWrites} writes; ${bound} would be many`);
  }
}

type Say = (invariant: string, message: string) => void;

function isSavedOver(change: { readonly before: NativeValue } | undefined, value: NativeValue): boolean {
  return change !== undefined && change.before === value;
}

function readTable(table: ModelTable): Stored {
  const records = new Map<string, StoredRecord>();
  const ledger: LedgerEntry[] = [];
  const reviewed = new Set<string>();
  for (const item of table.everything()) {
    const pk = item.pk?.S ?? '';
    if (pk.startsWith('main#R#')) {
      if (isLedgerItem(item)) ledger.push(ledgerEntryOf(item));
      else {
        const record = recordOf(item);
        records.set(record.recordId, record);
      }
    } else if (pk.startsWith('main#V#')) {
      const found: { objects?: { system: string; objectId: string }[] } = JSON.parse(item.b?.S ?? '{}');
      for (const { system, objectId } of found.objects ?? []) reviewed.add(`${system}:${objectId}`);
    }
  }
  return { records, ledger, reviewed };
}
