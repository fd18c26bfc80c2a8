import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { AwsError } from './aws-error.ts';
import { type Clock, systemClock } from './clock.ts';
import { LOCAL_ACCOUNT, type LocalAccount, queueArn, queueNameOf } from './local-account.ts';
import { seededRandom } from './seeded-random.ts';
import {
  type COMPUTED_ATTRIBUTES,
  defaultQueueAttributes,
  type QueueAttributes,
  type QueueSettings,
  queueSettings,
} from './sqs-attributes.ts';
import { messageBytes, type OutgoingMessage, type ReceivedMessage, refuseWrongMessage } from './sqs-message.ts';
import { startMoveTasks } from './sqs-move-tasks.ts';
import { arrival, type Queue, wake } from './sqs-queue.ts';
import { type MoveTask, openSqsStore, parseReceiptHandle, type Receipt, type SqsStore } from './sqs-store.ts';
import { takingFrom, view } from './sqs-taking.ts';

/** How a standard queue may treat its messages, on request: AWS promises neither order nor exactly one delivery. */
export interface Unkindness {
  readonly seed: number;
  /** Share of sent messages that are delivered twice, 0..1. */
  readonly duplicateRate: number;
  /** Receives pick at random among the messages that are due. */
  readonly reorder: boolean;
}

export interface SqsOptions {
  readonly file: string; // of SQLite
  readonly clock?: Clock;
  readonly account?: LocalAccount;
  readonly unkind?: Unkindness;
}

export interface ReceiveOptions {
  readonly max: number; // 1..10
  /** Waits for the first message this long, in real time. Without it, the queue's ReceiveMessageWaitTimeSeconds. */
  readonly waitMs?: number;
  /** Ends the wait; the answer is then empty. */
  readonly signal?: AbortSignal;
  /** 0..43200; without it, the queue's. */
  readonly visibilityTimeoutSeconds?: number;
}

export interface QueueCounts {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
}

/** What became of one part of a batch. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: AwsError };

/** Standard queues, kept in SQLite. Refusals are {@link AwsError}s with SQS's own codes. Every method counts as the request it stands for. */
export interface Sqs {
  readonly account: LocalAccount;
  /** Creates the queue, or gives an existing one these settings. Dead-letter queues come before the queues that name them. */
  ensureQueue(name: string, attributes?: QueueAttributes): void;
  hasQueue(name: string): boolean;
  queueNames(): string[];
  /** Settings and computed values, as GetQueueAttributes names them. */
  attributes(name: string): Record<string, string>;
  settings(name: string): QueueSettings;
  setAttributes(name: string, attributes: QueueAttributes): void;
  deadLetterSources(name: string): string[];
  /** Up to 10 messages, together at most 1 MiB. */
  sendEach(name: string, messages: readonly OutgoingMessage[]): Promise<Outcome<{ messageId: string }>[]>;
  /** As `sendEach`, and throws the first refusal. */
  send(name: string, messages: readonly OutgoingMessage[]): Promise<{ messageId: string }[]>;
  receive(name: string, options: ReceiveOptions): Promise<ReceivedMessage[]>;
  removeEach(name: string, receiptHandles: readonly string[]): Promise<Outcome<undefined>[]>;
  remove(name: string, receiptHandles: readonly string[]): Promise<void>;
  changeVisibilityEach(name: string, changes: readonly VisibilityChange[]): Promise<Outcome<undefined>[]>;
  changeVisibility(name: string, receiptHandles: readonly string[], visibilityTimeoutSeconds: number): Promise<void>;
  /** Returns how many messages were thrown away. */
  purge(name: string): Promise<number>;
  /** Starts moving dead letters, to `destination` or each to the queue it came from. Returns the task's handle. */
  redrive(deadLetterQueue: string, destination?: string, perSecondMax?: number): Promise<string>;
  moveTasks(deadLetterQueue: string): MoveTask[];
  /** Looks at messages without receiving them. */
  peek(name: string, limit: number): Omit<ReceivedMessage, 'receiptHandle'>[];
  counts(name: string): QueueCounts;
  /** Requests by queue and operation since the last reset; `EmptyReceive` counts those receives that gave nothing. */
  requests(): Record<string, Record<string, number>>;
  countRequest(name: string, operation: string): void;
  resetRequests(): void;
  close(): void;
}

