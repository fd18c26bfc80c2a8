import * as z from 'zod';
import { readStatement } from './partiql.ts';

/** The name of a table's (or index's) partition key. */
export type PartitionKeyOf = (tableName: string, indexName?: string) => string | undefined;

const attributeValue = z.union([
  z.object({ S: z.string() }).transform(({ S }) => S),
  z.object({ N: z.string() }).transform(({ N }) => N),
  z.object({ B: z.string() }).transform(({ B }) => B),
  z.unknown().transform(() => undefined),
]);
const itemSchema = z.record(z.string(), attributeValue);
const singleSchema = z.object({
  Key: itemSchema.optional(),
  Item: itemSchema.optional(),
  IndexName: z.string().optional(),
  KeyConditionExpression: z.string().optional(),
  ExpressionAttributeNames: z.record(z.string(), z.string()).optional(),
  ExpressionAttributeValues: itemSchema.optional(),
});
const batchSchema = z.union([
  z.object({ Keys: z.array(itemSchema) }).transform(({ Keys }) => Keys),
  z
    .array(
      z.object({
        PutRequest: z.object({ Item: itemSchema }).optional(),
        DeleteRequest: z.object({ Key: itemSchema }).optional(),
      }),
    )
    .transform((writes) => writes.map((write) => write.PutRequest?.Item ?? write.DeleteRequest?.Key ?? {})),
]);
const statementSchema = z.object({ Statement: z.string(), Parameters: z.array(attributeValue).optional() });

/**
 * The partition key values that one part of a request touches: what `dynamodb:LeadingKeys` means.
 * docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
 *
 * @param part - the body of a one-table request, one item of a transaction, one table's share of a batch, or one PartiQL statement.
 * @returns undefined when the request names no key (a Scan): the condition key is then absent, as on AWS.
 */
export function leadingKeys(part: unknown, tableName: string, partitionKeyOf: PartitionKeyOf): string[] | undefined {
  const statement = statementSchema.safeParse(part);
  if (statement.success) return ofStatement(statement.data, partitionKeyOf);
  const batch = batchSchema.safeParse(part);
  const partitionKey = partitionKeyOf(tableName);
  if (batch.success) return batch.data.flatMap((item) => present(partitionKey === undefined ? undefined : item[partitionKey]));
  const single = singleSchema.safeParse(part);
  return single.success ? ofSingle(single.data, tableName, partitionKeyOf) : undefined;
}

function ofSingle(
  request: z.infer<typeof singleSchema>,
  tableName: string,
  partitionKeyOf: PartitionKeyOf,
): string[] | undefined {
  const partitionKey = partitionKeyOf(tableName, request.IndexName);
  if (partitionKey === undefined) return undefined;
  const item = request.Key ?? request.Item;
  if (item !== undefined) return present(item[partitionKey]);
  for (const [, name = '', value = ''] of (request.KeyConditionExpression ?? '').matchAll(/([#\w.-]+)\s*=\s*(:\w+)/g)) {
    if ((request.ExpressionAttributeNames?.[name] ?? name) === partitionKey)
      return present(request.ExpressionAttributeValues?.[value]);
  }
  return undefined;
}

function ofStatement(
  { Statement, Parameters = [] }: z.infer<typeof statementSchema>,
  partitionKeyOf: PartitionKeyOf,
): string[] | undefined {
  const { tableName, indexName, equals } = readStatement(Statement);
  const equal = equals.get(partitionKeyOf(tableName, indexName) ?? '');
  if (equal === undefined) return undefined;
  return 'literal' in equal ? [equal.literal] : present(Parameters[equal.parameter]);
}

const present = (value: string | undefined): string[] => (value === undefined ? [] : [value]);
