import * as z from 'zod';
import { AwsError } from './aws-error.ts';
import { type JsonApi, type JsonCall, parseRequest } from './json-api.ts';
import { queueArn, queueNameOf, queueUrl } from './local-account.ts';
import type { Outcome, Sqs } from './sqs.ts';
import { isQueueAttribute } from './sqs-attributes.ts';
import { type MessageAttributes, md5, md5OfAttributes, type OutgoingMessage, type ReceivedMessage } from './sqs-message.ts';

const BATCH_MAX = 10;
const WAIT_SECONDS_MAX = 20;
const VISIBILITY_SECONDS_MAX = 43_200;
/** PurgeQueue may run once in so long: API_PurgeQueue.html */
const PURGE_PAUSE_MS = 60_000;

const attributeSchema = z.object({
  DataType: z.string(),
  StringValue: z.string().optional(),
  BinaryValue: z.string().optional(),
});
const attributesSchema = z.record(z.string(), attributeSchema);
const queueSchema = z.object({ QueueUrl: z.string().min(1) });
const messageSchema = z.object({
  MessageBody: z.string().default(''),
  DelaySeconds: z.int().optional(),
  MessageAttributes: attributesSchema.optional(),
  MessageSystemAttributes: attributesSchema.optional(),
});
const requests = {
  createQueue: z.object({ QueueName: z.string(), Attributes: z.record(z.string(), z.string()).optional() }),
  getQueueUrl: z.object({ QueueName: z.string() }),
  listQueues: z.object({ QueueNamePrefix: z.string().optional(), MaxResults: z.int().min(1).max(1_000).optional() }),
  getAttributes: queueSchema.extend({ AttributeNames: z.array(z.string()).optional() }),
  setAttributes: queueSchema.extend({ Attributes: z.record(z.string(), z.string()) }),
  send: queueSchema.extend(messageSchema.shape),
  sendBatch: queueSchema.extend({ Entries: z.array(messageSchema.extend({ Id: z.string() })).default([]) }),
  receive: queueSchema.extend({
    MaxNumberOfMessages: z.int().optional(),
    WaitTimeSeconds: z.int().optional(),
    VisibilityTimeout: z.int().optional(),
    AttributeNames: z.array(z.string()).optional(),
    MessageSystemAttributeNames: z.array(z.string()).optional(),
    MessageAttributeNames: z.array(z.string()).optional(),
  }),
  remove: queueSchema.extend({ ReceiptHandle: z.string() }),
  removeBatch: queueSchema.extend({ Entries: z.array(z.object({ Id: z.string(), ReceiptHandle: z.string() })).default([]) }),
  changeVisibility: queueSchema.extend({ ReceiptHandle: z.string(), VisibilityTimeout: z.int() }),
  changeVisibilityBatch: queueSchema.extend({
    Entries: z.array(z.object({ Id: z.string(), ReceiptHandle: z.string(), VisibilityTimeout: z.int().default(0) })).default([]),
  }),
  startMove: z.object({
    SourceArn: z.string(),
    DestinationArn: z.string().optional(),
    MaxNumberOfMessagesPerSecond: z.int().optional(),
  }),
  listMoves: z.object({ SourceArn: z.string(), MaxResults: z.int().min(1).max(10).default(1) }),
};

type Operation = (call: JsonCall) => Promise<object>;

/**
 * SQS's AWS JSON 1.0 protocol over the queues: members, defaults and refusals as in
 * docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/
 */
