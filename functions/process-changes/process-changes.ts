import type { CompiledSide } from '../../shared/config/compiled-sync.ts';
import type { Connector, ObjectReader, ObjectState } from '../../shared/connectors/connector.ts';
import { inTurns } from '../../shared/in-turns.ts';
import type { FirstSyncStore } from '../../shared/store/first-sync-store.ts';
import type { GuardStore } from '../../shared/store/guard-store.ts';
import {
  type MatchKeyRef,
  type ObjectRef,
  type RecordStore,
  refKey,
  type StoredRecord,
} from '../../shared/store/record-store.ts';
import type { WaitingStore } from '../../shared/store/waiting-store.ts';
import type { ChangeHint } from '../../shared/sync/change-hint.ts';
import { dirtySystems } from '../../shared/sync/delivery.ts';
import { groupByObject, type HintGroup, tellsNothingNew } from '../../shared/sync/hints.ts';
import type { CommitNote, LedgerLine } from '../../shared/sync/ledger.ts';
import { type Link, type SyncRecord, valuesOf } from '../../shared/sync/record.ts';
import type { SyncRules } from '../../shared/sync/rules.ts';
import type { QualityTold } from '../judge-quality.ts';
import { decideOn, type Observed, type ObservePorts, Observer } from '../observe-objects.ts';
import { commitOf } from '../record-commit.ts';
import { fieldsToRead, type ReferenceBook } from '../references.ts';
import { type HintToSend, parkChildren, type WaitingChild } from '../waiting-references.ts';
import { adopter } from './adopt.ts';

/** After so many lost races a hint waits its turn on the queue instead of holding up its batch. */
const ROUNDS_MAX = 4;
const LOST_RACES_DELAY_MS = 1_000;
/** Transactions at once: enough to hide their latency, few enough to be kind to the table. */
export const TRANSACTIONS_AT_ONCE = 8;
/** A change event or webhook arrives well within this time. */
const EVENTS_TAKE_MS = 60_000;

export interface ProcessPorts extends ObservePorts {
  /** All rules of the sync, those of fields that rest too: what such a field lacks stays to be delivered. */
  readonly rules: SyncRules;
  readonly connector: ObjectReader & Pick<Connector, 'describe'>;
  readonly records: RecordStore;
  readonly firstSync: FirstSyncStore;
  readonly guards: Pick<GuardStore, 'linked'>;
  readonly waiting: WaitingStore;
  /** Some sync has fields that stand for records of this one. */
  readonly isReferredTo: boolean;
  /** True once the first sync went live: before, an unknown object is left to its listing. */
  readonly isLive: () => Promise<boolean>;
  readonly newId: () => string;
}

/** What became of the hints. A hint in neither list is settled. */
export interface ProcessResult {
  /** To be put back on the queue, not before `delayMs`. */
  readonly later: readonly LaterHint[];
  readonly failed: readonly { readonly hint: ChangeHint; readonly error: unknown }[];
  readonly settled: readonly SettledChange[];
  /** To be put on the changes queue of the system: parents that were not looked at yet, and children whose parent just came. */
  readonly hints: readonly HintToSend[];
  /** Hints whose objects needed no read: echoes and repeats. */
  readonly skipped: number;
  readonly quality: QualityTold;
}

export interface LaterHint {
  readonly hint: ChangeHint;
  readonly delayMs: number;
  readonly reason: string;
}

/** One committed decision, as the log tells it: names and rules, never values. */
export interface SettledChange {
  readonly correlationId: string;
  readonly recordId: string;
  readonly objectId: string;
  readonly fields: readonly string[];
  readonly rules: readonly string[];
  readonly losers: number;
  readonly deliver: readonly string[];
  readonly sinceReceivedMs: number;
  /** Only a poll knew of it, though the edit is older than any notification takes: notifications are missing. */
  readonly missedByEvents?: true;
}

/**
 * Reads the objects that the hints name (one call for all), decides what they mean, and commits. The record is read
 * before its object, and both again, in that order, after a lost race: an old observation never meets a newer record.
 *
 * @throws RateLimitedError, SystemUnavailableError, AuthRejectedError from the system: then nothing of the batch is settled.
 */
export async function processChanges(hints: readonly ChangeHint[], ports: ProcessPorts): Promise<ProcessResult> {
  const run = new ProcessRun(ports);
  let groups = groupByObject(hints);
  for (let round = 0; round < ROUNDS_MAX && groups.length > 0; round += 1) groups = await run.round(groups);
  for (const group of groups) run.putBack(group, LOST_RACES_DELAY_MS, 'others kept committing first');
  return run.finish();
}

