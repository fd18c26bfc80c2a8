import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { CompiledSide, CompiledSync } from '../../shared/config/compiled-sync.ts';
import type { Connector, ObjectState, WriteOutcome } from '../../shared/connectors/connector.ts';
import { AuthRejectedError, RateLimitedError, RequestRefusedError, SystemUnavailableError } from '../../shared/errors.ts';
import { inTurns } from '../../shared/in-turns.ts';
import type { DeliveryRequest } from '../../shared/queue/delivery-message.ts';
import type { RecordStore, StoredRecord } from '../../shared/store/record-store.ts';
import { refKey } from '../../shared/store/record-store.ts';
import { decide } from '../../shared/sync/decide.ts';
import {
  attentionOf,
  callOffArchive,
  claim,
  confirmArchived,
  confirmWritten,
  dirtySystems,
  isClaimed,
  refuseDelivery,
  releaseClaim,
  type Want,
  wantOf,
} from '../../shared/sync/delivery.ts';
import type { CommitNote, LedgerLine } from '../../shared/sync/ledger.ts';
import { withFoundObject } from '../../shared/sync/new-record.ts';
import type { PresentObservation } from '../../shared/sync/observation.ts';
import { type Refusal, type SyncRecord, valuesOf } from '../../shared/sync/record.ts';
import { backoffMs } from '../message-settlement.ts';

/** Outlives a call's deadline and the longest that either vendor lets a call run, so that no late write meets a new claim. */
const LEASE_MS = 120_000;
/** A record whose object was edited under our hands is looked at again so often; then it waits its turn on the queue. */
const ROUNDS_MAX = 4;
const LOST_RACES_DELAY_MS = 1_000;
const TRANSACTIONS_AT_ONCE = 8;
const CONFIRM_ATTEMPTS = 6;
/** A hint that is on its way arrives within this time; its commit sends a delivery of its own. */
const HINT_WAIT_MS = 2_000;
/** Somebody has to renew the grant; asking more often helps nobody. */
const AUTH_RETRY_MS = 60_000;

export interface DeliverPorts {
  readonly system: string;
  readonly sync: CompiledSync;
  readonly connector: Connector;
  readonly records: RecordStore;
  readonly now: () => number;
}

export interface DeliverResult {
  readonly later: readonly { readonly request: DeliveryRequest; readonly delayMs: number; readonly reason: string }[];
  readonly delivered: readonly DeliveredChange[];
}

/** One delivery as the log tells it: names and codes, never values. */
export interface DeliveredChange {
  readonly correlationId: string;
  readonly recordId: string;
  readonly objectId: string;
  readonly kind: 'update' | 'create' | 'archive' | 'linked' | 'refused';
  readonly fields: readonly string[];
  readonly code?: string;
  readonly sinceReceivedMs: number;
}

/** A record in hand: claimed, with what is to be written. */
interface Job {
  readonly request: DeliveryRequest;
  readonly record: StoredRecord;
  readonly owner: string;
  readonly want: Exclude<Want, { kind: 'nothing' }>;
}

/**
 * What a commit makes of a record, given as it stands now; undefined when there is nothing left to do. `done`: this
 * run is through with the record, so what is still asked of our system goes out as a new delivery.
 */
type Step = (
  current: SyncRecord,
) =>
  | { readonly record: SyncRecord; readonly lines?: readonly LedgerLine[]; readonly done?: boolean; readonly hasLoser?: boolean }
  | undefined;

/**
 * Makes one system hold what the records ask: claim, verify read (one call for all), batched write, confirm. Whatever the
 * verify read finds that was not expected is decided first, so that a person's edit is not written over.
 *
 * @throws RateLimitedError, SystemUnavailableError, AuthRejectedError when the verify read fails: no claim is left behind.
 */
export async function deliverChanges(requests: readonly DeliveryRequest[], ports: DeliverPorts): Promise<DeliverResult> {
  const run = new DeliverRun(ports);
  let open = oncePerRecord(requests);
  for (let round = 0; round < ROUNDS_MAX && open.length > 0; round += 1) open = await run.round(open);
  for (const request of open) run.putBack(request, LOST_RACES_DELAY_MS, 'the record or its object kept changing');
  return run.result();
}

