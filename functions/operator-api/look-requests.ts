import { hintMessages } from '../../shared/queue/envelopes.ts';
import type { MessageSender } from '../../shared/queue/message-sender.ts';
import type { ChangeHint } from '../../shared/sync/change-hint.ts';

export interface LookRequest {
  readonly sync: string;
  readonly system: string;
  readonly object: string; // the system's name of the object type
  readonly objectId: string;
}

/** Asks for an object to be read again, as if somebody had changed it. */
export type LookRequester = (request: LookRequest) => Promise<void>;

/** @param senders - the changes queues, by system. */
export function lookRequester(
  senders: ReadonlyMap<string, MessageSender>,
  ports: { readonly tenant: string; readonly now: () => number; readonly newId: () => string },
): LookRequester {
  return async ({ sync, system, object, objectId }) => {
    const sender = senders.get(system);
    if (sender === undefined)
      throw new Error(`there is no changes queue of ${system}; is it in the QUEUE_URLS of this function?`);
    const nowMs = ports.now();
    const hint: ChangeHint = {
      object,
      objectId,
      kind: 'changed',
      by: 'unknown',
      occurredAtMs: 0, // nothing is said of when it changed
      receivedAtMs: nowMs,
      fields: {},
      correlationId: `operator-${ports.newId()}`,
    };
    await sender.send(hintMessages({ tenant: ports.tenant, system, sync }, [hint]).map((body) => ({ body })));
  };
}
