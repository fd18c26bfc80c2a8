import { SendMessageBatchCommand, type SendMessageBatchRequestEntry, type SQSClient } from '@aws-sdk/client-sqs';

/** SQS: 10 entries per batch, https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
const ENTRIES_PER_BATCH = 10;
/** Below the 256 KiB that older queues allow for a whole batch. */
const BATCH_BYTES_MAX = 240_000;
/** SQS: the longest delay of a message. */
const DELAY_SECONDS_MAX = 900;
const SEND_ATTEMPTS = 3;

export interface OutgoingMessage {
  readonly body: string;
  /** Not visible before then, ms; rounded up to seconds, 15 minutes at most. */
  readonly delayMs?: number;
}

/** A queue as this project writes to it: whole batches, every message durable when the promise resolves. */
export interface MessageSender {
  /** @throws Error naming the codes when a message was refused: none of the batch may then be taken as sent. */
  send(messages: readonly OutgoingMessage[]): Promise<void>;
}

export function messageSender(sqs: SQSClient, queueUrl: string): MessageSender {
  return {
    async send(messages) {
      await Promise.all(inBatches(messages).map((batch) => sendBatch(sqs, queueUrl, batch)));
    },
  };
}

/** The senders of several queues, given by the names of their systems. */
export function messageSenders(sqs: SQSClient, queueUrls: Readonly<Record<string, string>>): Map<string, MessageSender> {
  return new Map(Object.entries(queueUrls).map(([system, url]) => [system, messageSender(sqs, url)]));
}

async function sendBatch(sqs: SQSClient, queueUrl: string, batch: readonly OutgoingMessage[]): Promise<void> {
  let entries: SendMessageBatchRequestEntry[] = batch.map((message, index) => ({
    Id: String(index),
    MessageBody: message.body,
    ...(message.delayMs !== undefined && { DelaySeconds: Math.min(Math.ceil(message.delayMs / 1000), DELAY_SECONDS_MAX) }),
  }));
  let codes: string[] = [];
  for (let attempt = 0; attempt < SEND_ATTEMPTS && entries.length > 0; attempt += 1) {
    const { Failed: failed = [] } = await sqs.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries }));
    codes = failed.map((failure) => failure.Code ?? 'unknown');
    const again = new Set(failed.filter((failure) => !failure.SenderFault).map((failure) => failure.Id));
    if (failed.length > again.size) break; // a message that SQS will never take
    entries = entries.filter((entry) => again.has(entry.Id));
  }
  if (codes.length > 0)
    throw new Error(`SQS refused ${codes.length} of ${batch.length} messages (${[...new Set(codes)].join(', ')})`);
}

function inBatches(messages: readonly OutgoingMessage[]): OutgoingMessage[][] {
  const batches: OutgoingMessage[][] = [];
  let batch: OutgoingMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = Buffer.byteLength(message.body);
    if (batch.length > 0 && (batch.length === ENTRIES_PER_BATCH || bytes + size > BATCH_BYTES_MAX)) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(message);
    bytes += size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
