import type { ObjectState, WriteOutcome } from '../../shared/connectors/connector.ts';
import { inTurns } from '../../shared/in-turns.ts';
import type { DeliveryRequest } from '../../shared/queue/delivery-message.ts';
import { refKey, type StoredRecord } from '../../shared/store/record-store.ts';
import { confirmWritten } from '../../shared/sync/delivery.ts';
import type { LedgerLine } from '../../shared/sync/ledger.ts';
import { withFoundObject } from '../../shared/sync/new-record.ts';
import { valuesOf } from '../../shared/sync/record.ts';
import { tieCreated } from '../../shared/sync/tie-created.ts';
import { decideOn } from '../observe-objects.ts';
import type { GuardedWrites } from './guarded-writes.ts';
import { CONFIRM_ATTEMPTS, type JobOf, type Jobs, nativeOf, released, TRANSACTIONS_AT_ONCE } from './jobs.ts';

type CreateJob = JobOf<'create'>;
type PresentState = Extract<ObjectState, { state: 'present' }>;

/** A record that is about to be archived gives its match key free within moments. */
const AWAIT_ARCHIVE_MS = 30_000;
const DOUBT_WAIT_MS = 1_000;
/** Whose deletion has not been carried out by then has to be looked at by a person. */
const AWAIT_ARCHIVE_ATTEMPTS_MAX = 20;

/** What became of a batch of creates: requests to take up again, and answers that settle like those of updates. */
export interface CreatedObjects {
  readonly again: readonly DeliveryRequest[];
  readonly unsettled: readonly CreateJob[];
  readonly outcomes: ReadonlyMap<string, WriteOutcome>; // by record id
}

/** Makes the objects that records lack in one system, after one batched look for those that are there already (C3, C4). */
export class CreateObjects {
  private readonly jobs: Jobs;
  private readonly guard: GuardedWrites;

  constructor(jobs: Jobs, guard: GuardedWrites) {
    this.jobs = jobs;
    this.guard = guard;
  }

  async deliver(creates: readonly CreateJob[]): Promise<CreatedObjects> {
    const { ports, side } = this.jobs;
    const readBeganAtMs = ports.now();
    const found = await this.jobs.orRelease(creates, () => this.findExisting(creates));
    const fresh: CreateJob[] = [];
    const again: DeliveryRequest[] = [];
    await inTurns(creates, TRANSACTIONS_AT_ONCE, async (job) => {
      const { own, candidates } = found.get(job.record.recordId) ?? { own: undefined, candidates: [] };
      if (own !== undefined) {
        if (!(await this.tie(job, own, readBeganAtMs, 'own create'))) again.push(job.request);
        return;
      }
      const [candidate] = candidates;
      if (candidate === undefined) fresh.push(job);
      else if (candidates.length > 1)
        await this.jobs.refuse(
          job,
          'AMBIGUOUS_MATCH',
          `${candidates.length} objects have its match key: ${candidates.map((one) => one.objectId).join(', ')}`,
        );
      else if (!(await this.tie(job, candidate, readBeganAtMs, 'match'))) again.push(job.request);
    });
    const reservation = await this.guard.reserve({ creates: fresh });
    if (reservation === undefined) return { again, unsettled: [], outcomes: new Map() };
    const outcomes = await this.jobs.write(fresh, () =>
      ports.connector.create(
        side.object,
        side.externalIdField,
        fresh.map((job) => ({ recordId: job.record.recordId, values: nativeOf(job, side) })),
      ),
    );
    const written = fresh.filter((job) => outcomes.get(job.record.recordId)?.outcome === 'written');
    await inTurns(written, TRANSACTIONS_AT_ONCE, async (job) => {
      const outcome = outcomes.get(job.record.recordId);
      if (outcome?.outcome === 'written') await this.tieCreated(job, outcome);
    });
    await this.guard.settle(reservation, { creates: fresh }, (recordId) => outcomes.get(recordId));
    return { again, unsettled: fresh.filter((job) => !written.includes(job)), outcomes };
  }

  /** C3: before anything is created, one batched look for what carries the record's id, and for what has its match keys. */
  private async findExisting(
    creates: readonly CreateJob[],
  ): Promise<Map<string, { own: PresentState | undefined; candidates: PresentState[] }>> {
    const { connector, sync } = this.jobs.ports;
    const { object, externalIdField, nativeFields } = this.jobs.side;
    const byId = await connector.findByField(
      object,
      externalIdField,
      creates.map((job) => job.record.recordId),
      nativeFields,
    );
    const found = new Map(
      creates.map((job) => [
        job.record.recordId,
        { own: (byId.get(job.record.recordId) ?? []).find(isPresent), candidates: [] as PresentState[] },
      ]),
    );
    for (const key of sync.matchKeys) {
      const [leading] = key.fields;
      if (leading === undefined) continue;
      const asked = creates.flatMap((job) => {
        const values = valuesOf(job.record);
        const wanted = key.keyOf(values);
        const value = values[leading] ?? null;
        const [native] = Object.entries(this.jobs.side.toNative({ [leading]: value }, values));
        const entry = found.get(job.record.recordId);
        // An earlier key that found something is the stronger evidence.
        if (wanted === undefined || native === undefined || entry === undefined || entry.candidates.length > 0) return [];
        const [nativeField, written] = native;
        const others = this.jobs.side.searchForms(leading, value); // none where the native field is joined from several
        return [{ entry, wanted, nativeField, forms: [...new Set([String(written), ...others])] }];
      });
      const [first] = asked;
      if (first === undefined) continue;
      const objects = await connector.findByField(
        object,
        first.nativeField,
        [...new Set(asked.flatMap(({ forms }) => forms))],
        nativeFields,
      );
      for (const { entry, wanted, forms } of asked) {
        const shown = forms.flatMap((form) => objects.get(form) ?? []).filter(isPresent);
        const distinct = [...new Map(shown.map((one) => [one.objectId, one])).values()];
        entry.candidates.push(
          ...distinct
            .filter((one) => this.jobs.side.takesPart(one.values))
            .filter((one) => key.keyOf(this.jobs.side.toCanonical(one.values)) === wanted),
        );
      }
    }
    return found;
  }

