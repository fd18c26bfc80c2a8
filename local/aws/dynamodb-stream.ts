import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { AwsError } from './aws-error.ts';
import type { DynamoDbWire } from './dynamodb-wire.ts';
import { type LocalAccount, streamArn } from './local-account.ts';

const attributesSchema = z.record(z.string(), z.record(z.string(), z.unknown()));
const serverRecordSchema = z.object({
  eventName: z.enum(['INSERT', 'MODIFY', 'REMOVE']),
  dynamodb: z.object({
    Keys: attributesSchema,
    NewImage: attributesSchema.optional(),
    OldImage: attributesSchema.optional(),
    SequenceNumber: z.string(),
    SizeBytes: z.number(),
    StreamViewType: z.string(),
    ApproximateCreationDateTime: z.number(), // epoch, seconds
  }),
});
type ServerRecord = z.infer<typeof serverRecordSchema>;

/** One change of an item, as Lambda hands it to a function: docs.aws.amazon.com/lambda/latest/dg/with-ddb.html */
export interface StreamRecord extends ServerRecord {
  readonly eventID: string;
  readonly eventVersion: '1.1';
  readonly eventSource: 'aws:dynamodb';
  readonly awsRegion: string;
  readonly eventSourceARN: string;
  /** Only where DynamoDB itself removed the item, because its time had come. */
  readonly userIdentity?: { readonly type: 'Service'; readonly principalId: 'dynamodb.amazonaws.com' };
}

export interface StreamReader {
  /**
   * The records after `afterSequence`, oldest first, at most `limit` (1..1000); from the oldest that is kept, if undefined.
   * An empty answer means that there is nothing new.
   */
  read(tableName: string, afterSequence: string | undefined, limit: number): Promise<StreamRecord[]>;
}

const STREAMS = 'DynamoDBStreams_20120810';
/** So many pages of writes without a change are passed over in one read. */
const EMPTY_PAGES_MAX = 1_000;
const describedTableSchema = z.object({ Table: z.object({ LatestStreamArn: z.string().optional() }) });
const describedStreamSchema = z.object({
  StreamDescription: z.object({ Shards: z.array(z.object({ ShardId: z.string() })).default([]) }),
});
const iteratorSchema = z.object({ ShardIterator: z.string() });
const recordsSchema = z.object({ Records: z.array(serverRecordSchema).default([]), NextShardIterator: z.string().optional() });

/** The server keeps one shard for each stream. */
interface Shard {
  readonly streamArn: string;
  readonly shardId: string;
  /** Where the last answer ended, so that going on costs one call instead of two. */
  next: { readonly afterSequence: string; readonly iterator: string } | undefined;
}

