import {
  BatchEntryIdsNotDistinct,
  BatchRequestTooLong,
  type BatchResultErrorEntry,
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  type DeleteMessageBatchResultEntry,
  EmptyBatchRequest,
  InvalidBatchEntryId,
  type Message,
  MessageNotInflight,
  QueueDoesNotExist,
  ReceiptHandleIsInvalid,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SendMessageBatchResultEntry,
  SQSClient,
  SQSServiceException,
  TooManyEntriesInBatchRequest,
} from '@aws-sdk/client-sqs';
import { MessageRefusedError, type ModelQueue } from './model-queue.ts';
import type { PortCall } from './port-call.ts';

const BATCH_MAX = 10;
/** The entries of a batch together: docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
const BATCH_BYTES_MAX = 1_048_576;
const $metadata = Object.freeze({});

/** The queues by URL, as one container reaches them. It is an SQSClient that can only `send`, and only what shared/queue sends. */
export function queueClient(queues: ReadonlyMap<string, ModelQueue>, call: PortCall): SQSClient {
  const client: SQSClient = Object.create(SQSClient.prototype);
  const send = (command: object): Promise<object> =>
    call(`queue ${command.constructor.name.replace(/Command$/, '')}`, () => answerOf(queues, command));
  return Object.defineProperty(client, 'send', { value: send });
}

function answerOf(queues: ReadonlyMap<string, ModelQueue>, command: object): object {
  if (command instanceof SendMessageBatchCommand)
    return sendBatch(queueOf(queues, command.input.QueueUrl), command.input.Entries);
  if (command instanceof ReceiveMessageCommand) return receive(queueOf(queues, command.input.QueueUrl), command.input);
  if (command instanceof DeleteMessageBatchCommand) {
    const queue = queueOf(queues, command.input.QueueUrl);
    refuseWrongBatch(command.input.Entries);
    return batchAnswer(command.input.Entries, ({ Id, ReceiptHandle }): DeleteMessageBatchResultEntry => {
      const { id, receipt } = receiptOf(ReceiptHandle);
      queue.delete(id, receipt);
      return { Id };
    });
  }
  if (command instanceof ChangeMessageVisibilityCommand) {
    const { QueueUrl, ReceiptHandle, VisibilityTimeout = 0 } = command.input;
    const { id, receipt } = receiptOf(ReceiptHandle);
    const isInFlight = asException(() => queueOf(queues, QueueUrl).changeVisibility(id, receipt, VisibilityTimeout * 1_000));
    if (!isInFlight) throw new MessageNotInflight({ message: 'The message referred to is not in flight.', $metadata: {} });
    return { $metadata };
  }
  throw new Error(
    `the model of SQS does not know ${command.constructor.name}; add it, and its behaviour to test/contract/queue-contract.ts`,
  );
}

function sendBatch(queue: ModelQueue, entries: readonly SendMessageBatchRequestEntry[] | undefined): object {
  refuseWrongBatch(entries);
  const bytes = entries?.reduce((sum, { MessageBody = '' }) => sum + Buffer.byteLength(MessageBody), 0) ?? 0;
  if (entries !== undefined && entries.length > 1 && bytes > BATCH_BYTES_MAX) {
    const message = `Batch requests cannot be longer than ${BATCH_BYTES_MAX} bytes. You have sent ${bytes} bytes.`;
    throw new BatchRequestTooLong({ message, $metadata: {} });
  }
  return batchAnswer(entries, ({ Id, MessageBody = '', DelaySeconds, ...more }): SendMessageBatchResultEntry => {
    const unknown = Object.keys(more);
    if (unknown.length > 0) throw new Error(`the model of SQS does not know ${unknown.join(', ')} of a message`);
    const MessageId = queue.send({ body: MessageBody, delayMs: (DelaySeconds ?? 0) * 1_000 });
    return { Id, MessageId, MD5OfMessageBody: undefined };
  });
}

