import { AuthRejectedError, RateLimitedError, SystemUnavailableError } from '../../shared/errors.ts';
import { hintMessages } from '../../shared/queue/envelopes.ts';
import type { QueueMessage } from '../../shared/queue/message-batch.ts';
import type { MessageSender, OutgoingMessage } from '../../shared/queue/message-sender.ts';
import type { ChangeHint } from '../../shared/sync/change-hint.ts';
import { countFor, errorFacts, log, MetricUnit } from '../../shared/telemetry/log.ts';
import { backoffMs, PATIENCE_MS } from '../message-settlement.ts';
import { messagesOf } from '../send-woken.ts';
import { type ProcessPorts, type ProcessResult, processChanges, type SettledChange } from './process-changes.ts';

/** A doubtful read clears up within a few tries; what does not is for a person to look at. */
const REREADS_MAX = 12;

export interface HintsOfMessage {
  readonly sync: string;
  readonly hints: readonly ChangeHint[];
}

export interface HandleHintsPorts {
  readonly tenant: string;
  readonly system: string;
  /** @throws Error when the body is no message of ours. */
  readonly hintsOf: (message: QueueMessage) => readonly HintsOfMessage[];
  readonly changes: MessageSender;
  readonly portsFor: (sync: string) => ProcessPorts | Promise<ProcessPorts>;
  readonly now: () => number;
  readonly random: () => number;
}

export interface HandledHints {
  readonly failedIds: Set<string>;
  readonly hints: number;
  readonly skipped: number;
  readonly later: number;
  readonly changes: readonly SettledChange[];
}

interface Origin {
  readonly message: QueueMessage;
  readonly sync: string;
  readonly alone: boolean; // the only hint of its message
}

/** Processes the hints of a batch of messages, and finds each hint that is not settled a place to wait. */
export async function handleHints(messages: readonly QueueMessage[], ports: HandleHintsPorts): Promise<HandledHints> {
  const failedIds = new Set<string>();
  const origins = new Map<ChangeHint, Origin>();
  for (const message of messages) {
    try {
      const parts = ports.hintsOf(message);
      const count = parts.reduce((sum, part) => sum + part.hints.length, 0);
      for (const { sync, hints } of parts) for (const hint of hints) origins.set(hint, { message, sync, alone: count === 1 });
    } catch (error) {
      log.error('message is not a change hint', { messageId: message.id, ...errorFacts(error) });
      failedIds.add(message.id);
    }
  }
  const settled: SettledChange[] = [];
  let skipped = 0;
  let later = 0;
  for (const sync of new Set([...origins.values()].map((origin) => origin.sync))) {
    const hints = [...origins].filter(([, origin]) => origin.sync === sync).map(([hint]) => hint);
    const result = await processOrPostpone(hints, sync, ports);
    settled.push(...result.settled);
    skipped += result.skipped;
    const { quarantined, warnings } = result.quality;
    if (quarantined > 0) countFor(ports.system, 'Quarantined', MetricUnit.Count, quarantined);
    if (warnings.length > 0) log.warn('data quality', { system: ports.system, sync, warnings });
    later += result.later.length;
    await shelve(sync, result, origins, failedIds, ports);
    await sendOn(sync, result.hints, origins, failedIds, ports);
  }
  const missed = settled.filter((change) => change.missedByEvents).length;
  if (missed > 0) countFor(ports.system, 'ChangeEventsMissing', MetricUnit.Count, missed);
  return { failedIds, hints: origins.size, skipped, later, changes: settled };
}

const NOTHING_DONE: ProcessResult = {
  later: [],
  failed: [],
  settled: [],
  hints: [],
  skipped: 0,
  quality: { quarantined: 0, warnings: [] },
};

/** A system that does not answer postpones the whole batch: its hints keep waiting, with growing pauses. */
async function processOrPostpone(hints: readonly ChangeHint[], sync: string, ports: HandleHintsPorts): Promise<ProcessResult> {
  try {
    return await processChanges(hints, await ports.portsFor(sync));
  } catch (error) {
    const patient =
      error instanceof RateLimitedError || error instanceof SystemUnavailableError || error instanceof AuthRejectedError;
    if (!patient) return { ...NOTHING_DONE, failed: hints.map((hint) => ({ hint, error })) };
    if (error instanceof AuthRejectedError) countFor(ports.system, 'AuthRejected', MetricUnit.Count, 1);
    log.warn('the system does not answer; its hints wait', { system: ports.system, hints: hints.length, ...errorFacts(error) });
    const retryAfterMs = 'retryAfterMs' in error ? error.retryAfterMs : 0;
    const later = hints.map((hint) => ({
      hint,
      delayMs: Math.max(retryAfterMs, backoffMs(hint.rereads ?? 0, ports.random)),
      reason: error.name,
    }));
    return { ...NOTHING_DONE, later };
  }
}

/** Children whose parent just came wait no longer, so their own messages come back where the queue does not take them. */
async function sendOn(
  sync: string,
  hints: ProcessResult['hints'],
  origins: ReadonlyMap<ChangeHint, Origin>,
  failedIds: Set<string>,
  ports: HandleHintsPorts,
): Promise<void> {
  if (hints.length === 0) return;
  try {
    await ports.changes.send(messagesOf(hints, ports.tenant));
  } catch (error) {
    log.error('hints could not be sent on', errorFacts(error));
    for (const origin of origins.values()) if (origin.sync === sync) failedIds.add(origin.message.id);
  }
}

/** Puts hints back that must wait, and splits failed ones from their messages, so that each fails alone. */
async function shelve(
  sync: string,
  result: ProcessResult,
  origins: ReadonlyMap<ChangeHint, Origin>,
  failedIds: Set<string>,
  ports: HandleHintsPorts,
): Promise<void> {
  const outgoing: { message: OutgoingMessage; hint: ChangeHint }[] = [];
  const bodyOf = (hint: ChangeHint): string =>
    hintMessages({ tenant: ports.tenant, system: ports.system, sync }, [hint])[0] ?? '';
  for (const { hint, delayMs, reason } of result.later) {
    const doubtful = !['RateLimitedError', 'SystemUnavailableError', 'AuthRejectedError'].includes(reason);
    const tooOften = doubtful && (hint.rereads ?? 0) >= REREADS_MAX;
    if (tooOften || ports.now() - hint.receivedAtMs > PATIENCE_MS) {
      log.error('hint waited too long', {
        correlationId: hint.correlationId,
        objectId: hint.objectId,
        reason,
        rereads: hint.rereads ?? 0,
      });
      failAlone(hint);
      continue;
    }
    outgoing.push({ message: { body: bodyOf({ ...hint, rereads: (hint.rereads ?? 0) + 1 }), delayMs }, hint });
  }
  for (const { hint, error } of result.failed) {
    log.error('hint failed', { correlationId: hint.correlationId, objectId: hint.objectId, ...errorFacts(error) });
    failAlone(hint);
  }

  function failAlone(hint: ChangeHint): void {
    const origin = origins.get(hint);
    if (origin?.alone) failedIds.add(origin.message.id);
    else outgoing.push({ message: { body: bodyOf(hint) }, hint });
  }

  if (outgoing.length === 0) return;
  try {
    await ports.changes.send(outgoing.map(({ message }) => message));
  } catch (error) {
    // Not durable elsewhere, so their messages must come back.
    log.error('hints could not be put back', errorFacts(error));
    for (const { hint } of outgoing) {
      const origin = origins.get(hint);
      if (origin !== undefined) failedIds.add(origin.message.id);
    }
  }
}
