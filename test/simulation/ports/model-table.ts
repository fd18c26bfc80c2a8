import {
  type AttributeValue,
  type BatchExecuteStatementCommandInput,
  type BatchGetItemCommandInput,
  type BatchWriteItemCommandInput,
  ConditionalCheckFailedException,
  type DeleteItemCommandInput,
  type GetItemCommandInput,
  ProvisionedThroughputExceededException,
  type PutItemCommandInput,
  type QueryCommandInput,
  TransactionCanceledException,
  type TransactWriteItemsCommandInput,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import { TABLE } from '../../../shared/store/table.ts';
import { compared, conditionOf, type Item, updateOf } from './expressions.ts';

/** docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html */
const ITEM_BYTES_MAX = 400 * 1024;
const TRANSACTION_ITEMS_MAX = 100;
const GET_BATCH_MAX = 100;
const WRITE_BATCH_MAX = 25;

export interface ModelTableOptions {
  readonly now: () => number;
  /** How long an index, or a read that is not strongly consistent, may lag behind a write, ms. */
  readonly lagMs?: () => number;
  /** True where a call is to be throttled; asked once per call. */
  readonly throttles?: (command: string) => boolean;
}

interface Stored {
  item: Item;
  /** What a lagging reader still sees, until then. */
  before: Item | undefined;
  freshFromMs: number;
}

/**
 * The record table as DynamoDB would keep it, in memory and at once: a synchronous state machine. It carries the commands
 * and expressions that shared/store uses and refuses all others, so that it is never kinder than the world by silence.
 */
export class ModelTable {
  private readonly partitions = new Map<string, Map<string, Stored>>();
  private readonly stream: DynamoDBRecord[] = [];
  private readonly options: ModelTableOptions;
  private sequence = 0;

  constructor(options: ModelTableOptions) {
    this.options = options;
  }

  /** @param command - an SDK command, by the name of its class. @throws the SDK's exceptions. */
  execute(command: { readonly input: object }): object {
    const name = command.constructor.name.replace(/\d+$/, '');
    if (this.options.throttles?.(name)) {
      throw new ProvisionedThroughputExceededException({ message: 'throttled', $metadata: {} });
    }
    const { input } = command;
    switch (name) {
      case 'GetItemCommand':
        return this.get(input as GetItemCommandInput);
      case 'BatchGetItemCommand':
        return this.batchGet(input as BatchGetItemCommandInput);
      case 'QueryCommand':
        return this.query(input as QueryCommandInput);
      case 'PutItemCommand':
        return this.put(input as PutItemCommandInput);
      case 'UpdateItemCommand':
        return this.update(input as UpdateItemCommandInput);
      case 'DeleteItemCommand':
        return this.remove(input as DeleteItemCommandInput);
      case 'BatchWriteItemCommand':
        return this.batchWrite(input as BatchWriteItemCommandInput);
      case 'TransactWriteItemsCommand':
        return this.transact(input as TransactWriteItemsCommandInput);
      case 'BatchExecuteStatementCommand':
        return this.statements(input as BatchExecuteStatementCommandInput);
      default:
        throw new Error(`the model table does not know ${name}`);
    }
  }

  /** What the stream shows since it was last asked: NEW_IMAGE of every put and update, in order. */
  drainStream(max = 100): DynamoDBRecord[] {
    return this.stream.splice(0, max);
  }

  get streamLength(): number {
    return this.stream.length;
  }

  /** Every item, for an oracle that sees all. */
  *everything(): Generator<Item> {
    for (const partition of this.partitions.values()) for (const { item } of partition.values()) yield item;
  }

  private get(input: GetItemCommandInput): object {
    const item = this.visible(keyOf(input.Key), input.ConsistentRead === true);
    return item === undefined ? {} : { Item: structuredClone(item) };
  }

  private batchGet(input: BatchGetItemCommandInput): object {
    const [[tableName, asked] = []] = Object.entries(input.RequestItems ?? {});
    const keys = asked?.Keys ?? [];
    if (tableName === undefined || keys.length > GET_BATCH_MAX) throw new RangeError(`a batch gets 1 to ${GET_BATCH_MAX} items`);
    const names = keys.map((key) => JSON.stringify(keyOf(key)));
    if (new Set(names).size < names.length) throw new RangeError('a batch names an item twice');
    const wanted = asked?.ProjectionExpression?.split(',').map((name) => name.trim());
    const items = keys.flatMap((key) => {
      const item = this.visible(keyOf(key), asked?.ConsistentRead === true);
      return item === undefined ? [] : [structuredClone(wanted === undefined ? item : only(item, wanted))];
    });
    return { Responses: { [tableName]: items } };
  }

  private query(input: QueryCommandInput): object {
    const values = input.ExpressionAttributeValues ?? {};
    const names = input.ExpressionAttributeNames ?? {};
    const matches = conditionOf(input.KeyConditionExpression ?? '');
    const index = input.IndexName === undefined ? undefined : indexNamed(input.IndexName);
    if (index !== undefined && input.ConsistentRead) throw new RangeError('an index is never strongly consistent');
    const sortKey = index?.sortKey ?? TABLE.sortKey;
    const isDown = input.ScanIndexForward === false;
    const found = [
      ...this.candidates(index === undefined ? values : undefined, input.ConsistentRead === true && index === undefined),
    ]
      .filter((item) => matches(item, names, values))
      .sort((a, b) => {
        const order = compared(a[sortKey], b[sortKey]) || compared(a.pk, b.pk) || compared(a.sk, b.sk) || 0;
        return isDown ? -order : order;
      });
    const start = input.ExclusiveStartKey;
    const from = start === undefined ? 0 : found.findIndex((item) => isAfter(item, start, sortKey, isDown));
    const rest = from < 0 ? [] : found.slice(from);
    const page = rest.slice(0, input.Limit ?? 1_000);
    const last = page.at(-1);
    const keys = index === undefined ? ['pk', 'sk'] : ['pk', 'sk', index.partitionKey, index.sortKey];
    return {
      Items: page.map((item) => structuredClone(index === undefined ? item : only(item, keys))),
      ...(last !== undefined && page.length < rest.length && { LastEvaluatedKey: only(last, keys) }),
    };
  }

  /** Of a query by partition only its partition is looked at. */
  private *candidates(values: Item | undefined, consistent: boolean): Generator<Item> {
    const partitionKey = values?.[':pk']?.S;
    const partitions =
      partitionKey === undefined ? this.partitions.values() : [this.partitions.get(partitionKey) ?? new Map<string, Stored>()];
    for (const partition of partitions) {
      for (const stored of partition.values()) {
        const item = consistent ? stored.item : this.lagging(stored);
        if (item !== undefined) yield item;
      }
    }
  }

  private put(input: PutItemCommandInput): object {
    const failed = this.failedCondition(keyOf(input.Item), input);
    if (failed !== undefined) throw conditionFailed(failed, input.ReturnValuesOnConditionCheckFailure);
    this.store(input.Item ?? {});
    return {};
  }

  private update(input: UpdateItemCommandInput): object {
    const failed = this.failedCondition(keyOf(input.Key), input);
    if (failed !== undefined) throw conditionFailed(failed, input.ReturnValuesOnConditionCheckFailure);
    const item = this.updated(input);
    this.store(item);
    return input.ReturnValues === 'ALL_NEW' ? { Attributes: structuredClone(item) } : {};
  }

  private remove(input: DeleteItemCommandInput): object {
    const failed = this.failedCondition(keyOf(input.Key), input);
    if (failed !== undefined) throw conditionFailed(failed, input.ReturnValuesOnConditionCheckFailure);
    this.drop(keyOf(input.Key));
    return {};
  }

  private batchWrite(input: BatchWriteItemCommandInput): object {
    const requests = Object.values(input.RequestItems ?? {}).flat();
    if (requests.length > WRITE_BATCH_MAX) throw new RangeError(`a batch writes ${WRITE_BATCH_MAX} items at most`);
    for (const request of requests) {
      if (request.PutRequest?.Item !== undefined) this.store(request.PutRequest.Item);
      else if (request.DeleteRequest?.Key !== undefined) this.drop(keyOf(request.DeleteRequest.Key));
    }
    return {};
  }

  private transact(input: TransactWriteItemsCommandInput): object {
    const actions = input.TransactItems ?? [];
    if (actions.length > TRANSACTION_ITEMS_MAX) throw new RangeError(`a transaction has ${TRANSACTION_ITEMS_MAX} items at most`);
    const keys = actions.map((action) =>
      keyOf(action.Put?.Item ?? action.Update?.Key ?? action.Delete?.Key ?? action.ConditionCheck?.Key),
    );
    if (new Set(keys.map((key) => JSON.stringify(key))).size < keys.length)
      throw new RangeError('a transaction names an item twice');
    const reasons = actions.map((action, position) => {
      const asked = action.Put ?? action.Update ?? action.Delete ?? action.ConditionCheck;
      const key = keys[position];
      const failed = asked && key && this.failedCondition(key, asked);
      if (failed === undefined) return { Code: 'None' };
      const shown = asked?.ReturnValuesOnConditionCheckFailure === 'ALL_OLD' && failed.item;
      return { Code: 'ConditionalCheckFailed', ...(shown && { Item: structuredClone(shown) }) };
    });
    if (reasons.some((reason) => reason.Code !== 'None')) {
      throw new TransactionCanceledException({ message: 'cancelled', $metadata: {}, CancellationReasons: reasons });
    }
    for (const action of actions) {
      if (action.Put?.Item !== undefined) this.store(action.Put.Item);
      else if (action.Update !== undefined) this.store(this.updated(action.Update));
      else if (action.Delete !== undefined) this.drop(keyOf(action.Delete.Key));
    }
    return {};
  }

  /** The one statement that the record store uses: an update of one item on condition of its version. */
  private statements(input: BatchExecuteStatementCommandInput): object {
    const statements = input.Statements ?? [];
    if (statements.length > WRITE_BATCH_MAX) throw new RangeError(`a batch has ${WRITE_BATCH_MAX} statements at most`);
    return {
      Responses: statements.map(
        ({ Statement: text = '', Parameters: parameters = [], ReturnValuesOnConditionCheckFailure: shows }) => {
          const match = /^UPDATE "[^"]+" (.+) WHERE pk=\? AND sk=\? AND v=\?$/.exec(text);
          if (match?.[1] === undefined) throw new Error(`the model table does not know the statement ${text}`);
          const rest = [...parameters];
          const changes = match[1].match(/(SET|REMOVE) "?\w+"?(=\?)?/g) ?? [];
          const edits = changes.map((change) => {
            const name = /(?:SET|REMOVE) "?(\w+)"?/.exec(change)?.[1] ?? '';
            return { name, value: change.startsWith('SET') ? rest.shift() : undefined };
          });
          const [pk, sk, version] = rest;
          const stored = this.stored({ pk: pk?.S ?? '', sk: sk?.S ?? '' });
          if (stored === undefined || compared(stored.item.v, version) !== 0) {
            const shown = shows === 'ALL_OLD' && stored !== undefined ? { Item: structuredClone(stored.item) } : {};
            return { Error: { Code: 'ConditionalCheckFailed', ...shown } };
          }
          const item = { ...stored.item };
          for (const { name, value } of edits) {
            if (value === undefined) delete item[name];
            else item[name] = value;
          }
          this.store(item);
          return {};
        },
      ),
    };
  }

  private updated(
    input: Pick<UpdateItemCommandInput, 'Key' | 'UpdateExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'>,
  ): Item {
    const item: Item = { ...(this.stored(keyOf(input.Key))?.item ?? input.Key) };
    updateOf(input.UpdateExpression ?? '')(item, input.ExpressionAttributeNames ?? {}, input.ExpressionAttributeValues ?? {});
    return item;
  }

  private failedCondition(
    key: Key,
    asked: Pick<PutItemCommandInput, 'ConditionExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'>,
  ): { item?: Item } | undefined {
    if (asked.ConditionExpression === undefined) return undefined;
    const item = this.stored(key)?.item;
    const holds = conditionOf(asked.ConditionExpression);
    if (holds(item ?? {}, asked.ExpressionAttributeNames ?? {}, asked.ExpressionAttributeValues ?? {})) return undefined;
    return item === undefined ? {} : { item };
  }

  private store(given: Item): void {
    const item = structuredClone(given);
    const key = keyOf(item);
    if (key.pk === '' || key.sk === '') throw new RangeError('a key is empty');
    if (bytesOf(item) > ITEM_BYTES_MAX) throw new RangeError('Item size has exceeded the maximum allowed size');
    const partition = this.partitions.get(key.pk) ?? new Map<string, Stored>();
    this.partitions.set(key.pk, partition);
    const stored = partition.get(key.sk);
    const freshFromMs = this.options.now() + (this.options.lagMs?.() ?? 0);
    partition.set(key.sk, { item, before: stored && this.lagging(stored), freshFromMs });
    this.sequence += 1;
    if (item.o !== undefined) {
      const SequenceNumber = String(this.sequence).padStart(12, '0');
      this.stream.push({
        eventName: stored === undefined ? 'INSERT' : 'MODIFY',
        dynamodb: { NewImage: imageOf(item), SequenceNumber },
      });
    }
  }

  private drop(key: Key): void {
    this.partitions.get(key.pk)?.delete(key.sk);
  }

  private stored(key: Key): Stored | undefined {
    return this.partitions.get(key.pk)?.get(key.sk);
  }

  private visible(key: Key, consistent: boolean): Item | undefined {
    const stored = this.stored(key);
    return stored === undefined || consistent ? stored?.item : this.lagging(stored);
  }

  private lagging(stored: Stored): Item | undefined {
    return this.options.now() < stored.freshFromMs ? stored.before : stored.item;
  }
}

