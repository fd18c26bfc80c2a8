import { DeleteMessageBatchCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';

/** A message in hand, however it came. A standard queue may hand over a second copy: each has a receipt of its own. */
export interface QueueMessage {
  readonly id: string;
  readonly body: string;
}

interface DrainedMessage extends QueueMessage {
  readonly receiptHandle: string;
}

/** The messages of one invocation: those that Lambda handed over, and those drained from the backlog behind them. */
export interface MessageBatch {
  readonly messages: readonly QueueMessage[];
  /**
   * Settles the batch: what was handled is deleted, what failed comes back after its visibility timeout.
   *
   * @returns what the handler answers Lambda with.
   */
  settle(failedIds: ReadonlySet<string>): Promise<{ batchItemFailures: { itemIdentifier: string }[] }>;
}

/** Lambda hands over 10 messages at most without waiting for more: a full batch is the sign of a backlog. */
const FULL_BATCH = 10;
const RECEIVES_AT_ONCE = 4;

/**
 * Takes the handed-over messages and, when there is a backlog, more of the same queue: batches grow with the
 * backlog, so that a burst costs few calls of the CRM, while a single edit waits for nobody.
 *
 * @param drainMax - how many more messages to take at most.
 */
export async function gatherMessages(
  sqs: SQSClient,
  queueUrl: string,
  records: readonly SQSRecord[],
  drainMax: number,
): Promise<MessageBatch> {
  const handed: QueueMessage[] = records.map((record) => ({ id: record.messageId, body: record.body }));
  const drained = records.length < FULL_BATCH ? [] : await drain(sqs, queueUrl, drainMax);
  return {
    messages: [...handed, ...drained],
    async settle(failedIds) {
      await deleteMessages(
        sqs,
        queueUrl,
        drained.filter((message) => !failedIds.has(message.id)),
      );
      return {
        batchItemFailures: handed
          .filter((message) => failedIds.has(message.id))
          .map((message) => ({ itemIdentifier: message.id })),
      };
    },
  };
}

async function drain(sqs: SQSClient, queueUrl: string, drainMax: number): Promise<DrainedMessage[]> {
  const drained: DrainedMessage[] = [];
  while (drained.length < drainMax) {
    const receives = Math.min(RECEIVES_AT_ONCE, Math.ceil((drainMax - drained.length) / 10));
    const answers = await Promise.all(
      Array.from({ length: receives }, () =>
        sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 })),
      ),
    );
    for (const { Messages: messages = [] } of answers) {
      for (const { MessageId: id, ReceiptHandle: receiptHandle, Body: body } of messages) {
        if (id !== undefined && receiptHandle !== undefined && body !== undefined) drained.push({ id, receiptHandle, body });
      }
    }
    if (answers.some(({ Messages: messages = [] }) => messages.length < 10)) break; // the backlog is in hand
  }
  return drained;
}

async function deleteMessages(sqs: SQSClient, queueUrl: string, messages: readonly DrainedMessage[]): Promise<void> {
  const batches: DrainedMessage[][] = [];
  for (let start = 0; start < messages.length; start += 10) batches.push(messages.slice(start, start + 10));
  // A message that could not be deleted comes again and finds nothing to do.
  await Promise.all(
    batches.map((batch) =>
      sqs.send(
        new DeleteMessageBatchCommand({
          QueueUrl: queueUrl,
          Entries: batch.map((message, index) => ({ Id: String(index), ReceiptHandle: message.receiptHandle })),
        }),
      ),
    ),
  );
}
