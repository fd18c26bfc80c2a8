import { parseChangeEvent, readChangeEvent } from '../../shared/connectors/salesforce/change-event.ts';
import type { QueueMessage } from '../../shared/queue/message-batch.ts';
import { type ChangeHint, hintEnvelopeSchema } from '../../shared/sync/change-hint.ts';
import { log } from '../../shared/telemetry/log.ts';
import { type SyncsByObject, syncsByObject } from '../hint-routing.ts';
import type { HintsOfMessage } from './handle-hints.ts';

/** How our own changes are told from others' in a Salesforce change event. */
export interface OurAccount {
  readonly organizationId?: string;
  readonly userId?: string;
}

/**
 * Reads a message of a changes queue: an envelope of hints, or (from the partner event bus, with nothing between) a
 * Salesforce change event.
 *
 * @throws Error when it is neither.
 */
export function hintsOfMessage(
  message: QueueMessage,
  system: string,
  ours: OurAccount,
  nowMs: number,
): readonly HintsOfMessage[] {
  const json = parseChangeEvent(message.body);
  const envelope = hintEnvelopeSchema.safeParse(json);
  if (envelope.success) {
    if (envelope.data.system !== system) throw new Error(`a hint of ${envelope.data.system} on the changes queue of ${system}`);
    return [{ sync: envelope.data.sync, hints: envelope.data.hints }];
  }
  const syncs = syncsByObject(system);
  const read = readChangeEvent(json, {
    ...(ours.organizationId !== undefined && { organizationId: ours.organizationId }),
    ...(ours.userId !== undefined && { integrationUserId: ours.userId }),
    objects: new Set(syncs.keys()),
    receivedAtMs: nowMs,
    correlationId: (index) => `event-${message.id}${index === 0 ? '' : `-${index}`}`,
  });
  if (read.overflow !== undefined) {
    // The poll lists what changed in any case; this says why a burst will come from there.
    log.warn('too many changes for events; the poll carries them', {
      object: read.overflow.object,
      sinceMs: read.overflow.overflowSinceMs,
    });
  }
  return routed(read.hints, syncs);
}

function routed(hints: readonly ChangeHint[], syncs: SyncsByObject): HintsOfMessage[] {
  const bySync = new Map<string, ChangeHint[]>();
  for (const hint of hints) {
    for (const sync of syncs.get(hint.object) ?? []) {
      const known = bySync.get(sync) ?? [];
      known.push(hint);
      bySync.set(sync, known);
    }
  }
  return [...bySync].map(([sync, some]) => ({ sync, hints: some }));
}