function oncePerRecord(requests: readonly DeliveryRequest[]): DeliveryRequest[] {
  const byRecord = new Map<string, DeliveryRequest>();
  for (const request of requests) {
    const known = byRecord.get(request.recordId);
    if (known === undefined || request.receivedAtMs < known.receivedAtMs) byRecord.set(request.recordId, request);
  }
  return [...byRecord.values()];
}

class DeliverRun {
  private readonly later: { request: DeliveryRequest; delayMs: number; reason: string }[] = [];
  private readonly delivered: DeliveredChange[] = [];
  private readonly ports: DeliverPorts;
  private readonly side: CompiledSide;

  constructor(ports: DeliverPorts) {
    const side = ports.sync.sides[ports.system];
    if (side === undefined) throw new Error(`sync ${ports.sync.name} has no side in ${ports.system}: see concord.config.ts`);
    this.ports = ports;
    this.side = side;
  }

  result(): DeliverResult {
    return { later: this.later, delivered: this.delivered };
  }

  putBack(request: DeliveryRequest, delayMs: number, reason: string): void {
    this.later.push({ request, delayMs, reason });
  }

  /** Returns the requests to take up again: lost races, and objects that had moved. */
  async round(requests: readonly DeliveryRequest[]): Promise<DeliveryRequest[]> {
    const { jobs, lost } = await this.claimAll(requests);
    if (jobs.length === 0) return lost;
    const again: DeliveryRequest[] = [...lost];
    const updates = jobs.filter((job) => job.want.kind !== 'create');
    const creates = jobs.filter((job) => job.want.kind === 'create');
    if (updates.length > 0) again.push(...(await this.orRelease(creates, () => this.deliverToObjects(updates))));
    if (creates.length > 0) again.push(...(await this.deliverCreates(creates)));
    return again;
  }

  private async claimAll(requests: readonly DeliveryRequest[]): Promise<{ jobs: Job[]; lost: DeliveryRequest[] }> {
    const { system, sync, records, now } = this.ports;
    const current = await records.getMany(
      requests.map((request) => request.recordId),
      { consistent: true },
    );
    const planned: Job[] = [];
    for (const request of requests) {
      const record = current.get(request.recordId);
      if (record === undefined) continue;
      if (isClaimed(record, system, now())) {
        // Its owner does it. But one that was put back may meet the claim of its own failed try: that has to run out. Most
        // claims end in a moment, so it looks again before that, with growing pauses.
        const leftMs = (record.links[system]?.claim?.untilMs ?? 0) - now();
        if (request.attempts > 0)
          this.putBack(request, Math.min(leftMs, backoffMs(request.attempts)), 'another deliverer has a claim on it');
        continue;
      }
      const want = wantOf(record, system, sync.rules);
      if (want.kind === 'nothing') continue;
      planned.push({ request, record, want, owner: randomUUID().slice(0, 8) });
    }
    const claimed = planned.map((job) => ({
      ...claim(job.record, system, job.want, job.owner, now(), LEASE_MS),
      marks: job.record.marks,
    }));
    const results = await records.commitMany(
      claimed.map((record) => ({ record, dirty: true, marks: record.marks, ...attentionMark(record) })),
    );
    const jobs: Job[] = [];
    const lost: DeliveryRequest[] = [];
    for (const [index, job] of planned.entries()) {
      const record = claimed[index];
      if (results[index] === 'committed' && record !== undefined) jobs.push({ ...job, record });
      else lost.push(job.request);
    }
    return { jobs, lost };
  }

