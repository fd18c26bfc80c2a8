import { mkdirSync } from 'node:fs';
import { type Clock, systemClock } from './clock.ts';
import { startDynamoDbServer } from './dynamodb-server.ts';
import { indexStreamRecords, type StreamRecord, streamReader, trimStreamRecords } from './dynamodb-stream.ts';
import { ensureTable, type TableProperties } from './dynamodb-tables.ts';
import { ttlSweep } from './dynamodb-ttl.ts';
import { dynamoDbWire, type WireAnswer } from './dynamodb-wire.ts';
import { LOCAL_ACCOUNT, type LocalAccount } from './local-account.ts';

export interface DynamoDbOptions {
  readonly dataDir: string;
  readonly account?: LocalAccount;
  readonly clock?: Clock;
  /** Told of what works less well than it should. */
  readonly warn?: (message: string) => void;
}

/** The tables, in a server process of their own that dies with this one. */
export interface DynamoDb {
  readonly account: LocalAccount;
  /** The server itself, behind the gateway: no IAM, no counting. */
  readonly endpoint: string;
  /**
   * Makes the table be what the template says; an existing one keeps its data.
   *
   * @param properties - of AWS::DynamoDB::Table or GlobalTable, resolved.
   */
  ensureTable(tableName: string, properties: unknown): Promise<void>;
  tableNames(): string[];
  partitionKeyOf(tableName: string, indexName?: string): string | undefined;
  /** One unrestricted call: `call('GetItem', {...})`. @throws AwsError with DynamoDB's code. */
  call(operation: string, body: object): Promise<unknown>;
  /** Passes a request through as it is. @param target - the `x-amz-target` header. */
  forward(target: string, body: Buffer | string): Promise<WireAnswer>;
  /** The records after `afterSequence`, oldest first; from the oldest, if undefined. Empty: nothing new. @param limit - 1..1000 */
  readStream(tableName: string, afterSequence: string | undefined, limit: number): Promise<StreamRecord[]>;
  /** Calls back when the table may have new stream records. Returns the way to stop. */
  onStreamWrite(tableName: string, listener: () => void): () => void;
  /** Somebody wrote to the table: wakes its stream's readers. */
  noteWrite(tableName: string): void;
  /**
   * Forgets the stream's records up to this one, which all readers have behind them. For the start, while nobody writes.
   *
   * @returns how many went; 0 where the server is not ours.
   */
  trimStream(tableName: string, throughSequence: string): Promise<number>;
  /** Deletes items whose TTL has passed by the clock. Returns how many. */
  sweepTtl(): Promise<number>;
  /** Settles, with a reason, if the server ends by itself. */
  readonly exited: Promise<string>;
  close(): Promise<void>;
}

export async function startDynamoDb(options: DynamoDbOptions): Promise<DynamoDb> {
  const { dataDir, account = LOCAL_ACCOUNT, clock = systemClock, warn = console.warn } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const server = await startDynamoDbServer(dataDir);
  const wire = dynamoDbWire(server.endpoint);
  const tables = new Map<string, TableProperties>();
  const listeners = new Map<string, Set<() => void>>();
  const ttl = ttlSweep(wire);
  const stream = streamReader(wire, account, ttl.wasExpired);
  if (server.databaseFile !== undefined) {
    try {
      indexStreamRecords(server.databaseFile);
    } catch (error) {
      warn(`DynamoDB writes will slow down as streams grow: the server's tables are not as expected (${String(error)})`);
    }
  }

  function noteWrite(tableName: string): void {
    for (const listener of listeners.get(tableName) ?? []) listener();
  }

  return {
    account,
    endpoint: server.endpoint,
    async ensureTable(tableName, properties) {
      tables.set(tableName, await ensureTable(wire, tableName, properties));
    },
    tableNames: () => [...tables.keys()],
    partitionKeyOf(tableName, indexName) {
      const table = tables.get(tableName);
      const indexes = [...(table?.GlobalSecondaryIndexes ?? []), ...(table?.LocalSecondaryIndexes ?? [])];
      const keys = indexName === undefined ? table?.KeySchema : indexes.find((index) => index.IndexName === indexName)?.KeySchema;
      return keys?.find((key) => key.KeyType === 'HASH')?.AttributeName;
    },
    call: (operation, body) => wire.call(`DynamoDB_20120810.${operation}`, body),
    forward: wire.forward,
    readStream: stream.read,
    onStreamWrite(tableName, listener) {
      const ofTable = listeners.get(tableName) ?? new Set();
      listeners.set(tableName, ofTable);
      ofTable.add(listener);
      return () => ofTable.delete(listener);
    },
    noteWrite,
    async trimStream(tableName, throughSequence) {
      if (server.databaseFile === undefined) return 0;
      try {
        return trimStreamRecords(server.databaseFile, tableName, throughSequence);
      } catch (error) {
        warn(`the stream of ${tableName} keeps its old records: the server's tables are not as expected (${String(error)})`);
        return 0;
      }
    },
    async sweepTtl() {
      const withTtl = [...tables].flatMap(([tableName, { TimeToLiveSpecification, KeySchema }]) =>
        TimeToLiveSpecification?.Enabled === true
          ? [
              {
                tableName,
                ttlAttribute: TimeToLiveSpecification.AttributeName,
                keyAttributes: KeySchema.map((key) => key.AttributeName),
              },
            ]
          : [],
      );
      const removed = await ttl.sweep(withTtl, clock.now());
      if (removed > 0) for (const { tableName } of withTtl) noteWrite(tableName);
      return removed;
    },
    exited: server.exited,
    async close() {
      wire.close();
      await server.stop();
    },
  };
}