/** @param wasExpired - whether the removal that a record tells of was made by the TTL sweep. */
export function streamReader(
  wire: DynamoDbWire,
  account: LocalAccount,
  wasExpired: (tableName: string, keys: object) => boolean,
): StreamReader {
  const shards = new Map<string, Shard>();

  async function shardOf(tableName: string): Promise<Shard | undefined> {
    const known = shards.get(tableName);
    if (known !== undefined) return known;
    const described = describedTableSchema.parse(await wire.call('DynamoDB_20120810.DescribeTable', { TableName: tableName }));
    const arn = described.Table.LatestStreamArn;
    if (arn === undefined) throw new Error(`table ${tableName} has no stream: give it a StreamSpecification in the template`);
    const { StreamDescription } = describedStreamSchema.parse(await wire.call(`${STREAMS}.DescribeStream`, { StreamArn: arn }));
    const [first] = StreamDescription.Shards;
    if (first === undefined) return undefined; // nothing was ever written
    const shard: Shard = { streamArn: arn, shardId: first.ShardId, next: undefined };
    shards.set(tableName, shard);
    return shard;
  }

  async function iteratorAfter(shard: Shard, afterSequence: string | undefined): Promise<string> {
    if (afterSequence !== undefined && shard.next?.afterSequence === afterSequence) return shard.next.iterator;
    const position =
      afterSequence === undefined
        ? { ShardIteratorType: 'TRIM_HORIZON' }
        : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: afterSequence };
    const body = { StreamArn: shard.streamArn, ShardId: shard.shardId, ...position };
    return iteratorSchema.parse(await wire.call(`${STREAMS}.GetShardIterator`, body)).ShardIterator;
  }

  async function recordsAfter(shard: Shard, afterSequence: string | undefined, limit: number): Promise<ServerRecord[]> {
    const iterator = await iteratorAfter(shard, afterSequence);
    const answer = recordsSchema.parse(await wire.call(`${STREAMS}.GetRecords`, { ShardIterator: iterator, Limit: limit }));
    const last = answer.Records.at(-1)?.dynamodb.SequenceNumber ?? afterSequence;
    shard.next =
      answer.NextShardIterator === undefined || last === undefined
        ? undefined
        : { afterSequence: last, iterator: answer.NextShardIterator };
    return answer.Records;
  }

  function shown(tableName: string, record: ServerRecord): StreamRecord {
    const id = `${tableName} ${record.dynamodb.SequenceNumber}`;
    const byService = record.eventName === 'REMOVE' && wasExpired(tableName, record.dynamodb.Keys);
    return {
      eventID: createHash('md5').update(id).digest('hex'), // the server's own is only a number, and repeats between tables
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: account.region,
      eventSourceARN: streamArn(account, tableName),
      ...record,
      ...(byService ? { userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' } } : {}),
    };
  }

  async function page(tableName: string, afterSequence: string | undefined, limit: number): Promise<ServerRecord[]> {
    const shard = await shardOf(tableName);
    if (shard === undefined) return [];
    try {
      return await recordsAfter(shard, afterSequence, limit);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      // An iterator lives for 15 minutes only, and a stream that was switched off and on is another one: look anew, once.
      shards.delete(tableName);
      const fresh = await shardOf(tableName);
      return fresh === undefined ? [] : await recordsAfter(fresh, afterSequence, limit);
    }
  }

  return {
    async read(tableName, afterSequence, limit) {
      let after = afterSequence;
      for (let round = 0; round < EMPTY_PAGES_MAX; round++) {
        const records = await page(tableName, after, limit);
        const changes = records.filter(changedSomething);
        if (changes.length > 0 || records.length === 0) return changes.map((record) => shown(tableName, record));
        after = records.at(-1)?.dynamodb.SequenceNumber;
      }
      return [];
    },
  };
}

/** The server records a write that changes nothing; DynamoDB does not. It can be told only where the stream has both images. */
function changedSomething({ eventName, dynamodb: { OldImage, NewImage } }: ServerRecord): boolean {
  return eventName !== 'MODIFY' || OldImage === undefined || NewImage === undefined || !isDeepStrictEqual(OldImage, NewImage);
}

/** With streams on, dynoxide 1.2.1 looks through all records of a table at each write; this index makes that one look. */
const SEQUENCE_INDEX =
  'CREATE INDEX IF NOT EXISTS ix_local_seq ON _stream_records (table_name, CAST(sequence_number AS INTEGER))';
const BUSY_MS_MAX = 5_000;
const TRIM_CHUNK = 5_000;

/** @throws Error when the server's private tables are not as version 1.2.1 has them; it works without the index, only slower. */
export function indexStreamRecords(databaseFile: string): void {
  const database = new DatabaseSync(databaseFile, { timeout: BUSY_MS_MAX });
  try {
    database.exec(SEQUENCE_INDEX);
  } finally {
    database.close();
  }
}

/**
 * Forgets what every reader has behind it. The newest record stays: the server numbers the next one after it.
 *
 * @returns how many records went.
 * @throws Error as {@link indexStreamRecords}.
 */
export function trimStreamRecords(databaseFile: string, tableName: string, throughSequence: string): number {
  const database = new DatabaseSync(databaseFile, { timeout: BUSY_MS_MAX });
  try {
    const newest = database.prepare(
      'SELECT MAX(CAST(sequence_number AS INTEGER)) AS value FROM _stream_records WHERE table_name = ?',
    );
    const { value } = z.object({ value: z.number().nullable() }).parse(newest.get(tableName));
    const through = Math.min(Number(throughSequence), (value ?? 0) - 1);
    const remove = database.prepare(
      `DELETE FROM _stream_records WHERE id IN (SELECT id FROM _stream_records
       WHERE table_name = ? AND CAST(sequence_number AS INTEGER) <= ? LIMIT ${TRIM_CHUNK})`,
    );
    let trimmed = 0;
    let chunk: number;
    do {
      chunk = Number(remove.run(tableName, through).changes);
      trimmed += chunk;
    } while (chunk === TRIM_CHUNK); // each round removes rows, so it ends
    return trimmed;
  } finally {
    database.close();
  }
}
