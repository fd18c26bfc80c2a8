import { randomUUID } from 'node:crypto';
import type { CompiledSide, CompiledSync } from '../../shared/config/compiled-sync.ts';
import type { ObjectReader, ObjectState } from '../../shared/connectors/connector.ts';
import { inTurns } from '../../shared/in-turns.ts';
import type { FirstSyncStore } from '../../shared/store/first-sync-store.ts';
import type { MatchKeyRef, RecordStore, StoredRecord } from '../../shared/store/record-store.ts';
import { refKey } from '../../shared/store/record-store.ts';
import type { ChangeHint } from '../../shared/sync/change-hint.ts';
import { decide } from '../../shared/sync/decide.ts';
import { attentionOf, confirmWritten, dirtySystems, isClaimed } from '../../shared/sync/delivery.ts';
import { fieldTimesOf, groupByObject, type HintGroup, tellsNothingNew, testimonyOf } from '../../shared/sync/hints.ts';
import type { CommitNote, LedgerLine } from '../../shared/sync/ledger.ts';
import { newRecord, withFoundObject } from '../../shared/sync/new-record.ts';
import type { Observation, PresentObservation } from '../../shared/sync/observation.ts';
import { type SyncRecord, valuesOf } from '../../shared/sync/record.ts';

/** After so many lost races a hint waits its turn on the queue instead of holding up its batch. */
const ROUNDS_MAX = 4;
/** A deliverer that is creating this very object needs a moment to tie it to its record. */
const AWAIT_CREATOR_MS = 2_000;
const MOMENTS_MAX = 3;
const LOST_RACES_DELAY_MS = 1_000;
/** Transactions at once: enough to hide their latency, few enough to be kind to the table. */
const TRANSACTIONS_AT_ONCE = 8;
/** A change event or webhook arrives well within this time. */
const EVENTS_TAKE_MS = 60_000;

export interface ProcessPorts {
  readonly system: string;
  readonly sync: CompiledSync;
  readonly connector: ObjectReader;
  readonly records: RecordStore;
  readonly firstSync: FirstSyncStore;
  /** True once the first sync went live: before, an unknown object is left to its listing. */
  readonly isLive: () => Promise<boolean>;
  readonly now: () => number;
}

/** What became of the hints. A hint in neither list is settled. */
export interface ProcessResult {
  /** To be put back on the queue, not before `delayMs`. */
  readonly later: readonly { readonly hint: ChangeHint; readonly delayMs: number; readonly reason: string }[];
  readonly failed: readonly { readonly hint: ChangeHint; readonly error: unknown }[];
  readonly settled: readonly SettledChange[];
  /** Hints whose objects needed no read: echoes and repeats. */
  readonly skipped: number;
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
  return run.result();
}

interface Candidate {
  readonly group: HintGroup;
  readonly record: StoredRecord;
}

interface PlannedCommit {
  readonly group: HintGroup;
  readonly before: StoredRecord;
  readonly next: SyncRecord;
  readonly lines: readonly LedgerLine[];
  readonly hasLoser: boolean;
}

class ProcessRun {
  private readonly later: { hint: ChangeHint; delayMs: number; reason: string }[] = [];
  private readonly failed: { hint: ChangeHint; error: unknown }[] = [];
  private readonly settled: SettledChange[] = [];
  private skipped = 0;
  private readonly ports: ProcessPorts;
  private readonly side: CompiledSide;

  constructor(ports: ProcessPorts) {
    const side = ports.sync.sides[ports.system];
    if (side === undefined) throw new Error(`sync ${ports.sync.name} has no side in ${ports.system}: see concord.config.ts`);
    this.ports = ports;
    this.side = side;
  }

  result(): ProcessResult {
    return { later: this.later, failed: this.failed, settled: this.settled, skipped: this.skipped };
  }

  putBack(group: HintGroup, delayMs: number, reason: string): void {
    for (const hint of group.hints) this.later.push({ hint, delayMs, reason });
  }

  private fail(group: HintGroup, error: unknown): void {
    for (const hint of group.hints) this.failed.push({ hint, error });
  }