export function sqsProtocol(sqs: Sqs): JsonApi {
  const { account } = sqs;
  const purgedAtMs = new Map<string, number>();

  function counted(url: string, operation: string): string {
    const name = queueNameOf(url);
    if (sqs.hasQueue(name)) sqs.countRequest(name, operation);
    return name;
  }

  const operations: Readonly<Record<string, Operation>> = {
    async CreateQueue({ body, gatewayUrl }) {
      const { QueueName, Attributes = {} } = parseRequest(requests.createQueue, body);
      if (sqs.hasQueue(QueueName)) {
        const present = sqs.attributes(QueueName);
        const other = Object.entries(Attributes).find(([name, value]) => present[name] !== value);
        if (other !== undefined) {
          throw new AwsError(
            'QueueNameExists',
            `A queue already exists with the same name and a different value for attribute ${other[0]}`,
            {
              queryCode: 'QueueAlreadyExists',
            },
          );
        }
      } else {
        sqs.ensureQueue(QueueName, Attributes);
      }
      counted(QueueName, 'CreateQueue');
      return { QueueUrl: queueUrl(gatewayUrl, account, QueueName) };
    },
    async GetQueueUrl({ body, gatewayUrl }) {
      const { QueueName } = parseRequest(requests.getQueueUrl, body);
      sqs.settings(counted(QueueName, 'GetQueueUrl')); // refuses an unknown queue
      return { QueueUrl: queueUrl(gatewayUrl, account, QueueName) };
    },
    async ListQueues({ body, gatewayUrl }) {
      const { QueueNamePrefix = '', MaxResults = 1_000 } = parseRequest(requests.listQueues, body);
      const names = sqs.queueNames().filter((name) => name.startsWith(QueueNamePrefix));
      return names.length === 0
        ? {}
        : { QueueUrls: names.slice(0, MaxResults).map((name) => queueUrl(gatewayUrl, account, name)) };
    },
    async GetQueueAttributes({ body }) {
      const { QueueUrl, AttributeNames = [] } = parseRequest(requests.getAttributes, body);
      for (const name of AttributeNames) {
        if (name !== 'All' && !isQueueAttribute(name)) throw new AwsError('InvalidAttributeName', `Unknown Attribute ${name}.`);
      }
      const all = sqs.attributes(counted(QueueUrl, 'GetQueueAttributes'));
      const asked = Object.entries(all).filter(([name]) => AttributeNames.includes('All') || AttributeNames.includes(name));
      return asked.length === 0 ? {} : { Attributes: Object.fromEntries(asked) };
    },
    async SetQueueAttributes({ body }) {
      const { QueueUrl, Attributes } = parseRequest(requests.setAttributes, body);
      sqs.setAttributes(counted(QueueUrl, 'SetQueueAttributes'), Attributes);
      return {};
    },
    async SendMessage({ body }) {
      const { QueueUrl, ...message } = parseRequest(requests.send, body);
      const [outcome] = await sqs.sendEach(counted(QueueUrl, 'SendMessage'), [outgoing(message)]);
      if (outcome === undefined) throw new AwsError('InternalFailure', 'nothing was sent', { status: 500 });
      if (!outcome.ok) throw outcome.error;
      return sent(message, outcome.value.messageId);
    },
    async SendMessageBatch({ body }) {
      const { QueueUrl, Entries } = parseRequest(requests.sendBatch, body);
      const name = counted(QueueUrl, 'SendMessageBatch');
      refuseWrongBatch(Entries);
      const outcomes = await sqs.sendEach(name, Entries.map(outgoing));
      return batchAnswer(Entries, outcomes, (entry, value) => sent(entry, value.messageId));
    },
    async ReceiveMessage({ body, gone }) {
      const request = parseRequest(requests.receive, body);
      const { MaxNumberOfMessages: max = 1, WaitTimeSeconds, VisibilityTimeout } = request;
      refuseOutOfRange('MaxNumberOfMessages', max, 1, BATCH_MAX);
      refuseOutOfRange('WaitTimeSeconds', WaitTimeSeconds ?? 0, 0, WAIT_SECONDS_MAX);
      refuseOutOfRange('VisibilityTimeout', VisibilityTimeout ?? 0, 0, VISIBILITY_SECONDS_MAX);
      const messages = await sqs.receive(queueNameOf(request.QueueUrl), {
        max,
        ...(WaitTimeSeconds === undefined ? {} : { waitMs: WaitTimeSeconds * 1_000 }),
        ...(VisibilityTimeout === undefined ? {} : { visibilityTimeoutSeconds: VisibilityTimeout }),
        signal: gone(),
      });
      const system = [...(request.MessageSystemAttributeNames ?? []), ...(request.AttributeNames ?? [])];
      const wanted = request.MessageAttributeNames ?? [];
      return messages.length === 0 ? {} : { Messages: messages.map((message) => shown(message, system, wanted)) };
    },
    async DeleteMessage({ body }) {
      const { QueueUrl, ReceiptHandle } = parseRequest(requests.remove, body);
      const [outcome] = await sqs.removeEach(counted(QueueUrl, 'DeleteMessage'), [ReceiptHandle]);
      if (outcome?.ok === false) throw outcome.error;
      return {};
    },
    async DeleteMessageBatch({ body }) {
      const { QueueUrl, Entries } = parseRequest(requests.removeBatch, body);
      const name = counted(QueueUrl, 'DeleteMessageBatch');
      refuseWrongBatch(Entries);
      const outcomes = await sqs.removeEach(
        name,
        Entries.map((entry) => entry.ReceiptHandle),
      );
      return batchAnswer(Entries, outcomes, () => ({}));
    },
    async ChangeMessageVisibility({ body }) {
      const { QueueUrl, ReceiptHandle, VisibilityTimeout } = parseRequest(requests.changeVisibility, body);
      const [outcome] = await sqs.changeVisibilityEach(counted(QueueUrl, 'ChangeMessageVisibility'), [
        { receiptHandle: ReceiptHandle, visibilityTimeoutSeconds: VisibilityTimeout },
      ]);
      if (outcome?.ok === false) throw outcome.error;
      return {};
    },
    async ChangeMessageVisibilityBatch({ body }) {
      const { QueueUrl, Entries } = parseRequest(requests.changeVisibilityBatch, body);
      const name = counted(QueueUrl, 'ChangeMessageVisibilityBatch');
      refuseWrongBatch(Entries);
      const changes = Entries.map((entry) => ({
        receiptHandle: entry.ReceiptHandle,
        visibilityTimeoutSeconds: entry.VisibilityTimeout,
      }));
      return batchAnswer(Entries, await sqs.changeVisibilityEach(name, changes), () => ({}));
    },
    async PurgeQueue({ body }) {
      const name = counted(parseRequest(queueSchema, body).QueueUrl, 'PurgeQueue');
      const purgedAt = purgedAtMs.get(name);
      if (purgedAt !== undefined && performance.now() - purgedAt < PURGE_PAUSE_MS) {
        throw new AwsError('PurgeQueueInProgress', `Only one PurgeQueue operation on ${name} is allowed every 60 seconds.`, {
          status: 403,
          queryCode: 'AWS.SimpleQueueService.PurgeQueueInProgress',
        });
      }
      await sqs.purge(name);
      purgedAtMs.set(name, performance.now());
      return {};
    },
    async ListDeadLetterSourceQueues({ body, gatewayUrl }) {
      const name = counted(parseRequest(queueSchema, body).QueueUrl, 'ListDeadLetterSourceQueues');
      return { queueUrls: sqs.deadLetterSources(name).map((source) => queueUrl(gatewayUrl, account, source)) };
    },
    async StartMessageMoveTask({ body }) {
      const request = parseRequest(requests.startMove, body);
      const name = counted(knownQueue(request.SourceArn), 'StartMessageMoveTask');
      const destination = request.DestinationArn === undefined ? undefined : knownQueue(request.DestinationArn);
      return { TaskHandle: await sqs.redrive(name, destination, request.MaxNumberOfMessagesPerSecond) };
    },
    async ListMessageMoveTasks({ body }) {
      const { SourceArn, MaxResults } = parseRequest(requests.listMoves, body);
      const tasks = sqs.moveTasks(counted(knownQueue(SourceArn), 'ListMessageMoveTasks')).slice(0, MaxResults);
      return {
        Results: tasks.map((task) => ({
          ...(task.status === 'RUNNING' ? { TaskHandle: task.handle } : {}), // only a running task shows its handle
          Status: task.status,
          SourceArn: task.source,
          ...(task.destination === null ? {} : { DestinationArn: task.destination }),
          ...(task.per_second_max === null ? {} : { MaxNumberOfMessagesPerSecond: task.per_second_max }),
          ApproximateNumberOfMessagesMoved: task.moved,
          ApproximateNumberOfMessagesToMove: task.to_move,
          ...(task.failure === null ? {} : { FailureReason: task.failure }),
          StartedTimestamp: task.started_at,
        })),
      };
    },
  };

  function knownQueue(arn: string): string {
    const name = queueNameOf(arn);
    if (arn === queueArn(account, name) && sqs.hasQueue(name)) return name;
    throw new AwsError(
      'ResourceNotFoundException',
      "The resource that you specified for the SourceArn or DestinationArn parameter doesn't exist.",
      {
        status: 404,
      },
    );
  }

  return async (call) => {
    const operation = operations[call.operation];
    if (operation === undefined) {
      throw new AwsError('UnsupportedOperation', `The embedded SQS has no ${call.operation}.`, {
        queryCode: 'AWS.SimpleQueueService.UnsupportedOperation',
      });
    }
    return await operation(call);
  };
}

