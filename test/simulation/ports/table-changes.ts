import { type AttributeValue, type BatchStatementRequest, DynamoDBServiceException } from '@aws-sdk/client-dynamodb';
import { TABLE } from '../../../shared/store/table.ts';
import { conditionOf } from './condition-expression.ts';
import { type Names, refuseWrongPlaceholders } from './expression-reader.ts';
import type { PartiqlUpdate } from './partiql-update.ts';
import { isEqual, type StoredItem, storedItem } from './stored-value.ts';
import { type Item, UnknownToModelError, validation } from './table-refusals.ts';
import { type RowKey, refuseWrongIndexKeys, rowKeyOf, type TableRows } from './table-rows.ts';
import { updateOf } from './update-expression.ts';

/** What a write would do to the table as it is. */
export interface Change {
  readonly key: RowKey;
  readonly before: StoredItem | undefined;
  /** Its condition is met. */
  readonly holds: boolean;
  /** Who is refused is shown the item that its condition failed on. */
  readonly showsOld: boolean;
  /** Absent: a deletion, or a write that will not happen. */
  readonly next?: StoredItem | undefined;
  /** Why DynamoDB would refuse the new item. */
  readonly refused?: string;
}

interface Asked {
  readonly ConditionExpression?: string | undefined;
  readonly ExpressionAttributeNames?: Names | undefined;
  readonly ExpressionAttributeValues?: Item | undefined;
  readonly ReturnValuesOnConditionCheckFailure?: string | undefined;
}

type Tested = Pick<Change, 'key' | 'before' | 'holds' | 'showsOld'>;

const TOO_LARGE_TO_PUT = 'Item size has exceeded the maximum allowed size';
const TOO_LARGE_TO_UPDATE = 'Item size to update has exceeded the maximum allowed size';
const NO_ITEM: Readonly<Item> = Object.freeze({});

export function putIn(rows: TableRows, asked: Asked & { readonly Item: Item | undefined }): Change {
  const tested = testedIn(rows, rowKeyOf(asked.Item, false), asked);
  const next = storedItem(asked.Item ?? NO_ITEM, TOO_LARGE_TO_PUT);
  refuseWrongIndexKeys(next.item);
  return { ...tested, next };
}

export function deletionIn(rows: TableRows, asked: Asked & { readonly Key: Item | undefined }): Change {
  return { ...testedIn(rows, rowKeyOf(asked.Key, true), asked), next: undefined };
}

export function updateIn(
  rows: TableRows,
  asked: Asked & { readonly Key: Item | undefined; readonly UpdateExpression?: string | undefined },
): Change {
  if (asked.UpdateExpression === undefined) throw new UnknownToModelError('an update without an expression');
  const update = updateOf(asked.UpdateExpression);
  const tested = testedIn(rows, rowKeyOf(asked.Key, true), asked, update);
  if (!tested.holds) return tested;
  return changed(tested, () => {
    const old = tested.before?.item ?? asked.Key ?? NO_ITEM;
    const item = update.read(old, asked.ExpressionAttributeNames ?? {}, asked.ExpressionAttributeValues ?? NO_ITEM);
    refuseChangedKey(old, item);
    return item;
  });
}

/** A statement's conditions are those of its WHERE; one on an item that is not there fails as any other. */
export function statementIn(rows: TableRows, { sets, removes, where }: PartiqlUpdate, request: BatchStatementRequest): Change {
  const parameters = request.Parameters ?? [];
  if (parameters.length !== sets.length + where.length)
    throw validation("Number of parameters in request and statement don't match.");
  const tests: [string, AttributeValue | undefined][] = where.map((name, at) => [name, parameters[sets.length + at]]);
  const keyAttributes: Item = {};
  for (const [name, value] of tests)
    if ((name === TABLE.partitionKey || name === TABLE.sortKey) && value !== undefined) keyAttributes[name] = value;
  const key = rowKeyOf(keyAttributes, true);
  const before = rows.current(key);
  const holds = before !== undefined && tests.every(([name, value]) => isEqual(before.item[name], value));
  const tested = { key, before, holds, showsOld: request.ReturnValuesOnConditionCheckFailure === 'ALL_OLD' };
  if (!holds) return tested;
  return changed(tested, () => {
    const item: Item = { ...before.item };
    for (const [at, name] of sets.entries()) {
      const value = parameters[at];
      if (value !== undefined) item[name] = value;
    }
    for (const name of removes) delete item[name];
    refuseChangedKey(before.item, item);
    return item;
  });
}

function testedIn(rows: TableRows, key: RowKey, asked: Asked, update?: ReturnType<typeof updateOf>): Tested {
  const { ConditionExpression: text, ExpressionAttributeNames: names, ExpressionAttributeValues: values } = asked;
  const condition = text === undefined ? undefined : conditionOf(text);
  refuseWrongPlaceholders([condition, update], names, values);
  const before = rows.current(key);
  const holds = condition?.read(before?.item ?? NO_ITEM, names ?? {}, values ?? NO_ITEM) ?? true;
  return { key, before, holds, showsOld: asked.ReturnValuesOnConditionCheckFailure === 'ALL_OLD' };
}

/** What DynamoDB finds wrong with the new item fails this change, not the whole request. */
function changed(tested: Tested, make: () => Item): Change {
  try {
    const next = storedItem(make(), TOO_LARGE_TO_UPDATE);
    refuseWrongIndexKeys(next.item);
    return { ...tested, next };
  } catch (error) {
    if (error instanceof DynamoDBServiceException) return { ...tested, refused: error.message };
    throw error;
  }
}

function refuseChangedKey(old: Readonly<Item>, next: Readonly<Item>): void {
  for (const name of [TABLE.partitionKey, TABLE.sortKey]) {
    if (!isEqual(old[name], next[name])) {
      throw validation(
        `One or more parameter values were invalid: Cannot update attribute ${name}. This attribute is part of the key`,
      );
    }
  }
}
