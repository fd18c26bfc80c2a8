import type { FunctionName } from './function-bundle.ts';

export interface TableRights {
  readonly table: readonly string[];
  readonly dirtyIndex?: readonly string[];
  readonly attentionIndex?: readonly string[];
}

/**
 * What each function may do with the table, and nothing else: no function scans. A transaction needs the rights of the
 * items in it; there is none for the transaction itself.
 */
export const tableRights: Readonly<Partial<Record<FunctionName, TableRights>>> = {
  'poll-changes': {
    table: [
      'dynamodb:GetItem', // cursor, budget
      'dynamodb:Query', // state and listed objects of a first sync, rows seen lately
      'dynamodb:PutItem', // rows seen, state of a first sync, cases for review
      'dynamodb:BatchWriteItem', // listed objects
      'dynamodb:UpdateItem', // cursor and its lease, listings, budget
    ],
  },
  'process-changes': {
    table: [
      'dynamodb:GetItem', // budget
      'dynamodb:BatchGetItem', // identities and records of a batch
      'dynamodb:Query', // state of a first sync
      'dynamodb:PartiQLUpdate', // many commits in one call, each on its own condition
      'dynamodb:PutItem', // new records, identities, match keys, ledger lines, cases for review
      'dynamodb:UpdateItem', // commits within a transaction, budget
      'dynamodb:DeleteItem', // match keys that a record has left
    ],
  },
  'deliver-changes': {
    table: [
      'dynamodb:GetItem', // budget
      'dynamodb:BatchGetItem', // records of a batch, owners of objects
      'dynamodb:PartiQLUpdate', // claims and confirms of a batch
      'dynamodb:PutItem', // identities of created objects, ledger lines
      'dynamodb:UpdateItem', // commits within a transaction, budget
    ],
  },
  'dispatch-deliveries': {
    table: ['dynamodb:BatchWriteItem'], // ledger lines
  },
  'sweep-deliveries': {
    table: [
      'dynamodb:BatchGetItem', // dirty records
      'dynamodb:PartiQLUpdate', // overrides whose time is over
    ],
    dirtyIndex: ['dynamodb:Query'],
  },
  'operator-api': {
    table: [
      'dynamodb:GetItem', // cursors
      'dynamodb:BatchGetItem', // records, identities
      'dynamodb:Query', // a record with its ledger, first syncs, cases for review
    ],
    dirtyIndex: ['dynamodb:Query'],
    attentionIndex: ['dynamodb:Query'],
  },
};
