import type { DynamoDBRecord } from 'aws-lambda';
import { hashOfText } from '../kernel/choice-tape.ts';
import type { Scheduler } from '../kernel/scheduler.ts';
import type { FunctionPool } from './function-pool.ts';

export interface StreamTriggerOptions {
  readonly pool: FunctionPool<readonly DynamoDBRecord[], unknown>;
  readonly scheduler: Scheduler;
  readonly readMs: () => number;
  /** True where a batch that was handled is handed over once more. */
  readonly repeats: () => boolean;
  /** True where the mapping's filter lets a record pass. */
  readonly passes: (record: DynamoDBRecord) => boolean;
}

const SHARDS = 2;
const BATCH = 100;
/** As infra/delivery.ts sets them. */
const RETRIES = 50;
const RETRY_MS = 1_000;

interface Shard {
  readonly waiting: DynamoDBRecord[];
  isBusy: boolean;
}

/** An event source mapping of the table's stream: in order within a shard, each batch until it is handled, halved when it fails. */
export class StreamTrigger {
  /** Records that were given up. */
  readonly givenUp: DynamoDBRecord[] = [];
  private readonly options: StreamTriggerOptions;
  private readonly shards: readonly Shard[];

  constructor(options: StreamTriggerOptions) {
    this.options = options;
    this.shards = Array.from({ length: SHARDS }, () => ({ waiting: [], isBusy: false }));
  }

  get backlog(): number {
    return this.shards.reduce((sum, shard) => sum + shard.waiting.length + (shard.isBusy ? 1 : 0), 0);
  }

  add(records: readonly DynamoDBRecord[]): void {
    for (const record of records) {
      if (!this.options.passes(record)) continue;
      const shard = this.shards[hashOfText(record.dynamodb?.Keys?.pk?.S ?? '') % SHARDS];
      shard?.waiting.push(record);
    }
    for (const shard of this.shards) this.read(shard);
  }

  private read(shard: Shard): void {
    if (shard.isBusy || shard.waiting.length === 0) return;
    shard.isBusy = true;
    const { scheduler, readMs } = this.options;
    scheduler.at(scheduler.now() + readMs(), 'stream read', () => {
      const batch = shard.waiting.splice(0, BATCH);
      this.handOver(batch, 0, () => {
        shard.isBusy = false;
        this.read(shard);
      });
    });
  }

  private handOver(batch: readonly DynamoDBRecord[], attempt: number, handled: () => void): void {
    const { pool, scheduler, repeats } = this.options;
    const again = (next: number) =>
      scheduler.at(scheduler.now() + RETRY_MS, 'stream retry', () => this.handOver(batch, next, handled));
    if (!pool.hasRoom) {
      again(attempt);
      return;
    }
    pool.invoke(batch, (invoked) => {
      if (invoked.ended === 'done') {
        if (repeats()) again(attempt);
        else handled();
        return;
      }
      if (attempt >= RETRIES) {
        this.givenUp.push(...batch);
        handled();
      } else if (batch.length > 1) {
        const half = Math.ceil(batch.length / 2);
        this.handOver(batch.slice(0, half), attempt + 1, () => this.handOver(batch.slice(half), attempt + 1, handled));
      } else {
        again(attempt + 1);
      }
    });
  }
}