  private async deliverToObjects(jobs: readonly Job[]): Promise<DeliveryRequest[]> {
    const readBeganAtMs = this.ports.now();
    const ids = jobs.flatMap((job) => (job.want.kind === 'create' ? [] : [job.want.objectId]));
    const states = await this.orRelease(jobs, () => this.ports.connector.read(this.side.object, ids, this.side.nativeFields));
    const expected: Job[] = [];
    const moved: { job: Job; step: Step }[] = [];
    const doubted: Job[] = [];
    for (const job of jobs) {
      const state = job.want.kind === 'create' ? undefined : states.get(job.want.objectId);
      const step = state === undefined ? 'doubt' : this.verify(job, state, readBeganAtMs);
      if (step === 'as expected') expected.push(job);
      else if (step === 'doubt') doubted.push(job);
      else moved.push({ job, step });
    }
    await this.commitSteps(moved);
    await this.release(doubted);
    const traits = this.ports.sync.rules.systems[this.ports.system];
    const settleMs = Math.max(HINT_WAIT_MS, (traits?.stampResolutionMs ?? 0) + (traits?.readLagMs ?? 0));
    for (const job of doubted)
      this.putBack(job.request, settleMs, 'the object moved: its hint is awaited, or a read that can be believed');
    await this.archive(expected.filter((job) => job.want.kind === 'archive'));
    const retaken = await this.update(expected.filter((job) => job.want.kind === 'update'));
    return [...moved.map(({ job }) => job.request), ...retaken];
  }

  /** W5: compares what the verify read shows with what the claim expected. */
  private verify(job: Job, state: ObjectState, readBeganAtMs: number): 'as expected' | 'doubt' | Step {
    const { system, sync } = this.ports;
    const observation = this.observe(job, state, readBeganAtMs);
    // Our own receipt says what is yet to be written: what is there by now cannot come of it, nor be older than it.
    const decideOn = (record: SyncRecord) =>
      decide({ ...releaseClaim(record, system, job.owner), version: record.version }, observation, sync.rules);
    const decision = decideOn(job.record);
    if (decision.kind === 'unchanged') return 'as expected';
    if (decision.kind === 'doubt') return 'doubt';
    // A conflict is best decided by when each edit was made, and that its hint knows better than the row. Only when
    // none came by the next try does the row's stamp have to do.
    if (decision.hasLoser && job.request.attempts === 0) return 'doubt';
    return (current) => {
      // Decided anew on whatever the record is by then; the claim is given back in the same commit.
      const again = decideOn(current);
      if (again.kind !== 'changed') return released(current, system, job.owner);
      const edited = again.lines.some((line) => line.event === 'changed');
      const outcome =
        job.want.kind === 'archive' && edited ? callOffArchive(again.record, system) : { record: again.record, line: undefined };
      return {
        record: { ...outcome.record, version: current.version + 1 },
        lines: outcome.line === undefined ? again.lines : [...again.lines, outcome.line],
        hasLoser: again.hasLoser,
      };
    };
  }

  private observe(job: Job, state: ObjectState, readBeganAtMs: number) {
    const base = { system: this.ports.system, objectId: state.objectId, readBeganAtMs, correlationId: job.request.correlationId };
    if (state.state === 'deleted') return { ...base, state: 'deleted' as const, deletedAtMs: state.deletedAtMs };
    if (state.state === 'missing') return { ...base, state: 'missing' as const };
    if (state.state === 'merged') return { ...base, state: 'merged' as const, intoObjectId: state.intoObjectId };
    return this.present(job, state, readBeganAtMs);
  }

  private present(job: Job, state: Extract<ObjectState, { state: 'present' }>, readBeganAtMs: number): PresentObservation {
    return {
      system: this.ports.system,
      objectId: state.objectId,
      readBeganAtMs,
      correlationId: job.request.correlationId,
      state: 'present',
      fields: this.side.toCanonical(state.values),
      stampMs: state.stampMs,
      modifiedBy: state.modifiedBy,
      fieldTimesMs: {},
      witnesses: {},
    };
  }

  private async update(jobs: readonly Job[]): Promise<DeliveryRequest[]> {
    const outcomes = await this.write(jobs, () =>
      this.ports.connector.update(
        this.side.object,
        jobs.flatMap((job) =>
          job.want.kind === 'update'
            ? [{ objectId: job.want.objectId, values: this.side.toNative(job.want.fields, valuesOf(job.record)) }]
            : [],
        ),
      ),
    );
    return this.settle(jobs, (job) => (job.want.kind === 'update' ? outcomes.get(job.want.objectId) : undefined));
  }

