import type { ObjectState, WriteOutcome } from '../../shared/connectors/connector.ts';
import { inTurns } from '../../shared/in-turns.ts';
import type { DeliveryRequest } from '../../shared/queue/delivery-message.ts';
import {
  callOffArchive,
  claim,
  confirmArchived,
  confirmWritten,
  isClaimed,
  releaseClaim,
  wantOf,
} from '../../shared/sync/delivery.ts';
import { frozenIfLooping } from '../../shared/sync/freeze.ts';
import type { SyncRecord } from '../../shared/sync/record.ts';
import type { PostponedReference } from '../../shared/sync/references/reference-values.ts';
import { backoffMs } from '../message-settlement.ts';
import { decideOn, type Observed } from '../observe-objects.ts';
import { commitOf } from '../record-commit.ts';
import { fieldsToVerify, toNativeRefs } from '../references.ts';
import { parkWrites } from '../waiting-references.ts';
import { CreateObjects } from './create-objects.ts';
import { GuardedWrites } from './guarded-writes.ts';
import {
  type DeliverPorts,
  type DeliverResult,
  isKind,
  type Job,
  type JobOf,
  Jobs,
  LEASE_MS,
  nativeOf,
  released,
  type Step,
  TRANSACTIONS_AT_ONCE,
} from './jobs.ts';
import { type BlockedUpdate, UniqueValues } from './unique-values.ts';

export type { DeliveredChange, DeliverPorts, DeliverResult } from './jobs.ts';

/** A record whose object was edited under our hands is looked at again so often; then it waits its turn on the queue. */
const ROUNDS_MAX = 4;
const LOST_RACES_DELAY_MS = 1_000;
/** A hint that is on its way arrives within this time; its commit sends a delivery of its own. */
const HINT_WAIT_MS = 2_000;

/**
 * Makes one system hold what the records ask: claim, verify read (one call for all), batched write, confirm. Whatever the
 * verify read finds that was not expected is decided first, so that a person's edit is not written over.
 *
 * @throws RateLimitedError, SystemUnavailableError, AuthRejectedError when the verify read fails: no claim is left behind.
 */
export async function deliverChanges(requests: readonly DeliveryRequest[], ports: DeliverPorts): Promise<DeliverResult> {
  const run = new DeliverRun(ports);
  if (await run.guard.isStopped()) return run.jobs.finish();
  let open = oncePerRecord(requests);
  for (let round = 0; round < ROUNDS_MAX && open.length > 0; round += 1) open = await run.round(open);
  for (const request of open) run.jobs.putBack(request, LOST_RACES_DELAY_MS, 'the record or its object kept changing');
  return run.jobs.finish();
}

function oncePerRecord(requests: readonly DeliveryRequest[]): DeliveryRequest[] {
  const byRecord = new Map<string, DeliveryRequest>();
  for (const request of requests) {
    const known = byRecord.get(request.recordId);
    if (known === undefined || request.receivedAtMs < known.receivedAtMs) byRecord.set(request.recordId, request);
  }
  return [...byRecord.values()];
}

type ChangeJob = JobOf<'update' | 'archive'>;

/** Writes to objects that are there; `create-objects.ts` makes those that are not. */
class DeliverRun {
  readonly jobs: Jobs;
  readonly guard: GuardedWrites;
  private readonly ports: DeliverPorts;
  /** By record, the references that this run does not write over. */
  private readonly withheld = new Map<string, ReadonlySet<string>>();

  constructor(ports: DeliverPorts) {
    this.ports = ports;
    this.jobs = new Jobs(ports);
    this.guard = new GuardedWrites(this.jobs);
  }

  /** Returns the requests to take up again: lost races, and objects that had moved. */
  async round(requests: readonly DeliveryRequest[]): Promise<DeliveryRequest[]> {
    const { jobs, lost } = await this.claimAll(requests);
    if (jobs.length === 0) return lost;
    const again: DeliveryRequest[] = [...lost];
    const creates = jobs.filter((job) => isKind(job, 'create'));
    const changes = jobs.filter((job) => isKind(job, 'update') || isKind(job, 'archive'));
    if (changes.length > 0) again.push(...(await this.jobs.orRelease(creates, () => this.deliverToObjects(changes))));
    if (creates.length > 0) {
      const created = await new CreateObjects(this.jobs, this.guard).deliver(creates);
      again.push(...created.again, ...(await this.settle(created.unsettled, (job) => created.outcomes.get(job.record.recordId))));
    }
    return again;
  }

