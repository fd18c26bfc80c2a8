import type { QueryCommandInput } from '@aws-sdk/client-dynamodb';
import { entryBytes } from './consumed-capacity.ts';
import { refuseWrongPlaceholders } from './expression-reader.ts';
import { keyConditionOf } from './key-condition.ts';
import { compared, type StoredItem, shown } from './stored-value.ts';
import { type Item, validation } from './table-refusals.ts';
import { INDEXES, type KeySchema, PRIMARY_KEY, type TableRows } from './table-rows.ts';

export interface QueryPage {
  readonly items: Item[];
  /** Where the next page begins; also when there is nothing after it, because DynamoDB stops at the limit without looking on. */
  readonly lastKey: Item | undefined;
  readonly bytes: number;
}

/** docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html */
const PAGE_BYTES_MAX = 1_048_576;

export function queryPage(rows: TableRows, input: QueryCommandInput): QueryPage {
  const {
    ExpressionAttributeNames: names = {},
    ExpressionAttributeValues: values = {},
    Limit: limit,
    IndexName: indexName,
  } = input;
  const schema = indexName === undefined ? PRIMARY_KEY : INDEXES.get(indexName);
  if (schema === undefined) throw validation(`The table does not have the specified index: ${indexName}`);
  if (limit !== undefined && limit < 1)
    throw validation(
      "1 validation error detected: Value at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
    );
  if (indexName !== undefined && input.ConsistentRead === true)
    throw validation('Consistent reads are not supported on global secondary indexes');

  const { read: condition, ...placeholders } = keyConditionOf(input.KeyConditionExpression ?? '');
  refuseWrongPlaceholders([{ read: undefined, ...placeholders }], names, values);
  if (condition.partitionKey(names) !== schema.partitionKey)
    throw validation(`Query condition missed key schema element: ${schema.partitionKey}`);
  if (condition.sortKey !== undefined && condition.sortKey(names) !== schema.sortKey)
    throw validation(`Query condition missed key schema element: ${schema.sortKey}`);
  const partition = condition.partition({}, names, values)?.S;
  if (partition === undefined)
    throw validation('One or more parameter values were invalid: Condition parameter type does not match schema type');
  if (partition === '') {
    throw validation(
      `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: ${schema.partitionKey}`,
    );
  }
  const isInRange = condition.range?.(values);

  const found =
    indexName === undefined
      ? rows.partition(partition, input.ConsistentRead === true)
      : rows.indexPartition(indexName, partition).sort((a, b) => comparedAt(schema, a.item, b.item));
  if (input.ScanIndexForward === false) found.reverse();
  const direction = input.ScanIndexForward === false ? -1 : 1;
  const start = input.ExclusiveStartKey === undefined ? undefined : startKeyOf(schema, input.ExclusiveStartKey, partition);

  const items: Item[] = [];
  let bytes = 0;
  let last: Readonly<Item> | undefined;
  for (const stored of found) {
    if (start !== undefined && direction * comparedAt(schema, stored.item, start) <= 0) continue;
    if (isInRange !== undefined && !isInRange(stored.item[schema.sortKey])) continue;
    const size = indexName === undefined ? stored.bytes : (entryBytes(schema, stored) ?? 0);
    if (last !== undefined && bytes + size > PAGE_BYTES_MAX) return { items, lastKey: keyOf(schema, last), bytes };
    bytes += size;
    last = stored.item;
    items.push(indexName === undefined ? shown(stored) : keyOf(schema, stored.item));
    if (items.length === limit) return { items, lastKey: keyOf(schema, last), bytes };
  }
  return { items, lastKey: undefined, bytes };
}

/** By the sort key; in an index, where it need not be unique, then by the table's own key. */
function comparedAt(schema: KeySchema, a: Readonly<Item>, b: Readonly<Item>): number {
  return (
    compared(a[schema.sortKey], b[schema.sortKey]) ||
    compared(a[PRIMARY_KEY.partitionKey], b[PRIMARY_KEY.partitionKey]) ||
    compared(a[PRIMARY_KEY.sortKey], b[PRIMARY_KEY.sortKey]) ||
    0
  );
}

function keyOf(schema: KeySchema, item: StoredItem['item']): Item {
  const key: Item = {};
  for (const name of keyNamesOf(schema)) {
    const value = item[name];
    if (value !== undefined) key[name] = value;
  }
  return key;
}

function keyNamesOf(schema: KeySchema): Set<string> {
  return new Set([PRIMARY_KEY.partitionKey, PRIMARY_KEY.sortKey, schema.partitionKey, schema.sortKey]);
}

function startKeyOf(schema: KeySchema, start: Item, partition: string): Item {
  const names = keyNamesOf(schema);
  if (Object.keys(start).length !== names.size || [...names].some((name) => start[name] === undefined))
    throw validation('The provided starting key is invalid');
  if (start[schema.partitionKey]?.S !== partition)
    throw validation('The provided starting key is outside query boundaries based on provided conditions');
  return start;
}
