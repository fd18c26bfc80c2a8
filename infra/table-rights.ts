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
      'dynamodb:BatchGetItem', // identities and records of a batch, rulings on quarantined payloads, who waits already
      'dynamodb:BatchWriteItem', // pointers of possible duplicates, who waits for a parent
      'dynamodb:Query', // state of a first sync, possible duplicates
      'dynamodb:PartiQLUpdate', // many commits in one call, each on its own condition
      'dynamodb:PutItem', // new records, identities, match keys, ledger lines, cases for review, quarantine, schemas
      'dynamodb:UpdateItem', // commits within a transaction, budget
      'dynamodb:DeleteItem', // match keys that a record has left, what leaves quarantine, who waits no longer
    ],
  },
  'deliver-changes': {
    table: [
      'dynamodb:GetItem', // budget, what rests of a schema
      'dynamodb:BatchGetItem', // records of a batch and their parents, owners of objects, rulings on quarantined payloads
      'dynamodb:BatchWriteItem', // pointers of possible duplicates, who waits for a parent
      'dynamodb:Query', // possible duplicates
      'dynamodb:PartiQLUpdate', // claims and confirms of a batch
      'dynamodb:PutItem', // identities of created objects, ledger lines, quarantine, schemas
      'dynamodb:UpdateItem', // commits within a transaction, budget
      'dynamodb:DeleteItem', // what leaves quarantine, who waits no longer
    ],
  },
  'dispatch-deliveries': {
    table: [
      'dynamodb:BatchWriteItem', // ledger lines, later looks at who still waits
      'dynamodb:Query', // who waits for what was committed
      'dynamodb:DeleteItem', // who waits no longer
    ],
  },
  'sweep-deliveries': {
    table: [
      'dynamodb:BatchGetItem', // dirty records, parents that are waited for
      'dynamodb:BatchWriteItem', // later looks
      'dynamodb:DeleteItem', // looks that are done, who waits no longer
      'dynamodb:PutItem', // cases for review
      'dynamodb:Query', // looks that are due, who waits
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
