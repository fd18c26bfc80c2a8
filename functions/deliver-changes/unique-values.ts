import type { WriteOutcome } from '../../shared/connectors/connector.ts';
import { refKey } from '../../shared/store/record-store.ts';
import { claim, confirmWritten, releaseClaim, wantOf } from '../../shared/sync/delivery.ts';
import type { FieldValue } from '../../shared/sync/field-value.ts';
import { askedOf, sameValue, seenOf } from '../../shared/sync/link.ts';
import { type SyncRecord, valuesOf } from '../../shared/sync/record.ts';
import { commitOf } from '../record-commit.ts';
import { type JobOf, type Jobs, LEASE_MS } from './jobs.ts';

/** An update that a system refused because another object holds one of its unique values. */
export interface BlockedUpdate {
  readonly job: JobOf<'update'>;
  readonly existingObjectId: string;
}

/** Whoever holds the value is about to be written too. */
const AWAIT_BLOCKER_MS = 1_000;
/** Who holds it has not let go of it by then, and does not seem to: a person looks. */
const ATTEMPTS_MAX = 12;

/**
 * W9: unique values that change hands (two contacts swap their addresses). A value that its holder is about to give up is
 * waited for; if it is still held at the next try, both may be waiting for each other, so the waiting object lets go of its own value first:
 * empty for a moment, then what the record asks.
 */
export class UniqueValues {
  private readonly jobs: Jobs;

  constructor(jobs: Jobs) {
    this.jobs = jobs;
  }

  /** @returns the updates that nobody makes way for: for a person to look at. */
  async changeHands(blocked: readonly BlockedUpdate[]): Promise<BlockedUpdate[]> {
    if (blocked.length === 0) return [];
    const holders = await this.holdersOf(blocked);
    const uniqueFields = await this.uniqueFields();
    const stuck: BlockedUpdate[] = [];
    for (const update of blocked) {
      const holder = holders.get(update.existingObjectId);
      const fields = holder === undefined ? [] : this.fieldsGivenUp(update, holder, uniqueFields);
      if (fields.length === 0 || update.job.request.attempts >= ATTEMPTS_MAX) stuck.push(update);
      else if (update.job.request.attempts === 0 || this.hasLetGo(update.job, fields)) await this.wait(update.job);
      else await this.letGo(update.job, fields);
    }
    return stuck;
  }

  private async holdersOf(blocked: readonly BlockedUpdate[]): Promise<Map<string, SyncRecord>> {
    const { system, records } = this.jobs.ports;
    const ref = (objectId: string) => ({ system, object: this.jobs.side.object, objectId });
    const owners = await records.resolveMany(blocked.map(({ existingObjectId }) => ref(existingObjectId)));
    const holders = await records.getMany([...owners.values()], { consistent: true });
    return new Map(
      blocked.flatMap(({ existingObjectId }): [string, SyncRecord][] => {
        const holder = holders.get(owners.get(refKey(ref(existingObjectId))) ?? '');
        return holder === undefined ? [] : [[existingObjectId, holder]];
      }),
    );
  }

  /** Canonical fields that no two objects may share there. */
  private async uniqueFields(): Promise<ReadonlySet<string>> {
    const { connector, sync, system } = this.jobs.ports;
    const described = await connector.describe(this.jobs.side.object);
    const natives = new Set(described.filter(({ unique }) => unique).map(({ name }) => name));
    const fields = Object.keys(sync.rules.systems[system]?.fields ?? {});
    return new Set(
      fields.filter((field) => Object.keys(this.jobs.side.toNative({ [field]: null }, {})).some((name) => natives.has(name))),
    );
  }

  /**
   * Fields of the blocked update whose value the holder still has, and is asked to change: the unique ones, or all where the
   * system goes by a duplicate rule of its own.
   */
  private fieldsGivenUp({ job, existingObjectId }: BlockedUpdate, holder: SyncRecord, unique: ReadonlySet<string>): string[] {
    const { system, sync } = this.jobs.ports;
    const goesByRule = !Object.keys(job.want.fields).some((field) => unique.has(field));
    const link = holder.links[system];
    if (link?.objectId !== existingObjectId || link.refusal !== undefined) return [];
    return Object.entries(job.want.fields)
      .filter(([field, value]) => {
        if (!goesByRule && !unique.has(field)) return false;
        const held = seenOf(holder, link, field);
        const same = (one: FieldValue) => sameValue(sync.rules, field, one, value);
        return 'value' in held && same(held.value) && !same(askedOf(holder, link, field));
      })
      .map(([field]) => field);
  }

  /** Its own value is gone already: now it is the holder's turn. */
  private hasLetGo(job: JobOf<'update'>, fields: readonly string[]): boolean {
    const link = job.record.links[this.jobs.ports.system];
    if (link === undefined) return false;
    return fields.every((field) => {
      const seen = seenOf(job.record, link, field);
      return 'value' in seen && seen.value === null;
    });
  }

  private async wait(job: JobOf<'update'>): Promise<void> {
    await this.jobs.release([job]);
    this.jobs.putBack(job.request, AWAIT_BLOCKER_MS, 'another object is about to give up the value');
  }

  /** A write of its own, with a receipt of its own, so that its echo is known. */
  private async letGo(job: JobOf<'update'>, fields: readonly string[]): Promise<void> {
    const { system, sync, records, now, newId } = this.jobs.ports;
    this.jobs.putBack(job.request, AWAIT_BLOCKER_MS, 'its own value was let go of first');
    const freed = { ...releaseClaim(job.record, system, job.owner), version: job.record.version };
    const want = {
      kind: 'update' as const,
      objectId: job.want.objectId,
      fields: Object.fromEntries(fields.map((field) => [field, null])),
    };
    if (wantOf(freed, system, sync.rules).kind !== 'update') return;
    const owner = newId().slice(0, 8);
    const claimed = claim(freed, system, want, owner, now(), LEASE_MS);
    const note = { correlationId: job.request.correlationId, lines: [], decidedAtMs: now() };
    const commit = commitOf(claimed, {
      rules: this.jobs.ports.rules,
      nowMs: now(),
      before: job.record,
      note,
      inHand: system,
    });
    const [result] = await records.commitMany([commit]);
    if (result !== 'committed') return;
    const emptied = { ...job, record: { ...claimed, marks: job.record.marks }, owner, want, references: {} };
    const outcome = await this.empty(emptied);
    if (outcome?.outcome === 'written') {
      await this.jobs.commitSteps([
        {
          job: emptied,
          step: (current) => ({
            record: confirmWritten(current, system, owner, { objectId: outcome.objectId }, now(), sync.rules),
          }),
        },
      ]);
    } else if (outcome?.outcome === 'rejected' || outcome?.outcome === 'duplicate') {
      await this.jobs.refuse(
        emptied,
        'DUPLICATE',
        'another object has a unique value of it, and its own cannot be emptied to make way',
      );
    } else if (outcome?.outcome === 'retry' || outcome?.outcome === 'gone') {
      await this.jobs.release([emptied]);
    } // unknown: the claim stays until its end makes sure that a late write meets no newer one
  }

  private async empty(job: JobOf<'update'>): Promise<WriteOutcome | undefined> {
    const { connector } = this.jobs.ports;
    const { object } = this.jobs.side;
    const values = this.jobs.side.toNative(job.want.fields, valuesOf(job.record));
    const outcomes = await this.jobs.write([job], () => connector.update(object, [{ objectId: job.want.objectId, values }]));
    return outcomes.get(job.want.objectId);
  }
}