export interface VisibilityChange {
  readonly receiptHandle: string;
  readonly visibilityTimeoutSeconds: number; // 0..43200
}

const BATCH_MAX = 10;
const BATCH_BYTES_MAX = 1_048_576;
const VISIBILITY_SECONDS_MAX = 43_200;
const attributesSchema = z.record(z.string(), z.string());

/** Up to so much later comes the second copy of a message, where queues are unkind. */
const DUPLICATE_LATER_MS_MAX = 500;

export function startSqs(options: SqsOptions): Sqs {
  const { clock = systemClock, account = LOCAL_ACCOUNT, unkind } = options;
  const store: SqsStore = openSqsStore(options.file);
  const random = seededRandom(unkind?.seed ?? 0);
  const queues = new Map<string, Queue>();
  const requestCounts = new Map<string, Map<string, number>>();
  const deadLettersOf = (queue: Queue): Queue | undefined =>
    queue.settings.redrive === undefined ? undefined : queues.get(queueNameOf(queue.settings.redrive.deadLetterArn));
  const takeDue = takingFrom({ store, clock, shuffle: unkind?.reorder === true ? random : undefined, deadLettersOf });
  let closed = false;

  for (const row of store.queues()) {
    const attributes = attributesSchema.parse(JSON.parse(row.attributes));
    queues.set(row.name, queueOf(row.id, row.name, attributes, row.created_at, row.modified_at));
  }
  const stopListening = clock.onJump(() => {
    for (const queue of queues.values()) wake(queue, Number.POSITIVE_INFINITY);
  });
  const moves = startMoveTasks({
    store,
    clock,
    queueId: (arn) => queues.get(queueNameOf(arn))?.id,
    arrived: (queueId) => {
      for (const queue of queues.values()) if (queue.id === queueId) wake(queue, Number.POSITIVE_INFINITY);
    },
  });

  function queueOf(id: number, name: string, attributes: QueueAttributes, createdAt: number, modifiedAt: number): Queue {
    const settings = queueSettings(attributes);
    return {
      id,
      name,
      arn: queueArn(account, name),
      createdAt,
      modifiedAt,
      attributes,
      settings,
      expiredAt: 0,
      waiting: new Set(),
    };
  }

  function find(name: string): Queue {
    const queue = queues.get(name);
    if (queue !== undefined) return queue;
    throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.', {
      queryCode: 'AWS.SimpleQueueService.NonExistentQueue',
    });
  }

  function countRequest(name: string, operation: string): void {
    const counts = requestCounts.get(name) ?? new Map<string, number>();
    requestCounts.set(name, counts);
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
  }

  function save(name: string, attributes: QueueAttributes): void {
    const settings = queueSettings(attributes);
    if (settings.redrive !== undefined && !queues.has(queueNameOf(settings.redrive.deadLetterArn))) {
      throw new AwsError(
        'InvalidAttributeValue',
        'Value for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.',
      );
    }
    store.commit.flush(); // settings change rarely: they need no group of their own
    const row = store.saveQueue(name, JSON.stringify(attributes), clock.now());
    const known = queues.get(name);
    if (known === undefined) queues.set(name, queueOf(row.id, name, attributes, row.created_at, row.modified_at));
    else Object.assign(known, { attributes, settings, modifiedAt: row.modified_at });
  }

  /** Gives each part its own outcome; anything but a refusal undoes the whole. */
  async function each<Part, T>(parts: readonly Part[], change: (part: Part) => T): Promise<Outcome<T>[]> {
    if (parts.length === 0 || parts.length > BATCH_MAX) {
      throw new RangeError(`a batch has 1 to ${BATCH_MAX} parts, not ${parts.length}: split it`);
    }
    return await store.commit.write(() =>
      parts.map((part): Outcome<T> => {
        try {
          return { ok: true, value: change(part) };
        } catch (error) {
          if (error instanceof AwsError) return { ok: false, error };
          throw error;
        }
      }),
    );
  }

  async function sendEach(name: string, messages: readonly OutgoingMessage[]): Promise<Outcome<{ messageId: string }>[]> {
    const queue = find(name);
    const bytes = messages.reduce((sum, message) => sum + messageBytes(message), 0);
    if (messages.length > 1 && bytes > BATCH_BYTES_MAX) {
      throw new AwsError(
        'BatchRequestTooLong',
        `Batch requests cannot be longer than ${BATCH_BYTES_MAX} bytes. You have sent ${bytes} bytes.`,
        { queryCode: 'AWS.SimpleQueueService.BatchRequestTooLong' },
      );
    }
    const outcomes = await each(messages, (message) => insert(queue, message));
    wake(queue, messages.length);
    return outcomes;
  }

  function insert(queue: Queue, message: OutgoingMessage): { messageId: string } {
    refuseWrongMessage(message, queue.settings.messageBytesMax);
    const now = clock.now();
    const delayMs = message.delaySeconds === undefined ? queue.settings.delayMs : message.delaySeconds * 1_000;
    const stored = {
      messageId: randomUUID(),
      body: message.body,
      attributes: message.attributes === undefined ? undefined : JSON.stringify(message.attributes),
      traceHeader: message.traceHeader,
      sentAt: now,
      visibleAt: now + delayMs,
    };
    store.insert(queue.id, stored);
    if (unkind !== undefined && random() < unkind.duplicateRate) {
      store.insert(queue.id, { ...stored, visibleAt: stored.visibleAt + Math.floor(random() * DUPLICATE_LATER_MS_MAX) });
    }
    return { messageId: stored.messageId };
  }

  async function receive(
    name: string,
    { max, waitMs, signal, visibilityTimeoutSeconds }: ReceiveOptions,
  ): Promise<ReceivedMessage[]> {
    const queue = find(name);
    if (!(max >= 1 && max <= BATCH_MAX)) throw new RangeError(`receive 1 to ${BATCH_MAX} messages, not ${max}`);
    countRequest(name, 'ReceiveMessage');
    const visibilityMs =
      visibilityTimeoutSeconds === undefined ? queue.settings.visibilityTimeoutMs : visibilityTimeoutSeconds * 1_000;
    const deadline = performance.now() + (waitMs ?? queue.settings.receiveWaitMs);
    // Bounded by the deadline: each round waits for a wake-up, a due message or the end.
    while (!closed && signal?.aborted !== true) {
      if (store.anyDue(queue.id, clock.now())) {
        const messages = await store.commit.write(() => takeDue(queue, max, visibilityMs));
        if (messages.length > 0) return messages;
      }
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) break;
      await arrival(queue, store, clock, leftMs, signal);
    }
    countRequest(name, 'EmptyReceive');
    return [];
  }

  function receiptOf(handle: string): Receipt {
    const receipt = parseReceiptHandle(handle);
    if (receipt !== undefined) return receipt;
    throw new AwsError('ReceiptHandleIsInvalid', 'The input receipt handle is invalid.');
  }

  async function removeEach(name: string, handles: readonly string[]): Promise<Outcome<undefined>[]> {
    const queue = find(name);
    return await each(handles, (handle) => {
      // A handle from an earlier receive succeeds too, but deletes nothing.
      store.remove(queue.id, receiptOf(handle));
      return undefined;
    });
  }

  function changeVisibilityOf(queue: Queue, { receiptHandle, visibilityTimeoutSeconds }: VisibilityChange): undefined {
    const receipt = receiptOf(receiptHandle);
    const now = clock.now();
    const timeoutMs = visibilityTimeoutSeconds * 1_000;
    if (!(visibilityTimeoutSeconds >= 0 && visibilityTimeoutSeconds <= VISIBILITY_SECONDS_MAX)) {
      throw new AwsError(
        'InvalidParameterValue',
        `Value ${visibilityTimeoutSeconds} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and ${VISIBILITY_SECONDS_MAX}.`,
      );
    }
    const takenAt = store.takenAt(queue.id, receipt, now);
    if (takenAt === undefined) {
      throw new AwsError('MessageNotInflight', 'The message referred to is not in flight.', {
        queryCode: 'AWS.SimpleQueueService.MessageNotInflight',
      });
    }
    if (now + timeoutMs - takenAt > VISIBILITY_SECONDS_MAX * 1_000) {
      throw new AwsError(
        'InvalidParameterValue',
        `Total VisibilityTimeout for the message is beyond the limit [${VISIBILITY_SECONDS_MAX} seconds]`,
      );
    }
    store.setVisibleAt(receipt, now + timeoutMs);
    return undefined;
  }

  async function changeVisibilityEach(name: string, changes: readonly VisibilityChange[]): Promise<Outcome<undefined>[]> {
    const queue = find(name);
    const outcomes = await each(changes, (change) => changeVisibilityOf(queue, change));
    wake(queue, changes.length);
    return outcomes;
  }

  return {
    account,
    ensureQueue(name, attributes = {}) {
      if (!/^[A-Za-z0-9_-]{1,80}$/.test(name)) {
        throw new AwsError(
          'InvalidParameterValue',
          `Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length: ${name} (the embedded SQS has standard queues only, so no .fifo).`,
        );
      }
      save(name, { ...defaultQueueAttributes(), ...attributes });
    },
    hasQueue: (name) => queues.has(name),
    queueNames: () => [...queues.keys()],
    attributes(name) {
      const queue = find(name);
      const { visible, inFlight, delayed } = store.counts(queue.id, clock.now());
      const computed: Record<(typeof COMPUTED_ATTRIBUTES)[number], string> = {
        QueueArn: queue.arn,
        ApproximateNumberOfMessages: String(visible),
        ApproximateNumberOfMessagesNotVisible: String(inFlight),
        ApproximateNumberOfMessagesDelayed: String(delayed),
        CreatedTimestamp: String(Math.floor(queue.createdAt / 1_000)),
        LastModifiedTimestamp: String(Math.floor(queue.modifiedAt / 1_000)),
      };
      return { ...queue.attributes, ...computed };
    },
    settings: (name) => find(name).settings,
    setAttributes(name, attributes) {
      save(name, { ...find(name).attributes, ...attributes });
    },
    deadLetterSources(name) {
      const { arn } = find(name);
      return [...queues.values()].filter((queue) => queue.settings.redrive?.deadLetterArn === arn).map((queue) => queue.name);
    },
    sendEach,
    async send(name, messages) {
      countRequest(name, messages.length === 1 ? 'SendMessage' : 'SendMessageBatch');
      return (await sendEach(name, messages)).map(valueOrThrow);
    },
    receive,
    removeEach,
    async remove(name, handles) {
      countRequest(name, handles.length === 1 ? 'DeleteMessage' : 'DeleteMessageBatch');
      (await removeEach(name, handles)).forEach(valueOrThrow);
    },
    changeVisibilityEach,
    async changeVisibility(name, handles, visibilityTimeoutSeconds) {
      countRequest(name, handles.length === 1 ? 'ChangeMessageVisibility' : 'ChangeMessageVisibilityBatch');
      const changes = handles.map((receiptHandle) => ({ receiptHandle, visibilityTimeoutSeconds }));
      (await changeVisibilityEach(name, changes)).forEach(valueOrThrow);
    },
    async purge(name) {
      const queue = find(name);
      return await store.commit.write(() => store.purge(queue.id));
    },
    async redrive(deadLetterQueue, destination, perSecondMax) {
      const source = find(deadLetterQueue);
      const isSource = [...queues.values()].some((queue) => queue.settings.redrive?.deadLetterArn === source.arn);
      if (!isSource) {
        throw new AwsError('InvalidParameterValue', 'Source queue must be configured as a Dead Letter Queue.');
      }
      const target = destination === undefined ? undefined : find(destination);
      return await moves.start(source.arn, target?.arn, perSecondMax, store.counts(source.id, clock.now()).visible);
    },
    moveTasks: (deadLetterQueue) => moves.list(find(deadLetterQueue).arn),
    peek: (name, limit) =>
      store.peek(find(name).id, limit).map((message) => view(message, message.receives, message.first_received_at)),
    counts: (name) => store.counts(find(name).id, clock.now()),
    requests: () => Object.fromEntries([...requestCounts].map(([queue, counts]) => [queue, Object.fromEntries(counts)])),
    countRequest,
    resetRequests: () => requestCounts.clear(),
    close() {
      closed = true;
      stopListening();
      moves.stop();
      store.commit.flush();
      for (const queue of queues.values()) wake(queue, Number.POSITIVE_INFINITY);
      store.close();
    },
  };
}

function valueOrThrow<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw outcome.error;
  return outcome.value;
}