  private async claimAll(requests: readonly DeliveryRequest[]): Promise<{ jobs: Job[]; lost: DeliveryRequest[] }> {
    const { system, sync, rules, records, now } = this.ports;
    const current = await records.getMany(
      requests.map((request) => request.recordId),
      { consistent: true },
    );
    const wanted: Job[] = [];
    for (const request of requests) {
      const record = current.get(request.recordId);
      if (record === undefined) continue;
      if (isClaimed(record, system, now())) {
        // Its owner does it. But one that was put back may meet the claim of its own failed try: that has to run out. Most
        // claims end in a moment, so it looks again before that, with growing pauses.
        const leftMs = (record.links[system]?.claim?.untilMs ?? 0) - now();
        if (request.attempts > 0)
          this.jobs.putBack(
            request,
            Math.min(leftMs, backoffMs(request.attempts, this.ports.random)),
            'another deliverer has a claim on it',
          );
        continue;
      }
      const want = wantOf(record, system, sync.rules);
      if (want.kind === 'nothing' || (want.kind === 'create' && !(await this.ports.isLive()))) continue;
      wanted.push({ request, record, want, asked: want, owner: this.ports.newId().slice(0, 8), references: {} });
    }
    const planned = await this.withReferences(wanted);
    const claimed = planned.map((job) => ({
      ...claim(job.record, system, job.want, job.owner, now(), LEASE_MS),
      marks: job.record.marks,
    }));
    const results = await records.commitMany(
      claimed.map((record) => {
        const { outbox: _, ...commit } = commitOf(record, {
          rules,
          nowMs: now(),
          before: record,
          note: { correlationId: '', lines: [], decidedAtMs: now() },
        });
        return { ...commit, dirty: true };
      }),
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

  /** R3, R4: looks up what the writes refer to. What has no object here yet is left out, and stays to be written. */
  private async withReferences(jobs: readonly Job[]): Promise<Job[]> {
    if (this.jobs.side.references.length === 0) return [...jobs];
    const open = jobs.flatMap((job) => without(job, this.withheld.get(job.record.recordId) ?? new Set()));
    const fieldsOf = ({ want }: Job) => (want.kind === 'archive' ? {} : want.fields);
    const found = await toNativeRefs(new Map(open.map((job) => [job.record.recordId, fieldsOf(job)])), this.ports);
    const postponedOf = ({ record }: Job) => found.get(record.recordId)?.postponed ?? [];
    await this.park(open.filter((job) => postponedOf(job).length > 0).map((job) => ({ job, postponed: postponedOf(job) })));
    return open.flatMap((job) => {
      const { native } = found.get(job.record.recordId) ?? { native: {} };
      return without({ ...job, references: native }, new Set(postponedOf(job).map(({ field }) => field)));
    });
  }

  private async park(waiting: readonly { job: Job; postponed: readonly PostponedReference[] }[]): Promise<void> {
    const { sync, system } = this.ports;
    const writes = waiting.map(({ job: { request }, postponed }) => ({ ...request, postponed }));
    const come = await parkWrites(writes, { sync: sync.name, system }, this.ports);
    for (const { recordId } of come) {
      const request = waiting.find(({ job }) => job.request.recordId === recordId)?.job.request;
      if (request !== undefined) this.jobs.putBack(request, 0, 'what it refers to came just now');
    }
  }

  private async deliverToObjects(jobs: readonly ChangeJob[]): Promise<DeliveryRequest[]> {
    const { side } = this.jobs;
    const readBeganAtMs = this.ports.now();
    const ids = jobs.map((job) => job.want.objectId);
    const seen = await this.jobs.orRelease(jobs, async () => {
      const writes = jobs.map(({ want }) => (want.kind === 'update' ? want.fields : {}));
      const states = await this.ports.connector.read(side.object, ids, fieldsToVerify(side, writes));
      return this.observe(jobs, states, readBeganAtMs);
    });
    const expected: ChangeJob[] = [];
    const moved: { job: Job; step: Step }[] = [];
    const merged: { job: Job; observed: Observed }[] = [];
    const doubted: Job[] = [];
    const withheld: Job[] = [];
    for (const job of jobs) {
      const observed = seen.get(job.want.objectId);
      if (observed !== undefined && isFollowed(observed)) {
        merged.push({ job, observed });
        continue;
      }
      const step = observed === undefined ? 'doubt' : this.verify(job, observed);
      if (step === 'as expected' && observed !== undefined && this.withholds(job, observed)) withheld.push(job);
      else if (step === 'as expected' && isKind(job, 'update') && Object.keys(job.want.fields).length === 0) doubted.push(job);
      else if (step === 'as expected') expected.push(job);
      else if (step === 'doubt') doubted.push(job);
      else moved.push({ job, step });
    }
    await this.jobs.commitSteps(moved);
    await inTurns(merged, TRANSACTIONS_AT_ONCE, ({ job, observed }) => this.followMerge(job, observed));
    await this.jobs.release([...doubted, ...withheld]);
    const traits = this.ports.sync.rules.systems[this.ports.system];
    const settleMs = Math.max(HINT_WAIT_MS, (traits?.stampResolutionMs ?? 0) + (traits?.readLagMs ?? 0));
    for (const job of doubted)
      this.jobs.putBack(job.request, settleMs, 'the object moved: its hint is awaited, or a read that can be believed');
    const retaken = await this.write(expected);
    return [...[...moved, ...merged].map(({ job }) => job.request), ...withheld.map((job) => job.request), ...retaken];
  }

  /**
   * R2: somebody made it refer to what is not known yet. That is not written over before it can be decided; the other fields
   * of the write go on.
   */
  private withholds(job: ChangeJob, observed: Observed): boolean {
    const { want } = job;
    if (want.kind !== 'update') return false;
    const fields = observed.unresolved.map(({ field }) => field).filter((field) => Object.hasOwn(want.fields, field));
    if (fields.length === 0) return false;
    const { recordId } = job.record;
    this.withheld.set(recordId, new Set([...(this.withheld.get(recordId) ?? []), ...fields]));
    this.jobs.awaitParents(job, observed);
    return true;
  }

  /** Deletes go last: after whatever else the batch writes. */
  private async write(expected: readonly ChangeJob[]): Promise<DeliveryRequest[]> {
    const updates = expected.filter((job) => isKind(job, 'update'));
    const archives = expected.filter((job) => isKind(job, 'archive'));
    const reservation = await this.guard.reserve({ updates, archives });
    if (reservation === undefined) return [];
    const updated = await this.jobs.orRelease(archives, () => this.update(updates));
    const archived = await this.archive(archives);
    await this.guard.settle(reservation, { updates, archives }, (id) => updated.outcomes.get(id) ?? archived.get(id));
    return updated.again;
  }

  private observe(
    jobs: readonly ChangeJob[],
    states: ReadonlyMap<string, ObjectState>,
    readBeganAtMs: number,
  ): Promise<Map<string, Observed>> {
    const readings = jobs.flatMap((job) => {
      const state = states.get(job.want.objectId);
      if (state === undefined) return [];
      return [{ state, hints: [], correlationId: job.request.correlationId, record: job.record }];
    });
    return this.jobs.observer.observe(readings, readBeganAtMs);
  }

  /** D5: the link follows its object into the survivor, whose identity it takes in the same transaction. */
  private async followMerge(job: Job, observed: Observed): Promise<void> {
    const { system, sync, records } = this.ports;
    const decision = decideOn(job.record, observed, sync.rules);
    const survivorId = decision.kind === 'changed' ? decision.record.links[system]?.objectId : undefined;
    if (decision.kind !== 'changed' || survivorId === undefined) return;
    const { record, lines } = decision;
    const entry = { recordId: record.recordId, version: record.version, ...this.jobs.noteOf(job, lines) };
    const ref = { system, object: this.jobs.side.object, objectId: survivorId };
    const result = await records.linkObject(this.jobs.commitFor(job, record, [], true), ref, { entry });
    if (result !== 'committed') await this.jobs.release([job]);
  }

  /** W5: compares what the verify read shows with what the claim expected. */
  private verify(job: Job, observed: Observed): 'as expected' | 'doubt' | Step {
    const { system, sync } = this.ports;
    // Our own receipt says what is yet to be written: what is there by now cannot come of it, nor be older than it.
    const decideAt = (record: SyncRecord) =>
      decideOn({ ...releaseClaim(record, system, job.owner), version: record.version }, observed, sync.rules);
    const decision = decideAt(job.record);
    if (decision.kind === 'unchanged') return 'as expected';
    if (decision.kind === 'doubt') return 'doubt';
    // A conflict is best decided by when each edit was made, and that its hint knows better than the row. Only when
    // none came by the next try does the row's stamp have to do.
    if (decision.hasLoser && job.request.attempts === 0) return 'doubt';
    return (current) => {
      // Decided anew on whatever the record is by then; the claim is given back in the same commit.
      const again = decideAt(current);
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

  private async update(
    jobs: readonly JobOf<'update'>[],
  ): Promise<{ again: DeliveryRequest[]; outcomes: ReadonlyMap<string, WriteOutcome> }> {
    const { side } = this.jobs;
    const outcomes = await this.jobs.write(jobs, () =>
      this.ports.connector.update(
        side.object,
        jobs.map((job) => ({ objectId: job.want.objectId, values: nativeOf(job, side) })),
      ),
    );
    return { again: await this.settle(jobs, (job) => outcomes.get(job.want.objectId)), outcomes };
  }

  private async archive(jobs: readonly JobOf<'archive'>[]): Promise<ReadonlyMap<string, WriteOutcome>> {
    const { system, now } = this.ports;
    const idOf = (job: JobOf<'archive'>) => job.want.objectId;
    const outcomes = await this.jobs.write(jobs, () => this.ports.connector.archive(this.jobs.side.object, jobs.map(idOf)));
    const done = jobs.filter((job) => ['written', 'gone'].includes(outcomes.get(idOf(job))?.outcome ?? ''));
    await this.jobs.commitSteps(
      done.map((job) => ({ job, step: (current) => ({ record: confirmArchived(current, system, job.owner, now()) }) })),
    );
    for (const job of done) this.jobs.tell(job, 'archive', idOf(job));
    await this.settle(
      jobs.filter((job) => !done.includes(job)),
      (job) => outcomes.get(idOf(job)),
    );
    return outcomes;
  }

  /** W6, W8: what the system answered becomes part of the records. Returns the requests to take up again. */
  private async settle<Settled extends Job>(
    jobs: readonly Settled[],
    outcomeOf: (job: Settled) => WriteOutcome | undefined,
  ): Promise<DeliveryRequest[]> {
    const { system, sync, now } = this.ports;
    const steps: { job: Job; step: Step }[] = [];
    const gone: Job[] = [];
    const unwritten: Job[] = [];
    const blocked: BlockedUpdate[] = [];
    for (const job of jobs) {
      const outcome = outcomeOf(job) ?? { outcome: 'unknown', message: 'the answer left it out' };
      switch (outcome.outcome) {
        case 'written': {
          const answer = {
            objectId: outcome.objectId,
            ...(outcome.values !== undefined && { shown: this.jobs.side.toCanonical(outcome.values) }),
            ...(outcome.stampMs !== undefined && { stampMs: outcome.stampMs }),
          };
          steps.push({
            job,
            step: (current) => {
              const confirmed = confirmWritten(current, system, job.owner, answer, now(), sync.rules);
              return { ...frozenIfLooping(confirmed, system, now(), sync.rules), done: true };
            },
          });
          this.jobs.tell(job, 'update', outcome.objectId);
          break;
        }
        case 'gone':
          gone.push(job); // the next verify read sees how it went, and the deletion is decided
          break;
        case 'retry':
          unwritten.push(job);
          this.jobs.putBack(job.request, outcome.retryAfterMs, outcome.code);
          break;
        case 'unknown':
          // The claim stays: only its end makes sure that a late write meets no newer one.
          this.jobs.putBack(job.request, LEASE_MS, 'the outcome of a write is unknown');
          break;
        case 'duplicate':
        case 'rejected': {
          if (outcome.outcome === 'duplicate' && outcome.existingObjectId !== undefined && isKind(job, 'update')) {
            blocked.push({ job, existingObjectId: outcome.existingObjectId });
            break;
          }
          const refusal = { ...refusalOf(outcome), atMs: now() };
          steps.push({ job, step: this.jobs.refusing(job, refusal) });
          this.jobs.tell(job, 'refused', job.record.links[system]?.objectId ?? '', refusal.code);
          break;
        }
      }
    }
    await this.jobs.commitSteps(steps);
    for (const { job, existingObjectId } of await new UniqueValues(this.jobs).changeHands(blocked)) {
      await this.jobs.refuse(job, 'DUPLICATE', `object ${existingObjectId} already has a unique value of it`);
    }
    await this.jobs.release([...gone, ...unwritten]);
    return gone.map((job) => job.request);
  }
}

/** The job less some fields of its write; nothing when there is nothing left to write. */
function without(job: Job, left: ReadonlySet<string>): Job[] {
  if (job.want.kind === 'archive' || left.size === 0) return [job];
  const fields = Object.fromEntries(Object.entries(job.want.fields).filter(([field]) => !left.has(field)));
  return Object.keys(fields).length === 0 ? [] : [{ ...job, want: { ...job.want, fields } }];
}

/** D5: only into an object of the same type that nobody has. */
function isFollowed({ observation }: Observed): boolean {
  return observation.state === 'merged' && observation.intoRecordId === undefined && observation.intoObject === undefined;
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
