import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type Expression, ExpressionReader, type Names, type Operand, remembered } from './expression-reader.ts';
import { compared } from './stored-value.ts';
import { type Item, UnknownToModelError, validation } from './table-refusals.ts';

/** What a query looks for: one partition, and perhaps a range of its sort keys. */
export interface KeyCondition {
  readonly partitionKey: (names: Names) => string;
  readonly partition: Operand;
  readonly sortKey?: (names: Names) => string;
  /** A test of sort keys, its values already looked up. */
  readonly range?: (values: Readonly<Item>) => (sortKey: AttributeValue | undefined) => boolean;
}

const NOTHING: Readonly<Item> = {};

/** docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html */
export const keyConditionOf: (text: string) => Expression<KeyCondition> = remembered((text) => {
  const reader = new ExpressionReader('KeyConditionExpression', text);
  const partitionKey = reader.path();
  reader.expect('=');
  const partition = reader.value();
  return reader.expressionOf({ partitionKey, partition, ...(reader.skip('AND') && rangeOf(reader)) });
});

function rangeOf(reader: ExpressionReader): Pick<KeyCondition, 'sortKey' | 'range'> {
  if (reader.skip('BEGINS_WITH')) {
    reader.expect('(');
    const sortKey = reader.path();
    reader.expect(',');
    const prefix = reader.value();
    reader.expect(')');
    return {
      sortKey,
      range: (values) => {
        const text = prefix(NOTHING, {}, values)?.S;
        if (text === undefined) throw reader.malformed('begins_with takes a string');
        return (value) => value?.S?.startsWith(text) ?? false;
      },
    };
  }
  const sortKey = reader.path();
  if (reader.skip('BETWEEN')) {
    const low = reader.value();
    reader.expect('AND');
    const high = reader.value();
    return {
      sortKey,
      range: (values) => {
        const [from, to] = [low(NOTHING, {}, values), high(NOTHING, {}, values)];
        if ((compared(from, to) ?? 1) > 0) {
          throw validation(
            'Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound',
          );
        }
        return (value) => (compared(value, from) ?? -1) >= 0 && (compared(value, to) ?? 1) <= 0;
      },
    };
  }
  const operator = reader.take();
  const holds = OPERATORS.get(operator);
  if (holds === undefined) throw new UnknownToModelError(`the operator ${operator} on a sort key: ${reader.text}`);
  const bound = reader.value();
  return {
    sortKey,
    range: (values) => {
      const limit = bound(NOTHING, {}, values);
      return (value) => {
        const order = compared(value, limit);
        return order !== undefined && holds(order);
      };
    },
  };
}

const OPERATORS: ReadonlyMap<string, (order: number) => boolean> = new Map([
  ['=', (order: number) => order === 0],
  ['<', (order: number) => order < 0],
  ['<=', (order: number) => order <= 0],
  ['>', (order: number) => order > 0],
  ['>=', (order: number) => order >= 0],
]);
