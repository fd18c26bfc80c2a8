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
      'dynamodb:GetItem', // cursor, budget, schemas as known and what rests of them
      'dynamodb:Query', // state and listed objects of a first sync, rows seen lately
      'dynamodb:PutItem', // rows seen, state of a first sync, cases for review, schemas
      'dynamodb:BatchGetItem', // what an object that was listed is held by
      'dynamodb:BatchWriteItem', // listed objects
      'dynamodb:UpdateItem', // cursor and its lease, listings, budget
    ],
  },
  'process-changes': {
    table: [
      'dynamodb:GetItem', // budget, what rests of a schema
      'dynamodb:BatchGetItem', // identities and records of a batch, rulings on quarantined payloads
      'dynamodb:BatchWriteItem', // pointers of possible duplicates
      'dynamodb:Query', // state of a first sync, possible duplicates
      'dynamodb:PartiQLUpdate', // many commits in one call, each on its own condition
      'dynamodb:PutItem', // new records, identities, match keys, ledger lines, cases for review, quarantine, schemas
      'dynamodb:UpdateItem', // commits within a transaction, budget
      'dynamodb:DeleteItem', // match keys that a record has left, and what leaves quarantine
    ],
  },
  'deliver-changes': {
    table: [
      'dynamodb:GetItem', // budget, what rests of a schema
      'dynamodb:BatchGetItem', // records of a batch, owners of objects, rulings on quarantined payloads
      'dynamodb:BatchWriteItem', // pointers of possible duplicates
      'dynamodb:Query', // possible duplicates
      'dynamodb:PartiQLUpdate', // claims and confirms of a batch
      'dynamodb:PutItem', // identities of created objects, ledger lines, quarantine, schemas
      'dynamodb:UpdateItem', // commits within a transaction, budget
      'dynamodb:DeleteItem', // what leaves quarantine
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
  'probe-canaries': {
    table: [
      'dynamodb:GetItem', // guards, marks, canaries, budget
      'dynamodb:Query', // state of a first sync, stops
      'dynamodb:PutItem', // marks, canaries
      'dynamodb:UpdateItem', // stops, budget
    ],
    attentionIndex: ['dynamodb:Query'],
  },
  'operator-api': {
    table: [
      'dynamodb:GetItem', // cursors
      'dynamodb:BatchGetItem', // records, identities, rulings
      'dynamodb:Query', // a record with its ledger, first syncs, cases for review, guards, quarantine
      'dynamodb:PartiQLUpdate', // a record that is written again
      'dynamodb:PutItem', // what is said of a quarantined payload
      'dynamodb:UpdateItem', // stops that are made, approved or ended
      // the mark of a system that is another one by now, and rightly so; what leaves quarantine; a schema that is accepted
      'dynamodb:DeleteItem',
    ],
    dirtyIndex: ['dynamodb:Query'],
    attentionIndex: ['dynamodb:Query'],
  },
};