  /** Ties a found object to the job's record and decides its values. Returns false when a race was lost. */
  private async tie(job: CreateJob, state: PresentState, readBeganAtMs: number, how: 'own create' | 'match'): Promise<boolean> {
    const { system, sync, records } = this.jobs.ports;
    const ref = { system, object: this.jobs.side.object, objectId: state.objectId };
    const owner = (await records.resolveMany([ref])).get(refKey(ref));
    if (owner !== undefined && owner !== job.record.recordId) {
      const theirs = (await records.getMany([owner], { consistent: true })).get(owner);
      if (theirs?.deleted !== undefined && job.request.attempts < AWAIT_ARCHIVE_ATTEMPTS_MAX) {
        // D7: that one is on its way out, and this is the new life of the same person.
        await this.jobs.release([job]);
        this.jobs.putBack(job.request, AWAIT_ARCHIVE_MS, 'the object of a deleted record has its match key');
        return true;
      }
      await this.jobs.refuse(
        job,
        'MATCH_BELONGS_TO_ANOTHER_RECORD',
        `object ${state.objectId} has its match key and belongs to record ${owner}`,
      );
      return true;
    }
    // Our own receipt was never sent: it was an earlier try that made the object.
    const freed = released(job.record, system, job.owner)?.record ?? job.record;
    const tied =
      how === 'own create'
        ? tieCreated(freed, system, state.objectId, this.jobs.side.toCanonical(state.values), sync.rules)
        : withFoundObject(freed, system, state.objectId, sync.rules);
    const reading = { state, hints: [], correlationId: job.request.correlationId, record: tied };
    const observed = (await this.jobs.observer.observe([reading], readBeganAtMs)).get(state.objectId);
    const decision = observed && decideOn({ ...tied, version: job.record.version }, observed, sync.rules);
    if (decision?.kind === 'doubt') {
      await this.jobs.release([job]);
      const waitMs = Math.max(DOUBT_WAIT_MS, decision.rereadAfterMs - this.jobs.ports.now());
      this.jobs.putBack(job.request, waitMs, 'what was found cannot be told from a stale read');
      return true;
    }
    const next = decision?.kind === 'changed' ? decision.record : { ...tied, version: job.record.version + 1 };
    const lines: LedgerLine[] = [
      { event: 'linked', rule: how === 'match' ? 'L1' : 'C3', by: system, atMs: state.stampMs },
      ...(decision?.kind === 'changed' ? decision.lines : []),
    ];
    const entry = { recordId: next.recordId, version: next.version, ...this.jobs.noteOf(job, lines) };
    const result = await records.linkObject(this.jobs.commitFor(job, next, [], true), ref, { entry });
    if (result !== 'committed') {
      await this.jobs.release([job]);
      return false;
    }
    if (observed !== undefined) this.jobs.awaitParents(job, observed);
    await this.jobs.ports.guards.linked(sync.name, { [system]: 1 }); // a create is counted with its reservation
    this.jobs.tell(job, 'linked', state.objectId);
    return true;
  }

  private async tieCreated(job: CreateJob, outcome: Extract<WriteOutcome, { outcome: 'written' }>): Promise<void> {
    const { system, sync, records, now } = this.jobs.ports;
    const ref = { system, object: this.jobs.side.object, objectId: outcome.objectId };
    const answer = {
      objectId: outcome.objectId,
      ...(outcome.values !== undefined && { shown: this.jobs.side.toCanonical(outcome.values) }),
      ...(outcome.stampMs !== undefined && { stampMs: outcome.stampMs }),
    };
    let current: StoredRecord | undefined = job.record;
    for (let attempt = 0; attempt < CONFIRM_ATTEMPTS && current !== undefined; attempt += 1) {
      const next = confirmWritten(current, system, job.owner, answer, now(), sync.rules);
      const lines: LedgerLine[] = [{ event: 'linked', rule: 'C4', by: system, atMs: now(), reason: 'created there' }];
      const result = await records.linkObject(this.jobs.commitFor({ ...job, record: current }, next, lines, true), ref);
      if (result === 'committed') {
        this.jobs.tell(job, 'create', outcome.objectId);
        return;
      }
      if (result !== 'conflict') break; // somebody tied it already: by the record's id, so to this very record
      current = (await records.getMany([job.record.recordId], { consistent: true })).get(job.record.recordId);
    }
  }
}

function isPresent(state: ObjectState): state is PresentState {
  return state.state === 'present';
}
