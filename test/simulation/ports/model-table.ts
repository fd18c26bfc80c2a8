import { isDeepStrictEqual } from 'node:util';
import {
  type AttributeValue,
  BatchExecuteStatementCommand,
  type BatchExecuteStatementCommandInput,
  type BatchExecuteStatementCommandOutput,
  BatchGetItemCommand,
  type BatchGetItemCommandInput,
  type BatchGetItemCommandOutput,
  type BatchStatementResponse,
  BatchWriteItemCommand,
  type BatchWriteItemCommandInput,
  type BatchWriteItemCommandOutput,
  type CancellationReason,
  DeleteItemCommand,
  type DeleteItemCommandInput,
  DynamoDBServiceException,
  GetItemCommand,
  type GetItemCommandInput,
  type GetItemCommandOutput,
  IdempotentParameterMismatchException,
  ProvisionedThroughputExceededException,
  PutItemCommand,
  type PutItemCommandInput,
  QueryCommand,
  type QueryCommandInput,
  type QueryCommandOutput,
  ResourceNotFoundException,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  type TransactWriteItemsCommandInput,
  UpdateItemCommand,
  type UpdateItemCommandInput,
  type UpdateItemCommandOutput,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import { TABLE } from '../../../shared/store/table.ts';
import { type ConsumedCapacity, indexWriteUnits, readUnits, writeUnits } from './consumed-capacity.ts';
import { partiqlUpdateOf } from './partiql-update.ts';
import { isSameItem, type StoredItem, shown } from './stored-value.ts';
import { type Change, deletionIn, putIn, statementIn, updateIn } from './table-changes.ts';
import { onlyTable, refuseDoubles, refuseUnknown, refuseWrongCount } from './table-input.ts';
import { queryPage } from './table-query.ts';
import {
  CONDITION_FAILED,
  conditionFailed,
  type Item,
  transactionCanceled,
  UnknownToModelError,
  validation,
} from './table-refusals.ts';
import { type LagKind, type RowKey, rowKeyOf, TableRows } from './table-rows.ts';
import { TableStream } from './table-stream.ts';

/** What becomes of one part of a batch: it is not done, or it is done and its answer says otherwise. */
export type PartFault = 'throttled' | 'done-unanswered';

export interface ModelTableOptions {
  /** Epoch ms. */
  readonly now: () => number;
  /**
   * By how much a reader is behind, ms, up to five minutes. Asked for each item that changed of late whenever somebody reads it
   * without ConsistentRead (`read`) or in an index (`index`). Without it all readers see the newest state.
   */
  readonly lag?: (kind: LagKind) => number;
  /** What a call fails with before it does anything; asked once per call. `command` is a class's name: `PutItemCommand`. */
  readonly fault?: (command: string) => Error | undefined;
  /** What becomes of each part of a BatchGetItem, BatchWriteItem or BatchExecuteStatement; asked once per part. */
  readonly partFault?: (command: string) => PartFault | undefined;
  /** Told what each call cost. */
  readonly meter?: (cost: ConsumedCapacity) => void;
}

// docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
const GET_BATCH_MAX = 100;
const GET_BATCH_BYTES_MAX = 16 * 1_048_576;
const WRITE_BATCH_MAX = 25;
const STATEMENTS_MAX = 25;
const TRANSACTION_ACTIONS_MAX = 100;
const TRANSACTION_BYTES_MAX = 4 * 1_048_576;
/** API_TransactWriteItems: a client token is valid for 10 minutes after the first request that used it. */
const TOKEN_LIFE_MS = 10 * 60_000;
const COMPLAINTS_MAX = 100;

const $metadata = Object.freeze({});

/**
 * The record table as DynamoDB keeps it, in memory and at once: a synchronous state machine that takes the time from `now`. It
 * carries the commands and expressions that shared/store uses and refuses all others, so that it is never kinder by silence.
 */
export class ModelTable {
  /** Requests that DynamoDB would have refused or that the model does not know: each is a fault of the caller's code, or of the model. */
  readonly complaints: string[] = [];
  private readonly options: ModelTableOptions;
  private readonly rows: TableRows;
  private readonly stream = new TableStream();
  private readonly tokens = new Map<string, { readonly actions: readonly TransactWriteItem[]; readonly atMs: number }>();
  private tableName: string | undefined;
  private tokenCount = 0;
  private spent = { table: 0, indexes: 0 };

  constructor(options: ModelTableOptions) {
    this.options = options;
    this.rows = new TableRows(options);
  }

  /**
   * Executes an SDK command.
   *
   * @param token - stands for the ClientRequestToken that an SDK client gives a transaction by itself: one per `send`.
   * @returns the command's output.
   * @throws the SDK's exceptions, or UnknownToModelError.
   */
  execute(command: object, token?: string): object {
    const { fault, meter } = this.options;
    const failure = fault?.(command.constructor.name);
    if (failure !== undefined) throw failure;
    this.spent = { table: 0, indexes: 0 };
    try {
      return this.dispatch(command, token);
    } catch (error) {
      const isComplaint =
        error instanceof UnknownToModelError ||
        (error instanceof DynamoDBServiceException && error.name === 'ValidationException');
      if (isComplaint && this.complaints.length < COMPLAINTS_MAX)
        this.complaints.push(`${command.constructor.name}: ${error.message}`);
      throw error;
    } finally {
      meter?.({ command: command.constructor.name.replace(/Command$/, ''), ...this.spent });
    }
  }

  /** A token that no other transaction of this table has. */
  newToken(): string {
    this.tokenCount += 1;
    return `token-${this.tokenCount}`;
  }

  /** Takes the oldest records off the stream, in the order of the writes. */
  drainStream(max = 100): DynamoDBRecord[] {
    return this.stream.drain(max);
  }

  get streamLength(): number {
    return this.stream.length;
  }

  /** Every item as it is, for an oracle that sees all. */
  *everything(): Generator<Item> {
    for (const stored of this.rows.all()) yield shown(stored);
  }

  /** Deletes the items whose time to live has passed, as DynamoDB does within days: until then they are read as any other. */
  deleteExpired(): number {
    const nowSeconds = this.options.now() / 1_000;
    const expired = [...this.rows.all()].filter(
      ({ item }) => Number(item[TABLE.timeToLive]?.N ?? Number.POSITIVE_INFINITY) < nowSeconds,
    );
    for (const { item } of expired) this.write(rowKeyOf(item, false), undefined, true);
    return expired.length;
  }

  private dispatch(command: object, token: string | undefined): object {
    if (command instanceof GetItemCommand) return this.get(command.input);
    if (command instanceof BatchGetItemCommand) return this.batchGet(command.input);
    if (command instanceof QueryCommand) return this.query(command.input);
    if (command instanceof PutItemCommand) return this.put(command.input);
    if (command instanceof UpdateItemCommand) return this.update(command.input);
    if (command instanceof DeleteItemCommand) return this.delete(command.input);
    if (command instanceof BatchWriteItemCommand) return this.batchWrite(command.input);
    if (command instanceof TransactWriteItemsCommand)
      return this.transact(command.input, command.input.ClientRequestToken ?? token);
    if (command instanceof BatchExecuteStatementCommand) return this.statements(command.input);
    throw new UnknownToModelError(`the command ${command.constructor.name}`);
  }

  private get(input: GetItemCommandInput): GetItemCommandOutput {
    refuseUnknown(input, 'get');
    this.name(input.TableName);
    const consistent = input.ConsistentRead === true;
    const stored = this.rows.seen(rowKeyOf(input.Key, true), consistent);
    this.spendRead(stored?.bytes ?? 0, consistent);
    return { $metadata, ...(stored && { Item: shown(stored) }) };
  }

  private batchGet(input: BatchGetItemCommandInput): BatchGetItemCommandOutput {
    refuseUnknown(input, 'batch');
    const [tableName, asked] = onlyTable(input.RequestItems);
    refuseUnknown(asked, 'batchGet');
    this.name(tableName);
    const keys = asked.Keys ?? [];
    refuseWrongCount(keys.length, GET_BATCH_MAX, 'requestItems');
    const places = keys.map((key) => rowKeyOf(key, true));
    refuseDoubles(places, 'Provided list of item keys contains duplicates');
    const wanted = asked.ProjectionExpression === undefined ? undefined : projectionOf(asked.ProjectionExpression);
    const consistent = asked.ConsistentRead === true;
    const items: Item[] = [];
    const unread: Record<string, AttributeValue>[] = [];
    let bytes = 0;
    for (const [position, place] of places.entries()) {
      const stored =
        bytes > GET_BATCH_BYTES_MAX || this.partFault('BatchGetItemCommand') ? 'unread' : this.rows.seen(place, consistent);
      const size = stored === 'unread' ? 0 : (stored?.bytes ?? 0);
      if (stored === 'unread' || (bytes > 0 && bytes + size > GET_BATCH_BYTES_MAX)) {
        const key = keys[position];
        if (key !== undefined) unread.push(key);
        continue;
      }
      bytes += size;
      this.spendRead(size, consistent);
      if (stored !== undefined) items.push(wanted === undefined ? shown(stored) : only(shown(stored), wanted));
    }
    if (unread.length === keys.length) throw throughputExceeded();
    // The order of the answer is any: not that of the request, lest somebody relies on it.
    return {
      $metadata,
      Responses: { [tableName]: items.reverse() },
      UnprocessedKeys: unread.length === 0 ? {} : { [tableName]: { ...asked, Keys: unread } },
    };
  }

  private query(input: QueryCommandInput): QueryCommandOutput {
    refuseUnknown(input, 'query');
    this.name(input.TableName);
    const { items, lastKey, bytes } = queryPage(this.rows, input);
    const units = readUnits(bytes, input.ConsistentRead === true);
    if (input.IndexName === undefined) this.spent.table += units;
    else this.spent.indexes += units;
    return {
      $metadata,
      Items: items,
      Count: items.length,
      ScannedCount: items.length,
      ...(lastKey && { LastEvaluatedKey: lastKey }),
    };
  }

  private put(input: PutItemCommandInput): object {
    refuseUnknown(input, 'put');
    this.name(input.TableName);
    const change = putIn(this.rows, input);
    this.refuseFailed(change, input);
    this.apply(change);
    return { $metadata };
  }

  private update(input: UpdateItemCommandInput): UpdateItemCommandOutput {
    refuseUnknown(input, 'update');
    this.name(input.TableName);
    const { ReturnValues: returns = 'NONE' } = input;
    if (returns !== 'NONE' && returns !== 'ALL_NEW') throw new UnknownToModelError(`ReturnValues ${returns}`);
    const change = updateIn(this.rows, input);
    this.refuseFailed(change, input);
    const next = this.apply(change);
    return { $metadata, ...(returns === 'ALL_NEW' && next && { Attributes: shown(next) }) };
  }

  private delete(input: DeleteItemCommandInput): object {
    refuseUnknown(input, 'delete');
    this.name(input.TableName);
    const change = deletionIn(this.rows, input);
    this.refuseFailed(change, input);
    this.apply(change);
    return { $metadata };
  }

  private batchWrite(input: BatchWriteItemCommandInput): BatchWriteItemCommandOutput {
    refuseUnknown(input, 'batch');
    const [tableName, asked] = onlyTable(input.RequestItems);
    this.name(tableName);
    refuseWrongCount(asked.length, WRITE_BATCH_MAX, 'requestItems');
    const changes = asked.map((request): Change => {
      if (request.PutRequest?.Item !== undefined) return putIn(this.rows, { Item: request.PutRequest.Item });
      if (request.DeleteRequest?.Key !== undefined) return deletionIn(this.rows, { Key: request.DeleteRequest.Key });
      throw new UnknownToModelError('a write that neither puts nor deletes');
    });
    refuseDoubles(
      changes.map(({ key }) => key),
      'Provided list of item keys contains duplicates',
    );
    const unwritten: WriteRequest[] = [];
    for (const [position, change] of changes.entries()) {
      const request = asked[position];
      const fault = this.partFault('BatchWriteItemCommand');
      if (fault !== 'throttled') this.apply(change);
      if (fault !== undefined && request !== undefined) unwritten.push(request);
    }
    if (unwritten.length === asked.length) throw throughputExceeded();
    return { $metadata, UnprocessedItems: unwritten.length === 0 ? {} : { [tableName]: unwritten } };
  }

  private transact(input: TransactWriteItemsCommandInput, token: string | undefined): object {
    refuseUnknown(input, 'transaction');
    const actions = input.TransactItems ?? [];
    refuseWrongCount(actions.length, TRANSACTION_ACTIONS_MAX, 'transactItems');
    if (token !== undefined && this.isRepeated(token, actions)) return { $metadata };
    const changes = actions.map((action) => this.actionOf(action));
    refuseDoubles(
      changes.map(({ key }) => key),
      'Transaction request cannot include multiple operations on one item',
    );
    const bytes = changes.reduce((sum, change) => sum + ('next' in change ? (change.next?.bytes ?? 0) : 0), 0);
    if (bytes > TRANSACTION_BYTES_MAX) throw validation('Transaction request size has exceeded the maximum allowed size of 4 MB');
    for (const change of changes) this.spendWrite(change.before, 'next' in change ? change.next : undefined, 2);
    const reasons = changes.map((change): CancellationReason => {
      if (change.refused !== undefined) return { Code: 'ValidationError', Message: change.refused };
      if (change.holds) return { Code: 'None' };
      return {
        Code: 'ConditionalCheckFailed',
        Message: CONDITION_FAILED,
        ...(change.showsOld && change.before && { Item: shown(change.before) }),
      };
    });
    if (reasons.some(({ Code }) => Code !== 'None')) throw transactionCanceled(reasons);
    for (const change of changes) this.apply(change, false);
    if (token !== undefined) this.tokens.set(token, { actions, atMs: this.options.now() });
    return { $metadata };
  }

  /** @throws IdempotentParameterMismatchException when the token came with another transaction. */
  private isRepeated(token: string, actions: readonly TransactWriteItem[]): boolean {
    const nowMs = this.options.now();
    // Tokens are kept in the order of their times.
    for (const [old, { atMs }] of this.tokens) {
      if (atMs + TOKEN_LIFE_MS >= nowMs) break;
      this.tokens.delete(old);
    }
    const known = this.tokens.get(token);
    if (known === undefined) return false;
    if (known.actions === actions || isDeepStrictEqual(known.actions, actions)) return true;
    throw new IdempotentParameterMismatchException({
      message: 'The provided token was used with other parameters',
      $metadata: {},
    });
  }

  private actionOf(action: TransactWriteItem): Change {
    const [[kind, asked] = [], ...others] = Object.entries(action).filter(([, part]) => part !== undefined);
    if (kind === undefined || asked === undefined || others.length > 0)
      throw validation('TransactItems can only contain one of Check, Put, Update or Delete');
    this.name(asked.TableName);
    if (action.Put !== undefined) {
      refuseUnknown(action.Put, 'put');
      return putIn(this.rows, action.Put);
    }
    if (action.Update !== undefined) {
      refuseUnknown(action.Update, 'update');
      return updateIn(this.rows, action.Update);
    }
    if (action.Delete !== undefined) {
      refuseUnknown(action.Delete, 'delete');
      return deletionIn(this.rows, action.Delete);
    }
    throw new UnknownToModelError(`the action ${kind} of a transaction`);
  }

  private statements(input: BatchExecuteStatementCommandInput): BatchExecuteStatementCommandOutput {
    refuseUnknown(input, 'statements');
    const statements = input.Statements ?? [];
    refuseWrongCount(statements.length, STATEMENTS_MAX, 'statements');
    const read = statements.map((request): Change => {
      const update = partiqlUpdateOf(request.Statement ?? '');
      this.name(update.table);
      return statementIn(this.rows, update, request);
    });
    refuseDoubles(
      read.map(({ key }) => key),
      'the model does not know what two statements on one item do',
    );
    return { $metadata, Responses: read.map((change) => this.answerOf(change)) };
  }

  private answerOf(change: Change): BatchStatementResponse {
    const TableName = this.tableName;
    const fault = this.partFault('BatchExecuteStatementCommand');
    if (fault === 'throttled') return { Error: { Code: 'ThrottlingError', Message: 'throttled' }, TableName };
    if (change.refused !== undefined) {
      this.complaints.push(`BatchExecuteStatementCommand: ${change.refused}`);
      return { Error: { Code: 'ValidationError', Message: change.refused }, TableName };
    }
    if (!change.holds) {
      this.spendWrite(change.before, undefined, 1);
      const old = change.showsOld && change.before && { Item: shown(change.before) };
      return { Error: { Code: 'ConditionalCheckFailed', Message: CONDITION_FAILED, ...old }, TableName };
    }
    this.apply(change);
    if (fault === 'done-unanswered')
      return { Error: { Code: 'InternalServerError', Message: 'Internal server error' }, TableName };
    return { TableName };
  }

  private refuseFailed(change: Change, asked: { readonly ReturnValues?: string | undefined }): void {
    if (change.refused !== undefined) throw validation(change.refused);
    if (asked.ReturnValues !== undefined && asked.ReturnValues !== 'NONE' && asked.ReturnValues !== 'ALL_NEW')
      throw new UnknownToModelError(`ReturnValues ${asked.ReturnValues}`);
    if (change.holds) return;
    this.spendWrite(change.before, undefined, 1);
    throw conditionFailed(change.showsOld && change.before ? shown(change.before) : undefined);
  }

  private apply(change: Change, isPaidFor = true): StoredItem | undefined {
    if (isPaidFor) this.spendWrite(change.before, change.next, 1);
    return this.write(change.key, change.next, false);
  }

  private write(key: RowKey, next: StoredItem | undefined, byTimeToLive: boolean): StoredItem | undefined {
    const before = this.rows.current(key);
    if (before === undefined && next === undefined) return undefined;
    if (this.options.meter !== undefined) this.spent.indexes += indexWriteUnits(before, next);
    if (before !== undefined && next !== undefined && isSameItem(before.item, next.item)) return before;
    this.rows.write(key, next);
    this.stream.note({ key, before, next, atMs: this.options.now(), byTimeToLive });
    return next;
  }

  private spendRead(bytes: number, consistent: boolean): void {
    if (this.options.meter !== undefined) this.spent.table += readUnits(bytes, consistent);
  }

  private spendWrite(before: StoredItem | undefined, next: StoredItem | undefined, factor: 1 | 2): void {
    if (this.options.meter !== undefined) this.spent.table += factor * writeUnits(before, next);
  }

  private partFault(command: string): PartFault | undefined {
    return this.options.partFault?.(command);
  }

  /** There is one table; whoever names another has mistaken it. */
  private name(tableName: string | undefined): void {
    this.tableName ??= tableName;
    if (tableName === undefined || tableName !== this.tableName)
      throw new ResourceNotFoundException({
        message: `Requested resource not found: Table: ${tableName} not found`,
        $metadata: {},
      });
  }
}

function projectionOf(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => !/^[A-Za-z_]\w*$/.test(name))) throw new UnknownToModelError(`the projection ${text}`);
  return names;
}

function only(item: Item, names: readonly string[]): Item {
  const part: Item = {};
  for (const name of names) {
    const value = item[name];
    if (value !== undefined) part[name] = value;
  }
  return part;
}

function throughputExceeded(): ProvisionedThroughputExceededException {
  return new ProvisionedThroughputExceededException({
    message: 'The level of configured provisioned throughput for the table was exceeded',
    $metadata: {},
  });
}