interface Key {
  readonly pk: string;
  readonly sk: string;
}

function keyOf(item: Item | undefined): Key {
  return { pk: item?.pk?.S ?? '', sk: item?.sk?.S ?? '' };
}

function indexNamed(name: string): { readonly partitionKey: string; readonly sortKey: string } {
  for (const index of [TABLE.dirtyIndex, TABLE.attentionIndex]) if (index.name === name) return index;
  throw new Error(`the table has no index ${name}`);
}

function only(item: Item, names: readonly string[]): Item {
  return Object.fromEntries(
    names.flatMap((name): [string, AttributeValue][] => (item[name] === undefined ? [] : [[name, item[name]]])),
  );
}

function isAfter(item: Item, start: Item, sortKey: string, isDown: boolean): boolean {
  const order = compared(item[sortKey], start[sortKey]) || compared(item.pk, start.pk) || compared(item.sk, start.sk) || 0;
  return isDown ? order < 0 : order > 0;
}

function conditionFailed(failed: { item?: Item }, shows: string | undefined): ConditionalCheckFailedException {
  const shown = shows === 'ALL_OLD' && failed.item !== undefined ? { Item: structuredClone(failed.item) } : {};
  return new ConditionalCheckFailedException({ message: 'The conditional request failed', $metadata: {}, ...shown });
}

function bytesOf(item: Item): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(item)) {
    bytes += name.length + (value.S?.length ?? value.N?.length ?? value.B?.length ?? 1); // UTF-8 is longer: near enough for a limit
  }
  return bytes;
}

function imageOf(item: Item): NonNullable<DynamoDBRecord['dynamodb']>['NewImage'] {
  const image: Record<string, { S: string } | { N: string }> = {};
  for (const [name, value] of Object.entries(item)) {
    if (value.S !== undefined) image[name] = { S: value.S };
    else if (value.N !== undefined) image[name] = { N: value.N };
  }
  return image;
}