interface Candidate {
  readonly group: HintGroup;
  readonly record: StoredRecord;
}

interface PlannedCommit {
  readonly group: HintGroup;
  readonly observed: Observed;
  readonly before: StoredRecord;
  readonly next: SyncRecord;
  readonly lines: readonly LedgerLine[];
  readonly hasLoser: boolean;
}

/** What is in hand while one batch of hints is processed. The identity of unknown objects is `adopt.ts`. */
export class ProcessRun {
  readonly ports: ProcessPorts;
  readonly side: CompiledSide;
  private readonly later: LaterHint[] = [];
  private readonly failed: { hint: ChangeHint; error: unknown }[] = [];
  private readonly settled: SettledChange[] = [];
  private readonly observer: Observer;
  private readonly linkedBy: Record<string, number> = {};
  private readonly children = new Map<string, WaitingChild>();
  private skipped = 0;

  constructor(ports: ProcessPorts) {
    const side = ports.sync.sides[ports.system];
    if (side === undefined) throw new Error(`sync ${ports.sync.name} has no side in ${ports.system}: see concord.config.ts`);
    this.ports = ports;
    this.side = side;
    this.observer = new Observer(ports);
  }

  async finish(): Promise<ProcessResult> {
    await this.ports.guards.linked(this.ports.sync.name, this.linkedBy);
    const { system, sync } = this.ports;
    const home = { sync: sync.name, system, object: this.side.object };
    const hints = await parkChildren([...this.children.values()], home, this.ports);
    const { later, failed, settled, skipped } = this;
    return { later, failed, settled, skipped, hints, quality: this.observer.told() };
  }

  /** R2: what the object refers to is not known yet. It is looked at again when it is. */
  private awaitParents(group: HintGroup, { observation, unresolved }: Observed): void {
    const { objectId } = group;
    if (observation.state !== 'present' || unresolved.length === 0) return;
    this.children.set(objectId, { objectId, correlationId: correlationOf(group), unresolved });
  }

  /** The guard of what is written goes by how many objects are linked. */
  countLinks(before: SyncRecord | undefined, next: SyncRecord): void {
    for (const [system, link] of Object.entries(next.links)) {
      const was = before?.links[system];
      const change = Number(isLinked(link)) - Number(was !== undefined && isLinked(was));
      if (change !== 0) this.linkedBy[system] = (this.linkedBy[system] ?? 0) + change;
    }
  }

  putBack(group: HintGroup, delayMs: number, reason: string): void {
    for (const hint of group.hints) this.later.push({ hint, delayMs, reason });
  }

  fail(group: HintGroup, error: unknown): void {
    for (const hint of group.hints) this.failed.push({ hint, error });
  }

  settle(change: SettledChange): void {
    this.settled.push(change);
  }

  refOf(objectId: string): ObjectRef {
    return { system: this.ports.system, object: this.side.object, objectId };
  }

  keyRef(name: string, value: string): MatchKeyRef {
    return { sync: this.ports.sync.name, name, value };
  }

  /** Handles each group once. Returns those that lost a race and must be read again. */
  async round(groups: readonly HintGroup[]): Promise<HintGroup[]> {
    const { known, unknown, mistaken } = await this.recordsOf(groups);
    const book = await this.observer.bookOf(known.flatMap(({ group }) => group.hints));
    const telling = known.filter(({ group, record }) => !this.isKnownAlready(group, record, book));
    const strangers = await this.adoptable(unknown);
    const ids = [...telling.map(({ group }) => group.objectId), ...strangers.map((group) => group.objectId)];
    if (ids.length === 0) return mistaken;

    const readBeganAtMs = this.ports.now();
    const fields = fieldsToRead(
      this.side,
      [...telling, ...strangers.map((group) => ({ group }))].flatMap(({ group }) => group.hints),
      strangers.length > 0 || telling.some(({ record }) => needsWholeLook(record.links[this.ports.system])),
    );
    const states = await this.ports.connector.read(this.side.object, ids, fields);
    const observed = await this.observe(telling, strangers, states, readBeganAtMs);

    const lost = await this.commit(
      telling.flatMap(({ group, record }) => this.plan(group, record, observed.get(group.objectId))),
    );
    const adopt = adopter(this);
    const adopted = await inTurns(strangers, TRANSACTIONS_AT_ONCE, async (group) => {
      try {
        const seen = observed.get(group.objectId);
        const adopted = await adopt(group, seen?.observation);
        if (adopted === 'tied' && seen !== undefined) this.awaitParents(group, seen);
        return adopted === 'again' ? [group] : [];
      } catch (error) {
        this.fail(group, error);
        return [];
      }
    });
    return [...mistaken, ...lost, ...adopted.flat()];
  }

