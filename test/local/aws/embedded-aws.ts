import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { type MovableClock, movableClock } from '../../../local/aws/clock.ts';
import { type DynamoDb, startDynamoDb } from '../../../local/aws/dynamodb.ts';
import { type EventBus, startEventBus } from '../../../local/aws/event-bus.ts';
import { type Gateway, startGateway } from '../../../local/aws/gateway.ts';
import { type SecretsManager, startSecretsManager } from '../../../local/aws/secrets-manager.ts';
import { type Sqs, startSqs, type Unkindness } from '../../../local/aws/sqs.ts';

export interface EmbeddedAws {
  readonly dataDir: string;
  readonly clock: MovableClock;
  readonly sqs: Sqs;
  readonly dynamodb: DynamoDb;
  readonly secrets: SecretsManager;
  readonly eventBus: EventBus;
  readonly gateway: Gateway;
  /** What an SDK client needs to reach the gateway as this caller. */
  client(accessKeyId?: string): {
    endpoint: string;
    region: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
    maxAttempts: number;
  };
  /** Stops everything; the data stays. */
  stop(): Promise<void>;
  /** Stops everything and removes the data. */
  close(): Promise<void>;
}

/** All embedded services on a directory of their own. @param options.dataDir - of a former run, to start on its data. */
export async function embeddedAws(options: { dataDir?: string; unkind?: Unkindness } = {}): Promise<EmbeddedAws> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'embedded-aws-'));
  const clock = movableClock();
  const warn = () => {};
  const sqs = startSqs({
    file: join(dataDir, 'sqs.sqlite'),
    clock,
    ...(options.unkind === undefined ? {} : { unkind: options.unkind }),
  });
  const dynamodb = await startDynamoDb({ dataDir, clock, warn });
  const secrets = startSecretsManager({ file: join(dataDir, 'secrets.json'), clock });
  const eventBus = startEventBus({ file: join(dataDir, 'events.sqlite'), clock, warn });
  const gateway = await startGateway({ sqs, dynamodb, secrets, eventBus, warn });
  async function stop(): Promise<void> {
    await gateway.close();
    await eventBus.close();
    sqs.close();
    await dynamodb.close();
  }
  return {
    dataDir,
    clock,
    sqs,
    dynamodb,
    secrets,
    eventBus,
    gateway,
    client: (accessKeyId = 'root') => ({
      endpoint: gateway.url,
      region: 'eu-west-1',
      credentials: { accessKeyId, secretAccessKey: 'any' },
      maxAttempts: 1,
    }),
    stop,
    async close() {
      await stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

export const dynamoClient = (aws: EmbeddedAws, accessKeyId?: string): DynamoDBClient =>
  new DynamoDBClient(aws.client(accessKeyId));
export const sqsClient = (aws: EmbeddedAws, accessKeyId?: string): SQSClient => new SQSClient(aws.client(accessKeyId));

/** A table as the template of a record store would have it. */
export const RECORDS_TABLE = {
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  AttributeDefinitions: [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'S' },
    { AttributeName: 'owner', AttributeType: 'S' },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: 'byOwner',
      KeySchema: [{ AttributeName: 'owner', KeyType: 'HASH' }],
      Projection: { ProjectionType: 'KEYS_ONLY' },
    },
  ],
  StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
  TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
  Replicas: [{ Region: 'eu-west-1', PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }],
};
