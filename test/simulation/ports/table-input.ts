import { UnknownToModelError, validation } from './table-refusals.ts';
import type { RowKey } from './table-rows.ts';

const NAMED = ['TableName', 'ExpressionAttributeNames', 'ExpressionAttributeValues'];
const WRITTEN = [...NAMED, 'ConditionExpression', 'ReturnValues', 'ReturnValuesOnConditionCheckFailure'];
const RANGE = ['IndexName', 'KeyConditionExpression', 'Limit', 'ExclusiveStartKey', 'ScanIndexForward', 'ConsistentRead'];

/** The parameters that the model reads, by what they are given to. */
const KNOWN = {
  get: new Set(['TableName', 'Key', 'ConsistentRead']),
  batch: new Set(['RequestItems']),
  batchGet: new Set(['Keys', 'ConsistentRead', 'ProjectionExpression']),
  query: new Set([...NAMED, ...RANGE]),
  put: new Set([...WRITTEN, 'Item']),
  update: new Set([...WRITTEN, 'Key', 'UpdateExpression']),
  delete: new Set([...WRITTEN, 'Key']),
  transaction: new Set(['TransactItems', 'ClientRequestToken']),
  statements: new Set(['Statements']),
} satisfies Record<string, ReadonlySet<string>>;

/** A parameter that nobody reads would be a kindness. @throws UnknownToModelError */
export function refuseUnknown(input: object, kind: keyof typeof KNOWN): void {
  for (const [name, value] of Object.entries(input))
    if (value !== undefined && !KNOWN[kind].has(name)) throw new UnknownToModelError(`the parameter ${name}`);
}

/** Of the one table that a batch is about. */
export function onlyTable<Asked>(requests: Readonly<Record<string, Asked>> | undefined): readonly [string, Asked] {
  const [first, ...others] = Object.entries(requests ?? {});
  if (first === undefined || others.length > 0) throw new UnknownToModelError('a batch of several tables, or of none');
  return first;
}

export function refuseWrongCount(count: number, max: number, what: string): void {
  if (count >= 1 && count <= max) return;
  throw validation(
    `1 validation error detected: Value at '${what}' failed to satisfy constraint: Member must have length from 1 to ${max}`,
  );
}

export function refuseDoubles(keys: readonly RowKey[], message: string): void {
  if (keys.length > 1 && new Set(keys.map(({ pk, sk }) => `${pk}\n${sk}`)).size < keys.length) throw validation(message);
}
