import * as z from 'zod';
import { AwsError } from './aws-error.ts';
import type { DynamoDbWire } from './dynamodb-wire.ts';

const keySchema = z.array(z.object({ AttributeName: z.string(), KeyType: z.enum(['HASH', 'RANGE']) })).min(1);
const projectionSchema = z.object({ ProjectionType: z.string(), NonKeyAttributes: z.array(z.string()).optional() });
const indexSchema = z.object({ IndexName: z.string(), KeySchema: keySchema, Projection: projectionSchema });
const ttlSchema = z.object({ AttributeName: z.string(), Enabled: z.boolean() });

/**
 * What counts here of a table's CloudFormation properties. Backups, point-in-time recovery, encryption, replicas, tags and
 * throughput say nothing about how the table answers, so they are read over.
 */
const propertiesSchema = z.object({
  KeySchema: keySchema,
  AttributeDefinitions: z.array(z.object({ AttributeName: z.string(), AttributeType: z.enum(['S', 'N', 'B']) })),
  GlobalSecondaryIndexes: z.array(indexSchema).default([]),
  LocalSecondaryIndexes: z.array(indexSchema).default([]),
  StreamSpecification: z.object({ StreamViewType: z.string() }).optional(),
  TimeToLiveSpecification: ttlSchema.optional(),
});
export type TableProperties = z.infer<typeof propertiesSchema>;

const describedSchema = z.object({
  Table: z.object({
    KeySchema: keySchema,
    GlobalSecondaryIndexes: z.array(z.object({ IndexName: z.string() })).optional(),
    StreamSpecification: z.object({ StreamEnabled: z.boolean(), StreamViewType: z.string().optional() }).optional(),
  }),
});
const describedTtlSchema = z.object({
  TimeToLiveDescription: z.object({ TimeToLiveStatus: z.string().optional(), AttributeName: z.string().optional() }).optional(),
});

const TARGET = 'DynamoDB_20120810';

/**
 * Makes the table be what its template says: creates it, or adds and removes indexes, stream and TTL.
 *
 * @param properties - of AWS::DynamoDB::Table or AWS::DynamoDB::GlobalTable, resolved.
 * @throws Error when the keys differ: CloudFormation would replace the table, and its data would be gone.
 */
export async function ensureTable(wire: DynamoDbWire, tableName: string, properties: unknown): Promise<TableProperties> {
  const wanted = propertiesSchema.parse(properties);
  const present = await describe(wire, tableName);
  if (present === undefined) await create(wire, tableName, wanted);
  else await update(wire, tableName, wanted, present);
  await setTtl(wire, tableName, wanted);
  return wanted;
}

async function describe(wire: DynamoDbWire, tableName: string): Promise<z.infer<typeof describedSchema>['Table'] | undefined> {
  try {
    return describedSchema.parse(await wire.call(`${TARGET}.DescribeTable`, { TableName: tableName })).Table;
  } catch (error) {
    if (error instanceof AwsError && error.code === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}

async function create(wire: DynamoDbWire, tableName: string, wanted: TableProperties): Promise<void> {
  const { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes, LocalSecondaryIndexes, StreamSpecification } = wanted;
  await wire.call(`${TARGET}.CreateTable`, {
    TableName: tableName,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema,
    AttributeDefinitions,
    ...(GlobalSecondaryIndexes.length > 0 ? { GlobalSecondaryIndexes } : {}),
    ...(LocalSecondaryIndexes.length > 0 ? { LocalSecondaryIndexes } : {}),
    ...(StreamSpecification === undefined ? {} : { StreamSpecification: streamOf(StreamSpecification.StreamViewType) }),
  });
}

async function update(
  wire: DynamoDbWire,
  tableName: string,
  wanted: TableProperties,
  present: z.infer<typeof describedSchema>['Table'],
): Promise<void> {
  const keys = (schema: z.infer<typeof keySchema>): string =>
    schema
      .map((key) => `${key.KeyType} ${key.AttributeName}`)
      .sort()
      .join(', ');
  if (keys(wanted.KeySchema) !== keys(present.KeySchema)) {
    throw new Error(
      `table ${tableName} has the key ${keys(present.KeySchema)}, the template says ${keys(wanted.KeySchema)}: start on an empty data directory`,
    );
  }
  const presentIndexes = new Set((present.GlobalSecondaryIndexes ?? []).map((index) => index.IndexName));
  const wantedIndexes = new Set(wanted.GlobalSecondaryIndexes.map((index) => index.IndexName));
  const changes = [
    ...[...presentIndexes].filter((name) => !wantedIndexes.has(name)).map((IndexName) => ({ Delete: { IndexName } })),
    ...wanted.GlobalSecondaryIndexes.filter((index) => !presentIndexes.has(index.IndexName)).map((index) => ({ Create: index })),
  ];
  // DynamoDB takes one change of indexes per call.
  for (const change of changes) {
    await wire.call(`${TARGET}.UpdateTable`, {
      TableName: tableName,
      AttributeDefinitions: wanted.AttributeDefinitions,
      GlobalSecondaryIndexUpdates: [change],
    });
  }
  const viewType = wanted.StreamSpecification?.StreamViewType;
  const presentViewType =
    present.StreamSpecification?.StreamEnabled === true ? present.StreamSpecification.StreamViewType : undefined;
  if (viewType === presentViewType) return;
  if (presentViewType !== undefined) {
    await wire.call(`${TARGET}.UpdateTable`, { TableName: tableName, StreamSpecification: { StreamEnabled: false } });
  }
  if (viewType !== undefined) {
    await wire.call(`${TARGET}.UpdateTable`, { TableName: tableName, StreamSpecification: streamOf(viewType) });
  }
}

const streamOf = (StreamViewType: string): object => ({ StreamEnabled: true, StreamViewType });

async function setTtl(wire: DynamoDbWire, tableName: string, { TimeToLiveSpecification }: TableProperties): Promise<void> {
  if (TimeToLiveSpecification === undefined) return;
  const { TimeToLiveDescription } = describedTtlSchema.parse(
    await wire.call(`${TARGET}.DescribeTimeToLive`, { TableName: tableName }),
  );
  const enabled = TimeToLiveDescription?.TimeToLiveStatus === 'ENABLED';
  const same =
    enabled === TimeToLiveSpecification.Enabled &&
    (!enabled || TimeToLiveDescription?.AttributeName === TimeToLiveSpecification.AttributeName);
  if (!same) await wire.call(`${TARGET}.UpdateTimeToLive`, { TableName: tableName, TimeToLiveSpecification });
}
