import type { ChangeHint, HintEnvelope } from '../sync/change-hint.ts';
import type { DeliveryEnvelope, DeliveryRequest } from './delivery-message.ts';

/** Small enough that one read call serves a message, large enough that a burst costs few requests. */
const ITEMS_PER_MESSAGE = 100;
/** Well below the limit of a message, so that ten of them fit a batch. */
const MESSAGE_BYTES_MAX = 120_000;

/** A hint beyond this goes without its values: they are witnesses only, and the object is read anyway. */
const HINT_BYTES_MAX = 200_000;

/** Packs hints of one system and sync into message bodies. */
export function hintMessages(address: { tenant: string; system: string; sync: string }, hints: readonly ChangeHint[]): string[] {
  return packed(hints.map(small)).map((some) => sendable({ v: 1, ...address, hints: some } satisfies HintEnvelope));
}

/** Packs deliveries to one system into message bodies. */
export function deliveryMessages(address: { tenant: string; sync: string }, deliveries: readonly DeliveryRequest[]): string[] {
  return packed(deliveries).map((some) => sendable({ v: 1, ...address, deliveries: some } satisfies DeliveryEnvelope));
}

/**
 * JSON without the two characters that JSON lets through and SQS refuses. One in somebody's field would keep all its
 * neighbours off the queue. docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
function sendable(envelope: HintEnvelope | DeliveryEnvelope): string {
  return JSON.stringify(envelope).replace(/[\ufffe\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`);
}

function small(hint: ChangeHint): ChangeHint {
  if (Buffer.byteLength(JSON.stringify(hint.fields)) <= HINT_BYTES_MAX) return hint;
  const { snapshot: _, ...rest } = hint;
  return { ...rest, fields: {} };
}

function packed<Item>(items: readonly Item[]): Item[][] {
  const packs: Item[][] = [];
  let pack: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (pack.length > 0 && (pack.length === ITEMS_PER_MESSAGE || bytes + size > MESSAGE_BYTES_MAX)) {
      packs.push(pack);
      pack = [];
      bytes = 0;
    }
    pack.push(item);
    bytes += size;
  }
  if (pack.length > 0) packs.push(pack);
  return packs;
}