  /** `mistaken`: a remembered identity proved outdated; the next round asks the table. */
  private async recordsOf(
    groups: readonly HintGroup[],
  ): Promise<{ known: Candidate[]; unknown: HintGroup[]; mistaken: HintGroup[] }> {
    const recordIds = await this.ports.records.resolveMany(groups.map((group) => this.refOf(group.objectId)));
    const records = await this.ports.records.getMany([...new Set(recordIds.values())], { consistent: true });
    const known: Candidate[] = [];
    const unknown: HintGroup[] = [];
    const mistaken: HintGroup[] = [];
    for (const group of groups) {
      const ref = this.refOf(group.objectId);
      const recordId = recordIds.get(refKey(ref));
      const record = records.get(recordId ?? '');
      const link = record?.links[this.ports.system];
      if (recordId === undefined) unknown.push(group);
      else if (record !== undefined && link?.objectId === group.objectId) known.push({ group, record });
      else if (link?.aliases?.includes(group.objectId))
        unknown.push(group); // merged away or replaced: no longer this record's object
      else {
        this.ports.records.forgetIdentity(ref);
        mistaken.push(group);
      }
    }
    return { known, unknown, mistaken };
  }

  /** D5: the survivor of a merge has not been looked at yet. */
  private lookAt(survivorId: string, group: HintGroup): void {
    const [hint] = group.hints;
    if (hint === undefined) return;
    const aimed: ChangeHint = { ...hint, objectId: survivorId, kind: 'changed', by: 'unknown', fields: {} };
    this.later.push({ hint: aimed, delayMs: 0, reason: 'merged into another object' });
  }

  /** Before the first sync is live, unknown objects are left to its listing; only its own hints make records. */
  private async adoptable(unknown: readonly HintGroup[]): Promise<readonly HintGroup[]> {
    if (unknown.length === 0 || (await this.ports.isLive())) return unknown;
    return unknown.filter((group) => group.hints.some((hint) => hint.matched !== undefined));
  }

  private isKnownAlready(group: HintGroup, record: SyncRecord, book: ReferenceBook): boolean {
    const { sync, system } = this.ports;
    const known = group.hints.every((hint) => tellsNothingNew(record, system, book.readable(hint), book.toCanonical, sync.rules));
    if (known) this.skipped += group.hints.length;
    return known;
  }

  private observe(
    known: readonly Candidate[],
    strangers: readonly HintGroup[],
    states: ReadonlyMap<string, ObjectState>,
    readBeganAtMs: number,
  ): Promise<Map<string, Observed>> {
    const candidates = [...known, ...strangers.map((group) => ({ group, record: undefined }))];
    const readings = candidates.flatMap(({ group, record }) => {
      const state = states.get(group.objectId);
      return state === undefined ? [] : [{ state, hints: group.hints, correlationId: correlationOf(group), record }];
    });
    return this.observer.observe(readings, readBeganAtMs);
  }

  private plan(group: HintGroup, record: StoredRecord, observed: Observed | undefined): PlannedCommit[] {
    if (observed === undefined) {
      this.putBack(group, LOST_RACES_DELAY_MS, 'the answer left the object out');
      return [];
    }
    try {
      const decision = decideOn(record, observed, this.ports.sync.rules);
      if (decision.kind === 'unchanged') {
        this.awaitParents(group, observed);
        return [];
      }
      if (decision.kind === 'doubt') {
        this.putBack(group, Math.max(0, decision.rereadAfterMs - this.ports.now()), 'cannot be told from a stale read');
        return [];
      }
      return [{ group, observed, before: record, next: decision.record, lines: decision.lines, hasLoser: decision.hasLoser }];
    } catch (error) {
      this.fail(group, error);
      return [];
    }
  }

