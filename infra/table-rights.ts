import type { ITableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { TABLE } from '../shared/store/table.ts';
import { allow } from './concord-function.ts';
import type { FunctionName } from './function-bundle.ts';

interface TableRights {
  readonly table: readonly string[];
  readonly dirtyIndex?: readonly string[];
  readonly attentionIndex?: readonly string[];
}

const none: TableRights = { table: [] };

/**
 * What each function may do with the table, and nothing else: no function scans, and only those that commit delete.
 * A transaction needs the rights of the items in it; there is none for the transaction itself.
 */
export const tableRights: Readonly<Record<FunctionName, TableRights>> = {
  'receive-hubspot-webhook': none,
  'receive-salesforce-message': none,
  'poll-changes': {
    table: [
      'dynamodb:GetItem', // cursor, budget
      'dynamodb:BatchGetItem', // identities of a first sync's rows
      'dynamodb:Query', // listed rows of a first sync
      'dynamodb:PutItem', // listed rows
      'dynamodb:BatchWriteItem',
      'dynamodb:UpdateItem', // cursor and lease, on condition; budget
    ],
  },
  'process-changes': {
    table: [
      'dynamodb:GetItem',
      'dynamodb:BatchGetItem', // identities and records of a batch
      'dynamodb:Query',
      'dynamodb:PartiQLUpdate', // many single-record commits in one call, each on its own condition
      'dynamodb:PutItem',
      'dynamodb:UpdateItem', // also budget and breaker
      'dynamodb:DeleteItem', // identities of an unlinked object
      'dynamodb:ConditionCheckItem',
    ],
  },
  'deliver-changes': {
    table: [
      'dynamodb:GetItem',
      'dynamodb:BatchGetItem',
      'dynamodb:Query',
      'dynamodb:PartiQLUpdate', // claims and confirms of a batch
      'dynamodb:PutItem', // the identity of a created object
      'dynamodb:UpdateItem', // also budget and breaker
      'dynamodb:DeleteItem',
      'dynamodb:ConditionCheckItem',
    ],
  },
  'dispatch-deliveries': {
    table: ['dynamodb:BatchWriteItem', 'dynamodb:PutItem'], // ledger lines
  },
  'sweep-deliveries': {
    table: ['dynamodb:BatchGetItem'],
    dirtyIndex: ['dynamodb:Query'],
  },
  'operator-api': {
    table: ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'],
    dirtyIndex: ['dynamodb:Query'],
    attentionIndex: ['dynamodb:Query'],
  },
};

export function grantTableRights(fn: LambdaFunction, name: FunctionName, table: ITableV2): void {
  const { table: onTable, dirtyIndex = [], attentionIndex = [] } = tableRights[name];
  if (onTable.length > 0) allow(fn, onTable, [table.tableArn]);
  if (dirtyIndex.length > 0) allow(fn, dirtyIndex, [`${table.tableArn}/index/${TABLE.dirtyIndex.name}`]);
  if (attentionIndex.length > 0) allow(fn, attentionIndex, [`${table.tableArn}/index/${TABLE.attentionIndex.name}`]);
}
