import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AttributeDefinition,
  CreateTableCommand,
  DynamoDBClient,
  paginateScan,
  type ServiceOutputTypes,
} from '@aws-sdk/client-dynamodb';
import { startDynamoDbServer } from '../../local/aws/dynamodb-server.ts';
import { readStatement } from '../../local/aws/partiql.ts';
import { type Item, type StoreContext, TABLE } from '../../shared/store/table.ts';

/** What one call cost. */
export interface Cost {
  readonly command: string;
  readonly table: number;
  readonly indexes: number;
}

export interface EmulatedTable {
  /** A store's context; each tenant is a world of its own. */
  context(tenant: string, more?: Partial<StoreContext>): StoreContext;
  /** The costs of the calls since the last time it was asked. */
  costs(): Cost[];
  /** Waited for on the way to DynamoDB and on the way back. */
  travel: (() => Promise<void>) | undefined;
  everything(): Promise<Item[]>;
  stop(): Promise<void>;
}

/** The table as infra makes it, in an emulated DynamoDB that lives in memory-backed files. */
export async function emulatedTable(): Promise<EmulatedTable> {
  const dataDir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'concord-store-'));
  const server = await startDynamoDbServer(dataDir);
  const client = new DynamoDBClient({
    endpoint: server.endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const tableName = 'Concord';
  await client.send(new CreateTableCommand(description(tableName)));

  let costs: Cost[] = [];
  const table: EmulatedTable = {
    context: (tenant, more = {}) => ({ client, tableName, tenant, now: Date.now, ...more }),
    costs() {
      const since = costs;
      costs = [];
      return since;
    },
    travel: undefined,
    async everything() {
      const items: Item[] = [];
      for await (const page of paginateScan({ client }, { TableName: tableName })) items.push(...(page.Items ?? []));
      return items;
    },
    async stop() {
      client.destroy();
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };

  client.middlewareStack.add(
    (next, handling) => async (args) => {
      const command = String(handling.commandName).replace(/Command$/, '');
      const input = { ...args.input, ReturnConsumedCapacity: 'INDEXES' as const };
      await table.travel?.();
      const result = await next({ ...args, input: 'Statements' in input ? forEmulator(input) : input });
      for (const capacity of capacities(result.output)) costs.push({ command, ...capacity });
      await table.travel?.();
      return result;
    },
    { step: 'initialize' },
  );
  return table;
}

/** The gateway of the local AWS rewrites statements; the tests speak to its DynamoDB without it. */
function forEmulator<T extends { Statements: { Statement: string | undefined }[] | undefined }>(input: T): T {
  const statements = (input.Statements ?? []).map((each) => ({
    ...each,
    Statement: readStatement(each.Statement ?? '').forServer,
  }));
  return { ...input, Statements: statements };
}

function capacities(output: ServiceOutputTypes): { table: number; indexes: number }[] {
  const consumed = 'ConsumedCapacity' in output ? [output.ConsumedCapacity ?? []].flat() : [];
  return consumed.map((each) => ({
    table: 'Table' in each ? (each.Table?.CapacityUnits ?? 0) : 0,
    indexes: sum('GlobalSecondaryIndexes' in each ? Object.values(each.GlobalSecondaryIndexes ?? {}) : []),
  }));
}

function sum(capacities: readonly { CapacityUnits?: number | undefined }[]): number {
  return capacities.reduce((total, { CapacityUnits }) => total + (CapacityUnits ?? 0), 0);
}

function description(tableName: string) {
  const { dirtyIndex, attentionIndex } = TABLE;
  const attribute = (AttributeName: string, AttributeType: 'S' | 'N'): AttributeDefinition => ({ AttributeName, AttributeType });
  const schema = (keys: { partitionKey: string; sortKey: string }) => [
    { AttributeName: keys.partitionKey, KeyType: 'HASH' as const },
    { AttributeName: keys.sortKey, KeyType: 'RANGE' as const },
  ];
  return {
    TableName: tableName,
    BillingMode: 'PAY_PER_REQUEST' as const,
    KeySchema: schema(TABLE),
    AttributeDefinitions: [
      attribute(TABLE.partitionKey, 'S'),
      attribute(TABLE.sortKey, 'S'),
      attribute(dirtyIndex.partitionKey, 'S'),
      attribute(dirtyIndex.sortKey, 'N'),
      attribute(attentionIndex.partitionKey, 'S'),
      attribute(attentionIndex.sortKey, 'S'),
    ],
    GlobalSecondaryIndexes: [dirtyIndex, attentionIndex].map((index) => ({
      IndexName: index.name,
      KeySchema: schema(index),
      Projection: { ProjectionType: 'KEYS_ONLY' as const },
    })),
  };
}