  private async archive(jobs: readonly Job[]): Promise<void> {
    const { system, now } = this.ports;
    const idOf = (job: Job) => (job.want.kind === 'archive' ? job.want.objectId : '');
    const outcomes = await this.write(jobs, () => this.ports.connector.archive(this.side.object, jobs.map(idOf)));
    const done = jobs.filter((job) => ['written', 'gone'].includes(outcomes.get(idOf(job))?.outcome ?? ''));
    await this.commitSteps(
      done.map((job) => ({ job, step: (current) => ({ record: confirmArchived(current, system, job.owner, now()) }) })),
    );
    for (const job of done) this.tell(job, 'archive', idOf(job));
    await this.settle(
      jobs.filter((job) => !done.includes(job)),
      (job) => outcomes.get(idOf(job)),
    );
  }

  /** W6, W8: what the system answered becomes part of the records. Returns the requests to take up again. */
  private async settle(jobs: readonly Job[], outcomeOf: (job: Job) => WriteOutcome | undefined): Promise<DeliveryRequest[]> {
    const { system, sync, now } = this.ports;
    const steps: { job: Job; step: Step }[] = [];
    const gone: Job[] = [];
    const unwritten: Job[] = [];
    for (const job of jobs) {
      const outcome = outcomeOf(job) ?? { outcome: 'unknown', message: 'the answer left it out' };
      switch (outcome.outcome) {
        case 'written': {
          const answer = {
            objectId: outcome.objectId,
            ...(outcome.values !== undefined && { shown: this.side.toCanonical(outcome.values) }),
            ...(outcome.stampMs !== undefined && { stampMs: outcome.stampMs }),
          };
          steps.push({
            job,
            step: (current) => ({ record: confirmWritten(current, system, job.owner, answer, now(), sync.rules), done: true }),
          });
          this.tell(job, 'update', outcome.objectId);
          break;
        }
        case 'gone':
          gone.push(job); // the next verify read sees how it went, and the deletion is decided
          break;
        case 'retry':
          unwritten.push(job);
          this.putBack(job.request, outcome.retryAfterMs, outcome.code);
          break;
        case 'unknown':
          // The claim stays: only its end makes sure that a late write meets no newer one.
          this.putBack(job.request, LEASE_MS, 'the outcome of a write is unknown');
          break;
        case 'rejected':
        case 'duplicate': {
          const refusal = { ...refusalOf(outcome), atMs: now() };
          steps.push({ job, step: this.refusing(job, refusal) });
          this.tell(job, 'refused', job.record.links[system]?.objectId ?? '', refusal.code);
          break;
        }
      }
    }
    await this.commitSteps(steps);
    await this.release([...gone, ...unwritten]);
    return gone.map((job) => job.request);
  }

  private async deliverCreates(jobs: readonly Job[]): Promise<DeliveryRequest[]> {
    const readBeganAtMs = this.ports.now();
    const found = await this.orRelease(jobs, () => this.findExisting(jobs));
    const fresh: Job[] = [];
    const again: DeliveryRequest[] = [];
    await inTurns(jobs, TRANSACTIONS_AT_ONCE, async (job) => {
      const { own, candidates } = found.get(job.record.recordId) ?? { own: undefined, candidates: [] };
      if (own !== undefined) {
        if (!(await this.tie(job, own, readBeganAtMs, 'own create'))) again.push(job.request);
        return;
      }
      const [candidate] = candidates;
      if (candidate === undefined) fresh.push(job);
      else if (candidates.length > 1)
        await this.refuse(
          job,
          'AMBIGUOUS_MATCH',
          `${candidates.length} objects have its match key: ${candidates.map((one) => one.objectId).join(', ')}`,
        );
      else if (!(await this.tie(job, candidate, readBeganAtMs, 'match'))) again.push(job.request);
    });
    const outcomes = await this.write(fresh, () =>
      this.ports.connector.create(
        this.side.object,
        this.side.externalIdField,
        fresh.map((job) => ({
          recordId: job.record.recordId,
          values: job.want.kind === 'create' ? this.side.toNative(job.want.fields, valuesOf(job.record)) : {},
        })),
      ),
    );
    const written = fresh.filter((job) => outcomes.get(job.record.recordId)?.outcome === 'written');
    await inTurns(written, TRANSACTIONS_AT_ONCE, async (job) => {
      const outcome = outcomes.get(job.record.recordId);
      if (outcome?.outcome === 'written') await this.tieCreated(job, outcome);
    });
    again.push(
      ...(await this.settle(
        fresh.filter((job) => !written.includes(job)),
        (job) => outcomes.get(job.record.recordId),
      )),
    );
    return again;
  }

