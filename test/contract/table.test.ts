import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { TABLE } from '../../shared/store/table.ts';
import { embeddedAws } from '../local/aws/embedded-aws.ts';
import { ModelTable } from '../simulation/ports/model-table.ts';
import { atOnce } from '../simulation/ports/port-call.ts';
import { tableClient } from '../simulation/ports/table-client.ts';
import { type TableBackend, tableContract } from './table-contract.ts';

const NAME = 'Concord';

async function model(): Promise<TableBackend> {
  const table = new ModelTable({ now: () => 1_790_000_000_000 });
  return {
    client: tableClient(table, atOnce),
    tableName: NAME,
    async streamed() {
      const records = [];
      while (table.streamLength > 0) records.push(...table.drainStream());
      return records;
    },
    close: async () => undefined,
  };
}

/** The table as infra/record-table.ts makes it. */
const PROPERTIES = {
  KeySchema: keySchema(TABLE),
  AttributeDefinitions: [
    ...['pk', 'sk', 'dk', 'ak', 'as'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    { AttributeName: 'ds', AttributeType: 'N' },
  ],
  GlobalSecondaryIndexes: [TABLE.dirtyIndex, TABLE.attentionIndex].map((index) => ({
    IndexName: index.name,
    KeySchema: keySchema(index),
    Projection: { ProjectionType: 'KEYS_ONLY' },
  })),
  StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
};

async function emulator(): Promise<TableBackend> {
  const aws = await embeddedAws();
  await aws.dynamodb.ensureTable(NAME, PROPERTIES);
  const client = new DynamoDBClient(aws.client());
  let after: string | undefined;
  return {
    client,
    tableName: NAME,
    async streamed() {
      const records = [];
      for (;;) {
        const page = await aws.dynamodb.readStream(NAME, after, 1_000);
        if (page.length === 0) return records;
        records.push(...page);
        after = page.at(-1)?.dynamodb?.SequenceNumber;
      }
    },
    async close() {
      client.destroy();
      await aws.close();
    },
  };
}

function keySchema(keys: { readonly partitionKey: string; readonly sortKey: string }) {
  return [
    { AttributeName: keys.partitionKey, KeyType: 'HASH' },
    { AttributeName: keys.sortKey, KeyType: 'RANGE' },
  ];
}

tableContract({ name: 'the model of DynamoDB', followsAws: true, open: model });
tableContract({ name: 'the emulated DynamoDB', followsAws: false, open: emulator });