  /** Handles each group once. Returns those that lost a race and must be read again. */
  async round(groups: readonly HintGroup[]): Promise<HintGroup[]> {
    const { known, unknown, mistaken } = await this.recordsOf(groups);
    const telling = known.filter(({ group, record }) => !this.isKnownAlready(group, record));
    const strangers = await this.adoptable(unknown);
    const ids = [...telling.map(({ group }) => group.objectId), ...strangers.map((group) => group.objectId)];
    if (ids.length === 0) return mistaken;

    const readBeganAtMs = this.ports.now();
    const states = await this.ports.connector.read(this.side.object, ids, this.side.nativeFields);
    const observed = (group: HintGroup): Observation | undefined => {
      const state = states.get(group.objectId);
      return state === undefined ? undefined : this.observe(group, state, readBeganAtMs);
    };

    const lost = await this.commit(telling.flatMap(({ group, record }) => this.plan(group, record, observed(group))));
    const adopted = await inTurns(strangers, TRANSACTIONS_AT_ONCE, async (group) => {
      try {
        return (await this.adopt(group, observed(group))) === 'again' ? [group] : [];
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
    const ref = (group: HintGroup) => ({ system: this.ports.system, object: this.side.object, objectId: group.objectId });
    const recordIds = await this.ports.records.resolveMany(groups.map(ref));
    const records = await this.ports.records.getMany([...new Set(recordIds.values())], { consistent: true });
    const known: Candidate[] = [];
    const unknown: HintGroup[] = [];
    const mistaken: HintGroup[] = [];
    for (const group of groups) {
      const recordId = recordIds.get(refKey(ref(group)));
      const record = records.get(recordId ?? '');
      if (recordId === undefined) unknown.push(group);
      else if (record?.links[this.ports.system]?.objectId === group.objectId) known.push({ group, record });
      else {
        this.ports.records.forgetIdentity(ref(group));
        mistaken.push(group);
      }
    }
    return { known, unknown, mistaken };
  }

  /** Before the first sync is live, unknown objects are left to its listing; only its own hints make records. */
  private async adoptable(unknown: readonly HintGroup[]): Promise<readonly HintGroup[]> {
    if (unknown.length === 0 || (await this.ports.isLive())) return unknown;
    return unknown.filter((group) => group.hints.some((hint) => hint.matched !== undefined));
  }

  private isKnownAlready(group: HintGroup, record: SyncRecord): boolean {
    const { sync, system } = this.ports;
    const known = group.hints.every((hint) => tellsNothingNew(record, system, hint, this.side.toCanonical, sync.rules));
    if (known) this.skipped += group.hints.length;
    return known;
  }

  private observe(group: HintGroup, state: ObjectState, readBeganAtMs: number): Observation {
    const { system, sync } = this.ports;
    const base = { system, objectId: group.objectId, readBeganAtMs, correlationId: correlationOf(group) };
    if (state.state === 'deleted') return { ...base, state: 'deleted', deletedAtMs: state.deletedAtMs };
    if (state.state === 'missing') return { ...base, state: 'missing' };
    if (state.state === 'merged') return { ...base, state: 'merged', intoObjectId: state.intoObjectId };
    const fields = this.side.toCanonical(state.values);
    const testimony = testimonyOf(group.hints, this.side.toCanonical);
    const recordId = state.values[this.side.externalIdField];
    return {
      ...base,
      state: 'present',
      fields,
      ...(typeof recordId === 'string' && recordId !== '' && { recordId }),
      stampMs: state.stampMs,
      modifiedBy: state.modifiedBy,
      fieldTimesMs: fieldTimesOf(testimony, fields, sync.rules),
      witnesses: testimony.witnesses,
    };
  }

  private plan(group: HintGroup, record: StoredRecord, observation: Observation | undefined): PlannedCommit[] {
    if (observation === undefined) {
      this.putBack(group, LOST_RACES_DELAY_MS, 'the answer left the object out');
      return [];
    }
    try {
      const decision = decide(record, observation, this.ports.sync.rules);
      if (decision.kind === 'unchanged') return [];
      if (decision.kind === 'doubt') {
        this.putBack(group, Math.max(0, decision.rereadAfterMs - this.ports.now()), 'cannot be told from a stale read');
        return [];
      }
      return [{ group, before: record, next: decision.record, lines: decision.lines, hasLoser: decision.hasLoser }];
    } catch (error) {
      this.fail(group, error);
      return [];
    }
  }

  /** Commits all plans, those with a loser together with their ledger entry. Returns the groups that lost a race. */
  private async commit(plans: readonly PlannedCommit[]): Promise<HintGroup[]> {
    const lost: HintGroup[] = [];
    const plain = plans.filter((plan) => !plan.hasLoser);
    const results = await this.ports.records.commitMany(plain.map((plan) => this.commitOf(plan, plan.lines)));
    for (const [index, plan] of plain.entries()) {
      if (results[index] === 'committed') await this.afterCommit(plan);
      else lost.push(plan.group);
    }
    await inTurns(
      plans.filter((plan) => plan.hasLoser),
      TRANSACTIONS_AT_ONCE,
      async (plan) => {
        // What lost is written with the decision itself; the stream's reader has only the delivery left to do.
        const entry = { recordId: plan.next.recordId, version: plan.next.version, ...this.noteOf(plan.group, plan.lines) };
        const result = await this.ports.records.commitWithLoss(this.commitOf(plan, []), entry);
        if (result === 'committed') await this.afterCommit(plan);
        else lost.push(plan.group);
      },
    );
    return lost;
  }

  private commitOf(plan: PlannedCommit, lines: readonly LedgerLine[]) {
    return this.commitFor(plan.group, plan.next, lines, plan.before.marks);
  }

  private commitFor(group: HintGroup, next: SyncRecord, lines: readonly LedgerLine[], marks?: StoredRecord['marks']) {
    const dirty = dirtySystems(next, this.ports.sync.rules);
    const deliver = dirty.filter((system) => !isClaimed(next, system, this.ports.now()));
    const attention = attentionOf(next);
    return {
      record: next,
      dirty: dirty.length > 0,
      ...((lines.length > 0 || deliver.length > 0) && { outbox: { note: this.noteOf(group, lines), deliver } }),
      ...(attention !== undefined && { attention }),
      ...(marks !== undefined && { marks }),
    };
  }

  private noteOf(group: HintGroup, lines: readonly LedgerLine[]): CommitNote {
    return { correlationId: correlationOf(group), lines, decidedAtMs: this.ports.now(), receivedAtMs: receivedAtMs(group) };
  }

  private async afterCommit(plan: PlannedCommit): Promise<void> {
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

  private tell(group: HintGroup, next: SyncRecord, lines: readonly LedgerLine[]): void {
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

  private keyRef(name: string, value: string): MatchKeyRef {
    return { sync: this.ports.sync.name, name, value };
  }

  /** Finds the record that an unknown object belongs to, or makes one. */
  private async adopt(group: HintGroup, observation: Observation | undefined): Promise<'done' | 'again'> {
    if (observation?.state !== 'present') return 'done'; // unknown and not there: nothing to agree on
    const claimed = await this.adoptByRecordId(group, observation);
    if (claimed !== undefined) return claimed;

    const matched = group.hints.flatMap((hint) => hint.matched ?? []);
    const keys = this.ports.sync.matchKeys.flatMap((key) => {
      const value = key.keyOf(observation.fields);
      return value === undefined ? [] : [this.keyRef(key.name, value)];
    });
    if (matched.length === 0) {
      const owners = [...new Set((await this.ports.records.matchKeyOwners(keys)).values())];
      const [owner] = owners;
      if (owners.length > 1) return this.review(group, observation, owners, 'its match keys point to different records');
      if (owner !== undefined) return this.join(group, observation, owner);
    }
    return this.create(group, observation, matched, keys);
  }

  /** I1: an object that carries a record's id belongs to that record. */
  private async adoptByRecordId(group: HintGroup, observation: PresentObservation): Promise<'done' | 'again' | undefined> {
    if (observation.recordId === undefined) return undefined;
    const record = (await this.ports.records.getMany([observation.recordId], { consistent: true })).get(observation.recordId);
    const { system, sync } = this.ports;
    if (record === undefined || record.sync !== sync.name) return undefined;
    const link = record.links[system];
    if (link?.objectId === observation.objectId) return 'again'; // tied to it just now
    if (link?.objectId !== undefined) return undefined; // a copy of an object that we know
    if (isClaimed(record, system, this.ports.now())) {
      this.awaitCreator(group, link?.claim?.untilMs ?? 0);
      return 'done';
    }
    const receipt = link?.receipts.at(-1);
    const tied =
      receipt === undefined
        ? withFoundObject(record, system, observation.objectId, sync.rules)
        : confirmWritten(record, system, receipt.id, { objectId: observation.objectId }, receipt.claimedAtMs, sync.rules);
    return this.tie(group, record, tied, observation);
  }

  /** Its creator ties it in a moment; one that died does not, and then its claim has to run out. */
  private awaitCreator(group: HintGroup, claimUntilMs: number): void {
    const rereads = Math.max(...group.hints.map((hint) => hint.rereads ?? 0));
    const delayMs = rereads < MOMENTS_MAX ? AWAIT_CREATOR_MS : Math.max(AWAIT_CREATOR_MS, claimUntilMs - this.ports.now());
    this.putBack(group, delayMs, 'an object is just being created for its record');
  }

  /** L1: exactly one candidate, not yet linked here, is the same one. */
  private async join(group: HintGroup, observation: PresentObservation, owner: string): Promise<'done' | 'again'> {
    const record = (await this.ports.records.getMany([owner], { consistent: true })).get(owner);
    if (record === undefined)
      return this.review(group, observation, [owner], 'its match key belongs to a case that waits for a person');
    const link = record.links[this.ports.system];
    if (link !== undefined && isClaimed(record, this.ports.system, this.ports.now())) {
      this.awaitCreator(group, link.claim?.untilMs ?? 0);
      return 'done';
    }
    if (link?.objectId !== undefined)
      return this.review(group, observation, [owner], 'another object of the same system has its match key');
    return this.tie(
      group,
      record,
      withFoundObject(record, this.ports.system, observation.objectId, this.ports.sync.rules),
      observation,
    );
  }

  private async tie(
    group: HintGroup,
    before: StoredRecord,
    tied: SyncRecord,
    observation: PresentObservation,
  ): Promise<'done' | 'again'> {
    const { system, sync, records } = this.ports;
    const decision = decide({ ...tied, version: before.version }, observation, sync.rules);
    const next = decision.kind === 'changed' ? decision.record : { ...tied, version: before.version + 1 };
    const lines: LedgerLine[] = [
      { event: 'linked', rule: 'L1', by: system, atMs: observation.stampMs },
      ...(decision.kind === 'changed' ? decision.lines : []),
    ];
    const ref = { system, object: this.side.object, objectId: observation.objectId };
    const entry = { recordId: next.recordId, version: next.version, ...this.noteOf(group, lines) };
    const result = await records.linkObject(this.commitFor(group, next, [], before.marks), ref, { entry });
    if (result !== 'committed') return 'again';
    this.tell(group, next, lines);
    return 'done';
  }

  private async create(
    group: HintGroup,
    observation: PresentObservation,
    matched: readonly { system: string; objectId: string }[],
    keys: readonly MatchKeyRef[],
  ): Promise<'done' | 'again'> {
    const { system, sync, records } = this.ports;
    const record = newRecord(randomUUID(), observation, matched, sync.rules);
    const lines: LedgerLine[] = [
      { event: 'created', rule: 'C1', by: system, atMs: observation.stampMs },
      ...matched.map(
        (twin): LedgerLine => ({
          event: 'linked',
          rule: 'L2',
          by: twin.system,
          atMs: observation.stampMs,
          reason: 'the first sync found exactly one match',
        }),
      ),
    ];
    const identities = [{ system, objectId: observation.objectId }, ...matched].flatMap((one) => {
      const side = sync.sides[one.system];
      return side === undefined ? [] : [{ system: one.system, object: side.object, objectId: one.objectId }];
    });
    const result = await records.createRecord({ commit: this.commitFor(group, record, lines), identities, matchKeys: [...keys] });
    if (result !== 'created') return 'again';
    this.tell(group, record, lines);
    return 'done';
  }

  /** L3: never "first found": several candidates, or one that is taken, wait for a person. */
  private async review(
    group: HintGroup,
    observation: PresentObservation,
    owners: readonly string[],
    reason: string,
  ): Promise<'done'> {
    const { system, sync, firstSync, now } = this.ports;
    await firstSync.putReview({
      caseId: `${system}:${observation.objectId}`,
      sync: sync.name,
      reason: `${reason} (${owners.join(', ')})`,
      keyName: sync.matchKeys.map((key) => key.name).join(', '),
      objects: [{ system, objectId: observation.objectId }],
      atMs: now(),
    });
    this.settled.push({
      correlationId: correlationOf(group),
      recordId: owners[0] ?? '',
      objectId: group.objectId,
      fields: [],
      rules: ['L3'],
      losers: 0,
      deliver: [],
      sinceReceivedMs: now() - receivedAtMs(group),
    });
    return 'done';
  }
}

function isLateFind(hint: ChangeHint): boolean {
  return hint.snapshot === true && hint.receivedAtMs - hint.occurredAtMs > EVENTS_TAKE_MS;
}

/** The hint that reached us first names the trail; the others of the batch only repeat it. */
function correlationOf(group: HintGroup): string {
  return earliest(group)?.correlationId ?? group.objectId;
}

function receivedAtMs(group: HintGroup): number {
  return earliest(group)?.receivedAtMs ?? 0;
}

function earliest(group: HintGroup): ChangeHint | undefined {
  return group.hints.reduce<ChangeHint | undefined>(
    (first, hint) => (first === undefined || hint.receivedAtMs < first.receivedAtMs ? hint : first),
    undefined,
  );
}