  /** C3: before anything is created, one batched look for what carries the record's id, and for what has its match keys. */
  private async findExisting(
    jobs: readonly Job[],
  ): Promise<Map<string, { own: PresentState | undefined; candidates: PresentState[] }>> {
    const { connector, sync } = this.ports;
    const { object, externalIdField, nativeFields } = this.side;
    const byId = await connector.findByField(
      object,
      externalIdField,
      jobs.map((job) => job.record.recordId),
      nativeFields,
    );
    const found = new Map(
      jobs.map((job) => [
        job.record.recordId,
        { own: (byId.get(job.record.recordId) ?? []).find(isPresent), candidates: [] as PresentState[] },
      ]),
    );
    for (const key of sync.matchKeys) {
      const [leading] = key.fields;
      if (leading === undefined) continue;
      const asked = jobs.flatMap((job) => {
        const values = valuesOf(job.record);
        const wanted = key.keyOf(values);
        const [native] = Object.entries(this.side.toNative({ [leading]: values[leading] ?? null }, values));
        const entry = found.get(job.record.recordId);
        // An earlier key that found something is the stronger evidence.
        if (wanted === undefined || native === undefined || entry === undefined || entry.candidates.length > 0) return [];
        return [{ entry, wanted, nativeField: native[0], nativeValue: String(native[1]) }];
      });
      const [first] = asked;
      if (first === undefined) continue;
      const objects = await connector.findByField(
        object,
        first.nativeField,
        [...new Set(asked.map((one) => one.nativeValue))],
        nativeFields,
      );
      for (const { entry, wanted, nativeValue } of asked) {
        entry.candidates.push(
          ...(objects.get(nativeValue) ?? [])
            .filter(isPresent)
            .filter((one) => key.keyOf(this.side.toCanonical(one.values)) === wanted),
        );
      }
    }
    return found;
  }

  /** Ties a found object to the job's record and decides its values. Returns false when a race was lost. */
  private async tie(job: Job, state: PresentState, readBeganAtMs: number, how: 'own create' | 'match'): Promise<boolean> {
    const { system, sync, records } = this.ports;
    const ref = { system, object: this.side.object, objectId: state.objectId };
    const owner = (await records.resolveMany([ref])).get(refKey(ref));
    if (owner !== undefined && owner !== job.record.recordId) {
      await this.refuse(
        job,
        'MATCH_BELONGS_TO_ANOTHER_RECORD',
        `object ${state.objectId} has its match key and belongs to record ${owner}`,
      );
      return true;
    }
    const tied =
      how === 'own create'
        ? confirmWritten(job.record, system, job.owner, { objectId: state.objectId }, readBeganAtMs, sync.rules)
        : withFoundObject(released(job.record, system, job.owner)?.record ?? job.record, system, state.objectId, sync.rules);
    const decision = decide({ ...tied, version: job.record.version }, this.present(job, state, readBeganAtMs), sync.rules);
    const next = decision.kind === 'changed' ? decision.record : { ...tied, version: job.record.version + 1 };
    const lines: LedgerLine[] = [
      { event: 'linked', rule: how === 'match' ? 'L1' : 'C3', by: system, atMs: state.stampMs },
      ...(decision.kind === 'changed' ? decision.lines : []),
    ];
    const entry = { recordId: next.recordId, version: next.version, ...this.noteOf(job, lines) };
    const result = await records.linkObject(this.commitFor(job, next, [], true), ref, { entry });
    if (result !== 'committed') {
      await this.release([job]);
      return false;
    }
    this.tell(job, 'linked', state.objectId);
    return true;
  }

