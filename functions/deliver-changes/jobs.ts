import { isDeepStrictEqual } from 'node:util';
import type { CompiledSide } from '../../shared/config/compiled-sync.ts';
import type { Connector, WriteOutcome } from '../../shared/connectors/connector.ts';
import { AuthRejectedError, RateLimitedError, RequestRefusedError, SystemUnavailableError } from '../../shared/errors.ts';
import { inTurns } from '../../shared/in-turns.ts';
import type { DeliveryRequest } from '../../shared/queue/delivery-message.ts';
import type { GuardStore } from '../../shared/store/guard-store.ts';
import type { RecordStore, StoredRecord } from '../../shared/store/record-store.ts';
import type { WaitingStore } from '../../shared/store/waiting-store.ts';
import type { NativeValues } from '../../shared/sync/change-hint.ts';
import { refuseDelivery, releaseClaim, type Want, wantOf } from '../../shared/sync/delivery.ts';
import type { CommitNote, LedgerLine } from '../../shared/sync/ledger.ts';
import { type Refusal, type SyncRecord, valuesOf } from '../../shared/sync/record.ts';
import type { SyncRules } from '../../shared/sync/rules.ts';
import { type Observed, type ObservePorts, Observer } from '../observe-objects.ts';
import { commitOf } from '../record-commit.ts';
import { type HintToSend, parkChildren, type WaitingChild } from '../waiting-references.ts';

/** Outlives a call's deadline and the longest that either vendor lets a call run, so that no late write meets a new claim. */
export const LEASE_MS = 120_000;
export const TRANSACTIONS_AT_ONCE = 8;
export const CONFIRM_ATTEMPTS = 6;
/** Somebody has to renew the grant; asking more often helps nobody. */
const AUTH_RETRY_MS = 60_000;

export interface DeliverPorts extends ObservePorts {
  /** All rules of the sync, those of fields that rest too: what such a field lacks stays to be delivered. */
  readonly rules: SyncRules;
  readonly connector: Connector;
  readonly records: RecordStore;
  /** True once everything that is there has been listed: before, nothing is made there. */
  readonly isLive: () => Promise<boolean>;
  readonly guards: Pick<GuardStore, 'standing' | 'reserve' | 'settle' | 'linked'>;
  readonly waiting: WaitingStore;
  /** Some sync has fields that stand for records of this one. */
  readonly isReferredTo: boolean;
  readonly newId: () => string;
  readonly random: () => number;
}

export interface DeliverResult {
  readonly later: readonly LaterDelivery[];
  readonly delivered: readonly DeliveredChange[];
  /** To be put on the changes queue of the system: parents that were not looked at yet, and children whose parent just came. */
  readonly hints: readonly HintToSend[];
}

export interface LaterDelivery {
  readonly request: DeliveryRequest;
  readonly delayMs: number;
  readonly reason: string;
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
export interface Job {
  readonly request: DeliveryRequest;
  readonly record: StoredRecord;
  readonly owner: string;
  /** What is written now. */
  readonly want: Exclude<Want, { kind: 'nothing' }>;
  /** All that was asked when it was claimed: with references that wait for their objects. */
  readonly asked: Want;
  /** The objects that stand there for the records which the write refers to. */
  readonly references: NativeValues;
}

/** The values of a write, as the system names them: its references are looked up before it is claimed. */
export function nativeOf(job: JobOf<'update' | 'create'>, side: CompiledSide): NativeValues {
  return { ...side.toNative(job.want.fields, valuesOf(job.record)), ...job.references };
}

export type JobOf<Kind extends Job['want']['kind']> = Job & { readonly want: Extract<Want, { kind: Kind }> };

export function isKind<Kind extends Job['want']['kind']>(job: Job, kind: Kind): job is JobOf<Kind> {
  return job.want.kind === kind;
}

/**
 * What a commit makes of a record, given as it stands now; undefined when there is nothing left to do. `done`: this
 * run is through with the record, so what is still asked of our system goes out as a new delivery.
 */
export type Step = (
  current: SyncRecord,
) =>
  | { readonly record: SyncRecord; readonly lines?: readonly LedgerLine[]; readonly done?: boolean; readonly hasLoser?: boolean }
  | undefined;

/** The records that one run has in hand: what becomes of them is committed and told here. */
export class Jobs {
  readonly ports: DeliverPorts;
  readonly side: CompiledSide;
  readonly observer: Observer;
  private readonly later: LaterDelivery[] = [];
  private readonly delivered: DeliveredChange[] = [];
  private readonly children = new Map<string, WaitingChild>();

