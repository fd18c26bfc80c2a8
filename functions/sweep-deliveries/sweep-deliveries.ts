import type { CompiledSync } from '../../shared/config/compiled-sync.ts';
import type { DeliveryRequest } from '../../shared/queue/delivery-message.ts';
import { deliveryMessages } from '../../shared/queue/envelopes.ts';
import type { MessageSender } from '../../shared/queue/message-sender.ts';
import type { FirstSyncStore } from '../../shared/store/first-sync-store.ts';
import type { RecordStore, StoredRecord } from '../../shared/store/record-store.ts';
import type { RecordWorklist } from '../../shared/store/record-worklist.ts';
import type { WaitingStore } from '../../shared/store/waiting-store.ts';
import { dirtySystems, endOverrides, isClaimed } from '../../shared/sync/delivery.ts';
import { commitOf } from '../record-commit.ts';
import { senderTo, sendWoken } from '../send-woken.ts';
import { lookAtWaiting } from '../waiting-references.ts';

/** Longer than any delivery takes in good times, shorter than anybody waits in bad ones. */
const DIRTY_TOO_LONG_MS = 3 * 60_000;
const PAGE = 100;
const PAGES_MAX = 50;

export interface SweepPorts {
  readonly tenant: string;
  readonly syncs: ReadonlyMap<string, CompiledSync>;
  readonly records: Pick<RecordStore, 'getMany' | 'commitMany' | 'resolveMany'>;
  readonly worklist: RecordWorklist;
  readonly waiting: WaitingStore;
  readonly firstSync: Pick<FirstSyncStore, 'putReview'>;
  readonly changes: ReadonlyMap<string, MessageSender>; // by system
  readonly deliveries: ReadonlyMap<string, MessageSender>; // by system
  readonly now: () => number;
  readonly newId: () => string;
}

export interface Swept {
  readonly dirty: number;
  readonly resent: number;
  readonly ended: number;
  readonly oldestMs: number;
  /** What waited for a parent that is there by now: its wake-up was lost. */
  readonly woken: number;
  /** Parents that were waited for in vain, and are shown to a person now. */
  readonly cases: number;
}

/**
 * Deliveries are derived from state, so whatever a lost message left behind is found here and sent again. What falls due by
 * time alone (an override that ends, a parent that does not come) is found in the same way, and carried out.
 */
export async function sweepDeliveries(ports: SweepPorts): Promise<Swept> {
  const late = await sweepDirty(ports);
  const look = await lookAtWaiting(ports);
  await sendWoken(look, ports);
  return { ...late, woken: look.hints.length + look.deliveries.length, cases: look.cases };
}

async function sweepDirty(ports: SweepPorts): Promise<Omit<Swept, 'woken' | 'cases'>> {
  let cursor: string | undefined;
  let dirty = 0;
  let resent = 0;
  let ended = 0;
  let oldestMs = 0;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const late = await ports.worklist.dirtyOlderThan(DIRTY_TOO_LONG_MS, { limit: PAGE, ...(cursor !== undefined && { cursor }) });
    dirty += late.items.length;
    for (const item of late.items) oldestMs = Math.max(oldestMs, ports.now() - item.dirtySinceMs);
    const records = await ports.records.getMany(
      late.items.map((item) => item.recordId),
      { consistent: true },
    );
    ended += await endDueOverrides([...records.values()], ports);
    resent += await resend([...records.values()], ports);
    cursor = late.cursor;
    if (cursor === undefined) break;
  }
  return { dirty, resent, ended, oldestMs };
}

/** P8: the commit's own outbox sends the deliveries. A lost race is taken up by the next sweep. */
async function endDueOverrides(records: readonly StoredRecord[], ports: SweepPorts): Promise<number> {
  const commits = records.flatMap((record) => {
    const sync = ports.syncs.get(record.sync);
    if (sync === undefined) return [];
    const over = endOverrides(record, ports.now());
    if (over === undefined) return [];
    const note = { correlationId: `sweep-${ports.newId()}`, lines: over.lines, decidedAtMs: ports.now() };
    return [commitOf(over.record, { rules: sync.rules, nowMs: ports.now(), before: record, note })];
  });
  if (commits.length > 0) await ports.records.commitMany(commits);
  return commits.length;
}

async function resend(records: readonly StoredRecord[], ports: SweepPorts): Promise<number> {
  const lanes = new Map<string, { system: string; sync: string; requests: DeliveryRequest[] }>();
  let count = 0;
  for (const record of records) {
    const sync = ports.syncs.get(record.sync);
    if (sync === undefined) continue; // taken out of the config: nothing is asked of anybody any more
    for (const system of dirtySystems(record, sync.rules)) {
      if (isClaimed(record, system, ports.now())) continue;
      const lane = lanes.get(`${system}#${sync.name}`) ?? { system, sync: sync.name, requests: [] };
      lane.requests.push({
        recordId: record.recordId,
        correlationId: `sweep-${ports.newId()}`,
        receivedAtMs: ports.now(),
        attempts: 0,
      });
      lanes.set(`${system}#${sync.name}`, lane);
      count += 1;
    }
  }
  await Promise.all(
    [...lanes.values()].map(({ system, sync, requests }) =>
      senderTo(system, ports.deliveries, 'delivery').send(
        deliveryMessages({ tenant: ports.tenant, sync }, requests).map((body) => ({ body })),
      ),
    ),
  );
  return count;
}