  private async tieCreated(job: Job, outcome: Extract<WriteOutcome, { outcome: 'written' }>): Promise<void> {
    const { system, sync, records, now } = this.ports;
    const ref = { system, object: this.side.object, objectId: outcome.objectId };
    const answer = {
      objectId: outcome.objectId,
      ...(outcome.values !== undefined && { shown: this.side.toCanonical(outcome.values) }),
      ...(outcome.stampMs !== undefined && { stampMs: outcome.stampMs }),
    };
    let current: StoredRecord | undefined = job.record;
    for (let attempt = 0; attempt < CONFIRM_ATTEMPTS && current !== undefined; attempt += 1) {
      const next = confirmWritten(current, system, job.owner, answer, now(), sync.rules);
      const lines: LedgerLine[] = [{ event: 'linked', rule: 'C4', by: system, atMs: now(), reason: 'created there' }];
      const result = await records.linkObject(this.commitFor({ ...job, record: current }, next, lines, true), ref);
      if (result === 'committed') {
        this.tell(job, 'create', outcome.objectId);
        return;
      }
      if (result !== 'conflict') break; // somebody tied it already: by the record's id, so to this very record
      current = (await records.getMany([job.record.recordId], { consistent: true })).get(job.record.recordId);
    }
  }

  private async refuse(job: Job, code: string, message: string): Promise<void> {
    const refusal = { code, message, fields: [], atMs: this.ports.now() };
    await this.commitSteps([{ job, step: this.refusing(job, refusal) }]);
    this.tell(job, 'refused', '', code);
  }

  /** W3: a refusal is of what was sent. A record that asks for something else by now is delivered anew. */
  private refusing(job: Job, refusal: Refusal): Step {
    const { system, sync } = this.ports;
    return (current) => {
      const freed = { ...releaseClaim(current, system, job.owner), version: current.version + 1 };
      if (!isDeepStrictEqual(wantOf(freed, system, sync.rules), job.want)) return { record: freed, done: true };
      const { record, line } = refuseDelivery(current, system, job.owner, refusal);
      return { record, lines: [line] };
    };
  }

  /** Connectors throw only when nothing at all was written: what a later batch met is told per object. */
  private async write(jobs: readonly Job[], send: () => Promise<Map<string, WriteOutcome>>): Promise<Map<string, WriteOutcome>> {
    if (jobs.length === 0) return new Map();
    try {
      return await send();
    } catch (error) {
      const outcome = unwritten(error);
      return new Map(jobs.map((job) => [job.want.kind === 'create' ? job.record.recordId : job.want.objectId, outcome]));
    }
  }

