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
/** SQS: at most 10 per receive or delete, docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html */
const MESSAGES_PER_CALL = 10;

/**
 * Takes the handed-over messages and, when there is a backlog, more of the same queue: batches grow with the
 * backlog, so that a burst costs few calls of the CRM, while a single edit waits for nobody.
 *
 * @param drainMax - how many more messages to take at most.
 * @param waited - the invocation had to wait for its turn at the API: a backlog gathered meanwhile.
 */
export async function gatherMessages(
  sqs: SQSClient,
  queueUrl: string,
  records: readonly SQSRecord[],
  drainMax: number,
  waited = false,
): Promise<MessageBatch> {
  const handed: QueueMessage[] = records.map((record) => ({ id: record.messageId, body: record.body }));
  const drained = records.length < FULL_BATCH && !waited ? [] : await drain(sqs, queueUrl, drainMax);
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
    const wanted = sizesOf(Math.min(drainMax - drained.length, RECEIVES_AT_ONCE * MESSAGES_PER_CALL));
    const answers = await Promise.all(
      wanted.map((size) =>
        sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: size, WaitTimeSeconds: 0 })),
      ),
    );
    for (const { Messages: messages = [] } of answers) {
      for (const { MessageId: id, ReceiptHandle: receiptHandle, Body: body } of messages) {
        if (id !== undefined && receiptHandle !== undefined && body !== undefined) drained.push({ id, receiptHandle, body });
      }
    }
    // A short answer: the backlog is in hand.
    if (answers.some(({ Messages: messages = [] }, index) => messages.length < (wanted[index] ?? 0))) break;
  }
  return drained;
}

/** How many messages to ask for in each of the calls that together bring `count`. */
function sizesOf(count: number): number[] {
  return Array.from({ length: Math.ceil(count / MESSAGES_PER_CALL) }, (_, call) =>
    Math.min(MESSAGES_PER_CALL, count - call * MESSAGES_PER_CALL),
  );
}

async function deleteMessages(sqs: SQSClient, queueUrl: string, messages: readonly DrainedMessage[]): Promise<void> {
  const batches: DrainedMessage[][] = [];
  for (let start = 0; start < messages.length; start += MESSAGES_PER_CALL)
    batches.push(messages.slice(start, start + MESSAGES_PER_CALL));
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