function outgoing(message: z.infer<typeof messageSchema>): OutgoingMessage {
  return {
    body: message.MessageBody,
    delaySeconds: message.DelaySeconds,
    attributes: message.MessageAttributes,
    traceHeader: message.MessageSystemAttributes?.AWSTraceHeader?.StringValue,
  };
}

function sent(message: z.infer<typeof messageSchema>, messageId: string): object {
  return {
    MessageId: messageId,
    MD5OfMessageBody: md5(message.MessageBody),
    ...(message.MessageAttributes === undefined ? {} : { MD5OfMessageAttributes: md5OfAttributes(message.MessageAttributes) }),
  };
}

function shown(message: ReceivedMessage, system: readonly string[], wanted: readonly string[]): object {
  const attributes = Object.entries(message.attributes).filter(([name]) => system.includes('All') || system.includes(name));
  const own: MessageAttributes = Object.fromEntries(
    Object.entries(message.messageAttributes).filter(([name]) => isWanted(name, wanted)),
  );
  return {
    MessageId: message.messageId,
    ReceiptHandle: message.receiptHandle,
    Body: message.body,
    MD5OfBody: message.md5OfBody,
    ...(attributes.length === 0 ? {} : { Attributes: Object.fromEntries(attributes) }),
    ...(Object.keys(own).length === 0 ? {} : { MessageAttributes: own, MD5OfMessageAttributes: md5OfAttributes(own) }),
  };
}