function receive(queue: ModelQueue, input: ReceiveMessageCommandInput): object {
  const { QueueUrl: _, MaxNumberOfMessages: max = 1, WaitTimeSeconds: waitSeconds = 0, ...more } = input;
  const unknown = Object.keys(more).filter((name) => name !== 'MessageSystemAttributeNames');
  // The model has no time of its own to wait in.
  if (waitSeconds !== 0 || unknown.length > 0)
    throw new Error(`the model of SQS knows no long polls and no ${unknown.join(', ')}`);
  const taken = asException(() => queue.receive(max));
  const wanted = input.MessageSystemAttributeNames ?? [];
  if (taken.length === 0) return { $metadata };
  const messages = taken.map(
    ({ id, body, receipt, receives, sentMs, firstReceivedMs }): Message => ({
      MessageId: id,
      ReceiptHandle: `${id}/${receipt}`,
      Body: body,
      ...(wanted.includes('All') && {
        Attributes: {
          ApproximateReceiveCount: String(receives),
          SentTimestamp: String(sentMs),
          ApproximateFirstReceiveTimestamp: String(firstReceivedMs),
        },
      }),
    }),
  );
  return { $metadata, Messages: messages };
}

/** Each entry has its own outcome. */
function batchAnswer<Entry extends { readonly Id: string | undefined }, Success>(
  entries: readonly Entry[] | undefined,
  act: (entry: Entry) => Success,
): object {
  const Successful: Success[] = [];
  const Failed: BatchResultErrorEntry[] = [];
  for (const entry of entries ?? []) {
    try {
      Successful.push(act(entry));
    } catch (error) {
      if (error instanceof MessageRefusedError)
        Failed.push({ Id: entry.Id, SenderFault: true, Code: error.code, Message: error.message });
      else if (error instanceof ReceiptHandleIsInvalid)
        Failed.push({ Id: entry.Id, SenderFault: true, Code: 'ReceiptHandleIsInvalid', Message: error.message });
      else throw error;
    }
  }
  return { $metadata, ...(Successful.length > 0 && { Successful }), ...(Failed.length > 0 && { Failed }) };
}

function refuseWrongBatch(entries: readonly { readonly Id: string | undefined }[] | undefined): void {
  const ids = (entries ?? []).map(({ Id = '' }) => Id);
  if (ids.length === 0)
    throw new EmptyBatchRequest({ message: 'There should be at least one entry in the request.', $metadata: {} });
  if (ids.length > BATCH_MAX) {
    const message = `Maximum number of entries per request are ${BATCH_MAX}. You have sent ${ids.length}.`;
    throw new TooManyEntriesInBatchRequest({ message, $metadata: {} });
  }
  if (ids.some((id) => !/^[A-Za-z0-9_-]{1,80}$/.test(id))) {
    const message =
      'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.';
    throw new InvalidBatchEntryId({ message, $metadata: {} });
  }
  if (new Set(ids).size < ids.length)
    throw new BatchEntryIdsNotDistinct({ message: 'Two or more entries have the same Id.', $metadata: {} });
}

function receiptOf(handle: string | undefined): { readonly id: string; readonly receipt: number } {
  const [, id, receipt] = /^(m\d+)\/(\d+)$/.exec(handle ?? '') ?? [];
  if (id === undefined) throw new ReceiptHandleIsInvalid({ message: 'The input receipt handle is invalid.', $metadata: {} });
  return { id, receipt: Number(receipt) };
}

function asException<Result>(act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof MessageRefusedError)) throw error;
    throw new SQSServiceException({ name: error.code, $fault: 'client', message: error.message, $metadata: {} });
  }
}

function queueOf(queues: ReadonlyMap<string, ModelQueue>, url: string | undefined): ModelQueue {
  const queue = queues.get(url ?? '');
  if (queue === undefined) throw new QueueDoesNotExist({ message: 'The specified queue does not exist.', $metadata: {} });
  return queue;
}