  constructor(ports: DeliverPorts) {
    const side = ports.sync.sides[ports.system];
    if (side === undefined) throw new Error(`sync ${ports.sync.name} has no side in ${ports.system}: see concord.config.ts`);
    this.ports = ports;
    this.side = side;
    this.observer = new Observer(ports);
  }

  async finish(): Promise<DeliverResult> {
    const { system, sync } = this.ports;
    const home = { sync: sync.name, system, object: this.side.object };
    const hints = await parkChildren([...this.children.values()], home, this.ports);
    return { later: this.later, delivered: this.delivered, hints };
  }

  /** R2: what the object refers to is not known yet. It is looked at again when it is. */
  awaitParents(job: Job, { observation, unresolved }: Observed): void {
    const { objectId } = observation;
    if (observation.state !== 'present' || unresolved.length === 0) return;
    this.children.set(objectId, { objectId, correlationId: job.request.correlationId, unresolved });
  }

  putBack(request: DeliveryRequest, delayMs: number, reason: string): void {
    this.later.push({ request, delayMs, reason });
  }

  async refuse(job: Job, code: string, message: string): Promise<void> {
    const refusal = { code, message, fields: [], atMs: this.ports.now() };
    await this.commitSteps([{ job, step: this.refusing(job, refusal) }]);
    this.tell(job, 'refused', '', code);
  }

  /** W3: a refusal is of what was sent. A record that asks for something else by now is delivered anew. */
  refusing(job: Job, refusal: Refusal): Step {
    const { system, sync } = this.ports;
    return (current) => {
      const freed = { ...releaseClaim(current, system, job.owner), version: current.version + 1 };
      if (!isDeepStrictEqual(wantOf(freed, system, sync.rules), job.asked)) return { record: freed, done: true };
      const { record, line } = refuseDelivery(current, system, job.owner, refusal);
      return { record, lines: [line] };
    };
  }

  /** Connectors throw only when nothing at all was written: what a later batch met is told per object. */
  async write(jobs: readonly Job[], send: () => Promise<Map<string, WriteOutcome>>): Promise<Map<string, WriteOutcome>> {
    if (jobs.length === 0) return new Map();
    try {
      return await send();
    } catch (error) {
      const outcome = unwritten(error);
      return new Map(jobs.map((job) => [job.want.kind === 'create' ? job.record.recordId : job.want.objectId, outcome]));
    }
  }

  /** What fails before these jobs are written leaves no claim of theirs behind: their message comes back and starts anew. */
  async orRelease<Result>(jobs: readonly Job[], work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      await this.release(jobs);
      throw error;
    }
  }

  async release(jobs: readonly Job[]): Promise<void> {
    await this.commitSteps(jobs.map((job) => ({ job, step: (current) => released(current, this.ports.system, job.owner) })));
  }

  /** Commits each step on the record as it stands, reading again after a lost race. */
  async commitSteps(steps: readonly { readonly job: Job; readonly step: Step }[]): Promise<void> {
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

  /** While this run still has the record in hand (or put it back with a delay), no second message is sent for it. */
  commitFor(job: Job, next: SyncRecord, lines: readonly LedgerLine[], done: boolean) {
    const { system, rules, now } = this.ports;
    return commitOf(next, {
      rules,
      nowMs: now(),
      before: job.record,
      isReferredTo: this.ports.isReferredTo,
      note: this.noteOf(job, lines),
      inHand: done ? undefined : system,
    });
  }

  noteOf(job: Job, lines: readonly LedgerLine[]): CommitNote {
    return {
      correlationId: job.request.correlationId,
      lines,
      decidedAtMs: this.ports.now(),
      receivedAtMs: job.request.receivedAtMs,
    };
  }

  tell(job: Job, kind: DeliveredChange['kind'], objectId: string, code?: string): void {
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

export function released(record: SyncRecord, system: string, owner: string): { record: SyncRecord } | undefined {
  const next = releaseClaim(record, system, owner);
  return next === record ? undefined : { record: next };
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
