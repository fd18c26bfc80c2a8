import type { AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** Names of the one table, for whoever creates it and whoever reads its stream. */
export const TABLE = {
  partitionKey: 'pk', // S; always begins with `<tenant>#`
  sortKey: 'sk', // S
  timeToLive: 'ttl', // N; epoch seconds
  version: 'v', // N; of a record, a cursor, a first sync
  body: 'b', // S; compact JSON
  outbox: 'o', // S; present: this commit goes to the readers of the stream
  recordId: 'r', // S; what an identity or a match key points to
  /** Records of which some system still lacks something. KEYS_ONLY. */
  dirtyIndex: { name: 'dirty', partitionKey: 'dk', sortKey: 'ds' },
  /** Records that wait for a person. KEYS_ONLY. `as` is a reserved word: quote it, or name it by a placeholder. */
  attentionIndex: { name: 'attention', partitionKey: 'ak', sortKey: 'as' },
} as const;

export type Item = Record<string, AttributeValue>;

/** Everything a store needs. The clock, the sleep and the dice can be replaced in tests. */
export interface StoreContext {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  readonly tenant: string;
  readonly now: () => number; // epoch ms
  readonly sleep?: (ms: number) => Promise<void>;
  readonly random?: () => number; // in [0, 1)
}

export function stringOf(value: AttributeValue | undefined): string | undefined {
  return value?.S;
}

export function numberOf(value: AttributeValue | undefined): number | undefined {
  return value?.N === undefined ? undefined : Number(value.N);
}

/** The TTL attribute for an item that may go `ms` from now. DynamoDB deletes it within days after that, not at once. */
export function expiry(context: StoreContext, ms: number): AttributeValue {
  return { N: String(Math.ceil((context.now() + ms) / 1000)) };
}