  /** What fails before these jobs are written leaves no claim of theirs behind: their message comes back and starts anew. */
  private async orRelease<Result>(jobs: readonly Job[], work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      await this.release(jobs);
      throw error;
    }
  }

  private async release(jobs: readonly Job[]): Promise<void> {
    await this.commitSteps(jobs.map((job) => ({ job, step: (current) => released(current, this.ports.system, job.owner) })));
  }

  /** Commits each step on the record as it stands, reading again after a lost race. */
  private async commitSteps(steps: readonly { readonly job: Job; readonly step: Step }[]): Promise<void> {
    const { records } = this.ports;
    let open = steps.map(({ job, step }) => ({ job, step, current: job.record }));
    for (let attempt = 0; attempt < CONFIRM_ATTEMPTS && open.length > 0; attempt += 1) {
      const planned = open.flatMap((one) => {
        const made = one.step(one.current);
        return made === undefined || made.record === one.current ? [] : [{ ...one, made }];
      });
      const lost = await this.commitPlanned(planned);
      if (lost.length === 0) return;
      const fresh = await records.getMany(
        lost.map(({ job }) => job.record.recordId),
        { consistent: true },
      );
      open = lost.flatMap((one) => {
        const current = fresh.get(one.job.record.recordId);
        return current === undefined ? [] : [{ job: one.job, step: one.step, current }];
      });
    }
    // Not confirmed: the claim runs out, and the next deliverer finds our values there and confirms without writing.
    for (const { job } of open) this.putBack(job.request, LEASE_MS, 'the record kept changing while its delivery was confirmed');
  }

  /** Returns those that lost a race. What a decision made lose is written with it. */
  private async commitPlanned<Planned extends { job: Job; current: StoredRecord; made: NonNullable<ReturnType<Step>> }>(
    planned: readonly Planned[],
  ): Promise<Planned[]> {
    const { records } = this.ports;
    const lost: Planned[] = [];
    const plain = planned.filter(({ made }) => made.hasLoser !== true);
    const results = await records.commitMany(
      plain.map(({ job, current, made }) =>
        this.commitFor({ ...job, record: current }, made.record, made.lines ?? [], made.done ?? false),
      ),
    );
    lost.push(...plain.filter((_, index) => results[index] !== 'committed'));
    await inTurns(
      planned.filter(({ made }) => made.hasLoser === true),
      TRANSACTIONS_AT_ONCE,
      async (one) => {
        const { job, current, made } = one;
        const entry = { recordId: made.record.recordId, version: made.record.version, ...this.noteOf(job, made.lines ?? []) };
        const result = await records.commitWithLoss(
          this.commitFor({ ...job, record: current }, made.record, [], made.done ?? false),
          entry,
        );
        if (result !== 'committed') lost.push(one);
      },
    );
    return lost;
  }

  private commitFor(job: Job, next: SyncRecord, lines: readonly LedgerLine[], done: boolean) {
    const dirty = dirtySystems(next, this.ports.sync.rules);
    // While this run still has the record in hand (or put it back with a delay), no second message is sent for it.
    const deliver = dirty.filter(
      (system) => (done || system !== this.ports.system) && !isClaimed(next, system, this.ports.now()),
    );
    return {
      record: next,
      dirty: dirty.length > 0,
      marks: job.record.marks,
      ...attentionMark(next),
      ...((lines.length > 0 || deliver.length > 0) && { outbox: { note: this.noteOf(job, lines), deliver } }),
    };
  }

  private noteOf(job: Job, lines: readonly LedgerLine[]): CommitNote {
    return {
      correlationId: job.request.correlationId,
      lines,
      decidedAtMs: this.ports.now(),
      receivedAtMs: job.request.receivedAtMs,
    };
  }

  private tell(job: Job, kind: DeliveredChange['kind'], objectId: string, code?: string): void {
    this.delivered.push({
      correlationId: job.request.correlationId,
      recordId: job.record.recordId,
      objectId,
      kind,
      fields: job.want.kind === 'archive' ? [] : Object.keys(job.want.fields),
      ...(code !== undefined && { code }),
      sinceReceivedMs: this.ports.now() - job.request.receivedAtMs,
    });
  }
}

type PresentState = Extract<ObjectState, { state: 'present' }>;

function isPresent(state: ObjectState): state is PresentState {
  return state.state === 'present';
}

function attentionMark(record: SyncRecord): { attention?: string } {
  const attention = attentionOf(record);
  return attention === undefined ? {} : { attention };
}

function released(record: SyncRecord, system: string, owner: string): { record: SyncRecord } | undefined {
  const next = releaseClaim(record, system, owner);
  return next === record ? undefined : { record: next };
}

function refusalOf(outcome: Extract<WriteOutcome, { outcome: 'rejected' | 'duplicate' }>): {
  code: string;
  message: string;
  fields: readonly string[];
} {
  if (outcome.outcome === 'rejected') return { code: outcome.code, message: outcome.message, fields: outcome.fields };
  const existing = outcome.existingObjectId === undefined ? '' : ` (object ${outcome.existingObjectId})`;
  return { code: 'DUPLICATE', message: `another object already has a unique value of it${existing}`, fields: [] };
}

/** @throws the error itself when it is none of the system's: a bug. */
function unwritten(error: unknown): WriteOutcome {
  if (error instanceof RequestRefusedError) return { outcome: 'rejected', code: error.code, message: error.message, fields: [] };
  if (error instanceof AuthRejectedError) return { outcome: 'retry', code: error.name, retryAfterMs: AUTH_RETRY_MS };
  if (error instanceof RateLimitedError || error instanceof SystemUnavailableError) {
    return { outcome: 'retry', code: error.name, retryAfterMs: error.retryAfterMs };
  }
  throw error;
}
