import type { WriteOutcome } from '../../shared/connectors/connector.ts';
import type { Reservation } from '../../shared/sync/guards/write-guard.ts';
import { countFor, log, MetricUnit } from '../../shared/telemetry/log.ts';
import type { JobOf, Jobs } from './jobs.ts';

/** What a batch is about to write. */
export interface Batch {
  readonly updates?: readonly JobOf<'update'>[];
  readonly archives?: readonly JobOf<'archive'>[];
  readonly creates?: readonly JobOf<'create'>[];
}

const DAY_MS = 24 * 3_600_000;
/** Answers after which it is sure that nothing was written. */
const UNWRITTEN: ReadonlySet<WriteOutcome['outcome']> = new Set(['retry', 'rejected', 'duplicate', 'gone']);

/**
 * G1: asks the guard before a batch is written, and gives back what was not written after all. A batch that it stops is
 * dropped: its records stay dirty, and the sweep asks for them again when a person has let it go on.
 */
export class GuardedWrites {
  private readonly jobs: Jobs;

  constructor(jobs: Jobs) {
    this.jobs = jobs;
  }

  /** True while a stop stands: then nothing need be claimed. */
  async isStopped(): Promise<boolean> {
    const { guards, sync, system } = this.jobs.ports;
    const stop = await guards.standing({ sync: sync.name, system });
    if (stop !== undefined) this.tellStopped(stop.id, stop.reason);
    return stop !== undefined;
  }

  /** @returns undefined when the batch may not be written; its claims are given back then. */
  async reserve(batch: Batch): Promise<Reservation | undefined> {
    const { guards, sync, system } = this.jobs.ports;
    const { updates = [], archives = [], creates = [] } = batch;
    const all = [...updates, ...archives, ...creates];
    if (all.length === 0) return undefined;
    const again = updates.flatMap((job) => this.writtenLately(job));
    const reserved = await this.jobs.orRelease(all, () =>
      guards.reserve({
        sync: sync.name,
        system,
        deletes: archives.length,
        alters: updates.length - again.length,
        creates: creates.length,
        again,
        limits: sync.guards,
      }),
    );
    if (reserved.kind === 'go') return reserved.reservation;
    this.tellStopped(reserved.stopId, reserved.reason);
    await this.jobs.release(all);
    return undefined;
  }

  async settle(reservation: Reservation, batch: Batch, outcomeOf: (key: string) => WriteOutcome | undefined): Promise<void> {
    const { guards, sync, system } = this.jobs.ports;
    const unwritten = (key: string) => UNWRITTEN.has(outcomeOf(key)?.outcome ?? 'unknown');
    const { updates = [], archives = [], creates = [] } = batch;
    await guards.settle({ sync: sync.name, system }, reservation, {
      deletes: archives.filter((job) => unwritten(job.want.objectId)).length,
      alters: updates.filter((job) => unwritten(job.want.objectId) && this.writtenLately(job).length === 0).length,
      creates: creates.filter((job) => unwritten(job.record.recordId)).length,
    });
  }

  private writtenLately(job: JobOf<'update'>): number[] {
    const { system, now } = this.jobs.ports;
    const atMs = job.record.links[system]?.deliveredAtMs;
    return atMs !== undefined && now() - atMs < DAY_MS ? [atMs] : [];
  }

  private tellStopped(stopId: string, reason: string): void {
    const { system, sync } = this.jobs.ports;
    countFor(system, 'WritesStopped', MetricUnit.Count, 1);
    log.warn('writes are stopped', { system, sync: sync.name, stopId, reason });
  }
}
