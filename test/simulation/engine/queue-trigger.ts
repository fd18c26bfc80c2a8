import type { SQSRecord } from 'aws-lambda';
import type { Scheduler } from '../kernel/scheduler.ts';
import type { ModelQueue } from '../ports/model-queue.ts';
import type { FunctionPool } from './function-pool.ts';

export interface BatchAnswer {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

export interface QueueTriggerOptions {
  readonly name: string;
  readonly queue: ModelQueue;
  readonly pool: FunctionPool<readonly SQSRecord[], BatchAnswer>;
  readonly scheduler: Scheduler;
  /** Until Lambda's pollers find a visible message, ms. */
  readonly pollMs: () => number;
  /** How many messages to take, 1 to 10. */
  readonly batchSize: () => number;
}

/** An event source mapping of a queue: takes messages, invokes, and deletes what the answer does not call failed. */
export class QueueTrigger {
  private readonly options: QueueTriggerOptions;
  private lookAtMs = Number.POSITIVE_INFINITY;

  constructor(options: QueueTriggerOptions) {
    this.options = options;
  }

  /** To be told whenever a message may have become visible, or room in the pool. */
  poke(): void {
    const { queue, pool, scheduler, pollMs, name } = this.options;
    if (!pool.hasRoom) return; // the end of an invocation pokes again
    const visibleMs = queue.nextVisibleMs();
    if (visibleMs === undefined) return;
    const atMs = Math.max(scheduler.now(), visibleMs);
    if (atMs >= this.lookAtMs) return;
    this.lookAtMs = atMs;
    scheduler.at(atMs + pollMs(), `poll ${name}`, () => {
      this.lookAtMs = Number.POSITIVE_INFINITY;
      this.take();
    });
  }

  private take(): void {
    const { queue, pool, scheduler, batchSize, name } = this.options;
    if (pool.hasRoom) {
      const taken = queue.receive(batchSize());
      if (taken.length > 0) {
        pool.invoke(
          taken.map((message) => recordOf(message, name, scheduler.now())),
          (invoked) => {
            // Of an invocation that failed or died, the messages come back when their visibility timeout ends.
            if (invoked.ended === 'done') {
              const failed = new Set(invoked.result.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
              for (const { id, receipt } of taken) if (!failed.has(id)) queue.delete(id, receipt);
            }
            this.poke();
          },
        );
      }
    }
    this.poke();
  }
}

function recordOf(
  message: { readonly id: string; readonly body: string; readonly receipt: number },
  name: string,
  nowMs: number,
): SQSRecord {
  const sent = String(nowMs);
  return {
    messageId: message.id,
    receiptHandle: String(message.receipt),
    body: message.body,
    attributes: {
      ApproximateReceiveCount: String(message.receipt),
      SentTimestamp: sent,
      SenderId: 'simulated',
      ApproximateFirstReceiveTimestamp: sent,
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:simulated:000000000000:${name}`,
    awsRegion: 'simulated',
  };
}