/** `All`, `.*`, a name, or the beginning of names: `bar.*`. */
const isWanted = (name: string, wanted: readonly string[]): boolean =>
  wanted.some(
    (asked) =>
      asked === 'All' || asked === '.*' || asked === name || (asked.endsWith('.*') && name.startsWith(asked.slice(0, -2))),
  );

function refuseWrongBatch(entries: readonly { readonly Id: string }[]): void {
  const refuse = (code: string, message: string): never => {
    throw new AwsError(code, message, { queryCode: `AWS.SimpleQueueService.${code}` });
  };
  if (entries.length === 0) refuse('EmptyBatchRequest', 'There should be at least one entry in the request.');
  if (entries.length > BATCH_MAX) {
    refuse(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are ${BATCH_MAX}. You have sent ${entries.length}.`,
    );
  }
  if (entries.some(({ Id }) => !/^[A-Za-z0-9_-]{1,80}$/.test(Id))) {
    refuse(
      'InvalidBatchEntryId',
      'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
    );
  }
  const repeated = entries.find(({ Id }, at) => entries.findIndex((other) => other.Id === Id) !== at);
  if (repeated !== undefined) refuse('BatchEntryIdsNotDistinct', `Id ${repeated.Id} repeated.`);
}

function batchAnswer<Entry extends { readonly Id: string }, T>(
  entries: readonly Entry[],
  outcomes: readonly Outcome<T>[],
  success: (entry: Entry, value: T) => object,
): object {
  const Successful: object[] = [];
  const Failed: object[] = [];
  entries.forEach((entry, at) => {
    const outcome = outcomes[at];
    if (outcome === undefined) return;
    if (outcome.ok) Successful.push({ Id: entry.Id, ...success(entry, outcome.value) });
    else Failed.push({ Id: entry.Id, SenderFault: true, Code: outcome.error.code, Message: outcome.error.message });
  });
  return { ...(Successful.length > 0 ? { Successful } : {}), ...(Failed.length > 0 ? { Failed } : {}) };
}

function refuseOutOfRange(name: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return;
  throw new AwsError(
    'InvalidParameterValue',
    `Value ${value} for parameter ${name} is invalid. Reason: Must be >= ${min} and <= ${max}, if provided.`,
  );
}