  /** Commits all plans, those with a loser together with their ledger entry. Returns the groups that lost a race. */
  private async commit(plans: readonly PlannedCommit[]): Promise<HintGroup[]> {
    const lost: HintGroup[] = [];
    const moved = plans.filter((plan) => this.movesIdentity(plan));
    const plain = plans.filter((plan) => !plan.hasLoser && !moved.includes(plan));
    const results = await this.ports.records.commitMany(plain.map((plan) => this.commitFor(plan, plan.lines)));
    for (const [index, plan] of plain.entries()) {
      if (results[index] === 'committed') await this.afterCommit(plan);
      else lost.push(plan.group);
    }
    await inTurns(
      plans.filter((plan) => plan.hasLoser || moved.includes(plan)),
      TRANSACTIONS_AT_ONCE,
      async (plan) => {
        // What lost is written with the decision itself; the stream's reader has only the delivery left to do.
        const entry = { recordId: plan.next.recordId, version: plan.next.version, ...this.noteOf(plan.group, plan.lines) };
        const commit = this.commitFor(plan, []);
        const survivorId = moved.includes(plan) ? plan.next.links[this.ports.system]?.objectId : undefined;
        const result =
          survivorId === undefined
            ? await this.ports.records.commitWithLoss(commit, entry)
            : await this.ports.records.linkObject(commit, this.refOf(survivorId), { entry });
        if (result !== 'committed') {
          lost.push(plan.group);
          return;
        }
        if (survivorId !== undefined) this.lookAt(survivorId, plan.group);
        await this.afterCommit(plan);
      },
    );
    return lost;
  }

  /** D5: a link that follows a merge takes the survivor's identity in the same transaction. */
  private movesIdentity({ before, next }: PlannedCommit): boolean {
    return before.links[this.ports.system]?.objectId !== next.links[this.ports.system]?.objectId;
  }

  private commitFor(plan: PlannedCommit, lines: readonly LedgerLine[]) {
    return this.commitOf(plan.group, plan.next, lines, plan.before);
  }

  commitOf(group: HintGroup, next: SyncRecord, lines: readonly LedgerLine[], before?: StoredRecord) {
    const { rules, isReferredTo, now } = this.ports;
    return commitOf(next, { rules, nowMs: now(), before, isReferredTo, note: this.noteOf(group, lines) });
  }

  noteOf(group: HintGroup, lines: readonly LedgerLine[]): CommitNote {
    return { correlationId: correlationOf(group), lines, decidedAtMs: this.ports.now(), receivedAtMs: receivedAtMs(group) };
  }

  private async afterCommit(plan: PlannedCommit): Promise<void> {
    this.awaitParents(plan.group, plan.observed);
    this.countLinks(plan.before, plan.next);
    this.tell(plan.group, plan.next, plan.lines);
    const before = valuesOf(plan.before);
    const after = valuesOf(plan.next);
    for (const key of this.ports.sync.matchKeys) {
      const from = key.keyOf(before);
      const to = key.keyOf(after);
      if (from === to) continue;
      await this.ports.records.moveMatchKey(plan.next.recordId, {
        ...(from !== undefined && { from: this.keyRef(key.name, from) }),
        ...(to !== undefined && { to: this.keyRef(key.name, to) }),
      });
    }
  }

  tell(group: HintGroup, next: SyncRecord, lines: readonly LedgerLine[]): void {
    const edited = lines.some((line) => line.event === 'changed');
    this.settled.push({
      correlationId: correlationOf(group),
      recordId: next.recordId,
      objectId: group.objectId,
      fields: [...new Set(lines.flatMap((line) => line.field ?? []))],
      rules: [...new Set(lines.map((line) => line.rule))],
      losers: lines.filter((line) => line.lost !== undefined).length,
      deliver: dirtySystems(next, this.ports.sync.rules),
      sinceReceivedMs: this.ports.now() - receivedAtMs(group),
      ...(edited && group.hints.every((hint) => isLateFind(hint)) && { missedByEvents: true }),
    });
  }
}

/** Hints tell of what changed since the last look: what was not taken in then has to be read now. */
function needsWholeLook(link: Link | undefined): boolean {
  return link === undefined || link.observedAtMs === 0 || link.state !== 'linked' || link.quarantine !== undefined;
}

function isLinked({ state, objectId }: Link): boolean {
  return objectId !== undefined && (state === 'linked' || state === 'outside');
}

function isLateFind(hint: ChangeHint): boolean {
  return hint.snapshot === true && hint.receivedAtMs - hint.occurredAtMs > EVENTS_TAKE_MS;
}

/** The hint that reached us first names the trail; the others of the batch only repeat it. */
export function correlationOf(group: HintGroup): string {
  return earliest(group)?.correlationId ?? group.objectId;
}

export function receivedAtMs(group: HintGroup): number {
  return earliest(group)?.receivedAtMs ?? 0;
}

function earliest(group: HintGroup): ChangeHint | undefined {
  return group.hints.reduce<ChangeHint | undefined>(
    (first, hint) => (first === undefined || hint.receivedAtMs < first.receivedAtMs ? hint : first),
    undefined,
  );
}
