import type { ReceivedHints } from '../shared/connectors/connector.ts';
import { hintMessages } from '../shared/queue/envelopes.ts';
import type { MessageSender } from '../shared/queue/message-sender.ts';
import type { ChangeHint } from '../shared/sync/change-hint.ts';
import { log } from '../shared/telemetry/log.ts';
import { tenant } from './config.ts';
import { syncsByObject } from './hint-routing.ts';

/** Our own cap, far above what either CRM sends in one call. */
export const BODY_BYTES_MAX = 256 * 1024;

/** The raw bytes of a request: what a signature is over. */
export function rawBody(event: { readonly body?: string | undefined; readonly isBase64Encoded: boolean }): Buffer {
  return Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
}

/** Puts received hints on the queue. When it resolves they are durable, and not before then may anything be acknowledged. */
export async function enqueueHints(system: string, received: ReceivedHints, changes: MessageSender): Promise<void> {
  const syncs = syncsByObject(system);
  const bySync = new Map<string, ChangeHint[]>();
  for (const hint of received.hints) {
    for (const sync of syncs.get(hint.object) ?? []) bySync.set(sync, [...(bySync.get(sync) ?? []), hint]);
  }
  const messages = [...bySync].flatMap(([sync, hints]) =>
    hintMessages({ tenant, system, sync }, hints).map((body) => ({ body })),
  );
  if (messages.length > 0) await changes.send(messages);
  log.info('received', {
    system,
    ignored: received.ignored,
    hints: received.hints.map(({ correlationId, object, objectId, kind, by, fields }) => ({
      correlationId,
      object,
      objectId,
      kind,
      by,
      fields: Object.keys(fields),
    })),
  });
}
