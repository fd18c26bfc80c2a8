import {
  BatchExecuteStatementCommand,
  type BatchStatementRequest,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  PutItemCommand,
  QueryCommand,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';
import { inTurns } from '../in-turns.ts';
import type { LedgerEntry } from '../sync/ledger.ts';
import { batchGet, chunksOf, PARALLEL_CALLS_MAX, untilDone } from './batched-calls.ts';
import { identityMemory } from './identity-memory.ts';
import { type ItemKey, isLedgerItem, keysOf, type MatchKeyRef, matchKeyKey, type ObjectRef, refKey } from './keys.ts';
import { ledgerEntryOf, ledgerItem } from './ledger-store.ts';
import { attributesOf, itemOf, type RecordCommit, recordOf, type StoredRecord } from './record-item.ts';
import { type Item, type StoreContext, stringOf, TABLE } from './table.ts';
import { transactWrite } from './transaction.ts';

export { type MatchKeyRef, matchKeyKey, type ObjectRef, refKey } from './keys.ts';
export type { Outbox } from './outbox.ts';
export type { RecordCommit, RecordMarks, StoredRecord } from './record-item.ts';

/** `conflict`: somebody committed first. Read the record and the object again, in that order, and decide again. */
export type CommitResult = 'committed' | 'conflict';

/** What kept a record from being created. */
export type Taken =
  | { readonly what: 'record' }
  | { readonly what: 'identity'; readonly ref: ObjectRef; readonly recordId: string }
  | { readonly what: 'match-key'; readonly key: MatchKeyRef; readonly recordId: string };

export type RecordStore = ReturnType<typeof recordStore>;

const STATEMENTS_PER_CALL_MAX = 25; // docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html
/** Codes of a single statement that say "not now"; an internal error may have committed all the same. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  'ThrottlingError',
  'ProvisionedThroughputExceeded',
  'RequestLimitExceeded',
  'TransactionConflict',
  'InternalServerError',
]);

/** The records of one tenant, with the identities and match keys that lead to them. */
export function recordStore(context: StoreContext) {
  const { client, tableName } = context;
  const keys = keysOf(context.tenant);
  const identities = identityMemory();

  return {
    /** @returns the records by id; those that do not exist are absent. */
    async getMany(recordIds: readonly string[], options: { readonly consistent: boolean }): Promise<Map<string, StoredRecord>> {
      const items = await batchGet(context, [...new Set(recordIds)].map(keys.record), options);
      return new Map(items.map(recordOf).map((record) => [record.recordId, record]));
    },

    /** A record and its newest ledger entries, newest first, in one query. */
    async getWithLedger(
      recordId: string,
      options: { readonly limit: number },
    ): Promise<{ record?: StoredRecord; entries: LedgerEntry[] }> {
      const { pk } = keys.record(recordId);
      const answer = await client.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': pk },
          ScanIndexForward: false, // the record's own sort key is the last one
          Limit: options.limit + 1,
          ConsistentRead: true,
        }),
      );
      const items = answer.Items ?? [];
      const own = items.find((item) => !isLedgerItem(item));
      return {
        ...(own && { record: recordOf(own) }),
        entries: items.filter(isLedgerItem).map(ledgerEntryOf).slice(0, options.limit),
      };
    },

    /**
     * Finds the records of objects: those that this instance has met from its memory. Of the rest nearly every one is
     * known, so the cheap read comes first and only what it misses is read again, strongly consistent.
     *
     * @returns record ids by {@link refKey}; unknown objects are absent.
     */
    async resolveMany(refs: readonly ObjectRef[]): Promise<Map<string, string>> {
      const remembered = new Map(refs.flatMap((ref) => entryOf(refKey(ref), identities.get(ref))));
      const unknown = refs.filter((ref) => !remembered.has(refKey(ref)));
      const known = await pointers(context, unknown, refKey, keys.identity, false);
      const missed = unknown.filter((ref) => !known.has(refKey(ref)));
      const late = await pointers(context, missed, refKey, keys.identity, true);
      const found = new Map([...known, ...late]);
      for (const ref of unknown) {
        const recordId = found.get(refKey(ref));
        if (recordId !== undefined) identities.remember(ref, recordId);
      }
      return new Map([...remembered, ...found]);
    },

    /** The record that an object was said to belong to does not know it: ask the table again next time. */
    forgetIdentity(ref: ObjectRef): void {
      identities.forget(ref);
    },

    /** @returns the ids of the records that hold the match keys, by {@link matchKeyKey}; free ones are absent. */
    matchKeyOwners(matchKeys: readonly MatchKeyRef[]): Promise<Map<string, string>> {
      return pointers(context, matchKeys, matchKeyKey, keys.matchKey, true);
    },

    /**
     * Commits many records, each on its own condition that its version is still the one read.
     *
     * @returns one result per commit, in their order.
     * @throws RangeError when a record is named twice: the second could only fail.
     * @throws SystemUnavailableError when DynamoDB keeps throttling; some may have been committed.
     */
    async commitMany(commits: readonly RecordCommit[]): Promise<CommitResult[]> {
      refuseDoubles(commits);
      const results = await inTurns(chunksOf(commits, STATEMENTS_PER_CALL_MAX), PARALLEL_CALLS_MAX, (chunk) =>
        commitChunk(context, chunk),
      );
      return results.flat();
    },

    /** Commits a decision that has a loser: its ledger entry is there if and only if the commit is. */
    async commitWithLoss(commit: RecordCommit, entry: LedgerEntry): Promise<CommitResult> {
      const cancelled = await transactWrite(context, [updateOf(context, commit), { Put: ledgerPut(context, entry) }]);
      return cancelled === undefined ? 'committed' : 'conflict';
    },

    /**
     * Creates a record with everything that leads to it, or nothing: of two that see a person first at the
     * same time, one creates, and the other is told whose it is.
     *
     * @param creation.commit - of a record at version 1.
     */
    async createRecord(creation: {
      readonly commit: RecordCommit;
      readonly identities: readonly ObjectRef[];
      readonly matchKeys: readonly MatchKeyRef[];
      readonly entry?: LedgerEntry;
    }): Promise<'created' | { existing: Taken[] }> {
      const { recordId } = creation.commit.record;
      const identities = distinct(creation.identities, refKey);
      const matchKeys = distinct(creation.matchKeys, matchKeyKey);
      const cancelled = await transactWrite(context, [
        {
          Put: { TableName: tableName, Item: itemOf(context, creation.commit), ConditionExpression: 'attribute_not_exists(pk)' },
        },
        ...identities.map((ref) => pointerPut(context, keys.identity(ref), recordId)),
        ...matchKeys.map((key) => pointerPut(context, keys.matchKey(key), recordId)),
        ...(creation.entry ? [{ Put: ledgerPut(context, creation.entry) }] : []),
      ]);
      if (cancelled === undefined) return 'created';
      const [own, ...others] = cancelled;
      const existing: Taken[] = own ? [{ what: 'record' }] : [];
      for (const [index, ref] of identities.entries()) {
        const owner = ownerOf(others[index]);
        if (owner !== undefined) existing.push({ what: 'identity', ref, recordId: owner });
      }
      for (const [index, key] of matchKeys.entries()) {
        const owner = ownerOf(others[identities.length + index]);
        if (owner !== undefined) existing.push({ what: 'match-key', key, recordId: owner });
      }
      return { existing };
    },

    /** Ties an object to its record together with the commit that says so. */
    async linkObject(
      commit: RecordCommit,
      ref: ObjectRef,
      options: { readonly entry?: LedgerEntry } = {},
    ): Promise<CommitResult | { ownedBy: string }> {
      const cancelled = await transactWrite(context, [
        updateOf(context, commit),
        pointerPut(context, keys.identity(ref), commit.record.recordId),
        ...(options.entry ? [{ Put: ledgerPut(context, options.entry) }] : []),
      ]);
      if (cancelled === undefined) return 'committed';
      const owner = ownerOf(cancelled[1]);
      return owner === undefined ? 'conflict' : { ownedBy: owner };
    },

    /** Unties an object from its record together with the commit that says so; the object may then belong to another one. */
    async unlinkObject(
      commit: RecordCommit,
      ref: ObjectRef,
      options: { readonly entry?: LedgerEntry } = {},
    ): Promise<CommitResult> {
      identities.forget(ref);
      const cancelled = await transactWrite(context, [
        updateOf(context, commit),
        {
          Delete: {
            TableName: tableName,
            Key: keys.identity(ref),
            ConditionExpression: 'attribute_not_exists(pk) OR r = :owner',
            ExpressionAttributeValues: { ':owner': { S: commit.record.recordId } },
          },
        },
        ...(options.entry ? [{ Put: ledgerPut(context, options.entry) }] : []),
      ]);
      return cancelled === undefined ? 'committed' : 'conflict';
    },

    /**
     * Follows a record whose match-key value changed. It comes after the commit and may be lost with the process:
     * then a twin is found at the latest when its own creation is refused, or shown for review.
     */
    async moveMatchKey(
      recordId: string,
      move: { readonly from?: MatchKeyRef; readonly to?: MatchKeyRef },
    ): Promise<'moved' | { ownedBy: string }> {
      if (move.from && move.to && matchKeyKey(move.from) === matchKeyKey(move.to)) return 'moved';
      const taken = move.to && (await takePointer(context, keys.matchKey(move.to), recordId));
      if (move.from) await dropPointer(context, keys.matchKey(move.from), recordId);
      return taken === undefined ? 'moved' : { ownedBy: taken };
    },
  };
}

/** Reads the items that point to records, by the name of what they stand for. */
async function pointers<T>(
  context: StoreContext,
  targets: readonly T[],
  nameOf: (target: T) => string,
  keyOf: (target: T) => ItemKey,
  consistent: boolean,
): Promise<Map<string, string>> {
  const names = new Map(targets.map((target) => [keyOf(target).pk.S, nameOf(target)]));
  const items = await batchGet(context, distinct(targets, nameOf).map(keyOf), { consistent, attributes: ['pk', 'r'] });
  return new Map(
    items.flatMap((item): [string, string][] => {
      const name = names.get(stringOf(item[TABLE.partitionKey]) ?? '');
      const recordId = stringOf(item[TABLE.recordId]);
      return name === undefined || recordId === undefined ? [] : [[name, recordId]];
    }),
  );
}

async function commitChunk(context: StoreContext, commits: readonly RecordCommit[]): Promise<CommitResult[]> {
  const results: CommitResult[] = [];
  let waiting = [...commits.entries()];
  await untilDone(context, 'committed', async () => {
    const answer = await context.client.send(
      new BatchExecuteStatementCommand({ Statements: waiting.map(([, commit]) => statementOf(context, commit)) }),
    );
    const again: typeof waiting = [];
    for (const [position, [index, commit]] of waiting.entries()) {
      const error = answer.Responses?.[position]?.Error;
      const code = error?.Code;
      if (code === undefined) results[index] = 'committed';
      // An answer that was lost on its way made the client send the statement again, and it met its own work.
      else if (code === 'ConditionalCheckFailed')
        results[index] = isOwnWork(context, commit, error?.Item) ? 'committed' : 'conflict';
      else if (PASSING_CODES.has(code)) again.push([index, commit]);
      // The message may show values; the code does not.
      else
        throw new Error(
          `DynamoDB refuses to commit record ${commit.record.recordId} (${code}); look at its size and at the table's keys`,
        );
    }
    waiting = again;
    return waiting.length;
  });
  return results;
}

/**
 * One conditional update as PartiQL. The clauses are repeated, not joined by commas, as
 * docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.update.html shows.
 */
function statementOf(context: StoreContext, commit: RecordCommit): BatchStatementRequest {
  const { pk, sk } = keysOf(context.tenant).record(commit.record.recordId);
  const set: string[] = [];
  const remove: string[] = [];
  const parameters: Item[string][] = [];
  for (const [name, attribute] of Object.entries(attributesOf(context, commit))) {
    const path = name === TABLE.attentionIndex.sortKey ? `"${name}"` : name; // a reserved word
    if (attribute === undefined) {
      remove.push(`REMOVE ${path}`);
    } else {
      set.push(`SET ${path}=?`);
      parameters.push(attribute);
    }
  }
  return {
    Statement: `UPDATE "${context.tableName}" ${[...set, ...remove].join(' ')} WHERE pk=? AND sk=? AND v=?`,
    Parameters: [...parameters, pk, sk, readVersion(commit)],
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  };
}

/** The same update for a transaction. */
function updateOf(context: StoreContext, commit: RecordCommit): TransactWriteItem {
  const set: string[] = [];
  const remove: string[] = [];
  const names: Record<string, string> = {};
  const values: Item = { ':read': readVersion(commit) };
  for (const [name, attribute] of Object.entries(attributesOf(context, commit))) {
    names[`#${name}`] = name;
    if (attribute === undefined) {
      remove.push(`#${name}`);
    } else {
      set.push(`#${name} = :${name}`);
      values[`:${name}`] = attribute;
    }
  }
  return {
    Update: {
      TableName: context.tableName,
      Key: keysOf(context.tenant).record(commit.record.recordId),
      UpdateExpression: `SET ${set.join(', ')}${remove.length > 0 ? ` REMOVE ${remove.join(', ')}` : ''}`,
      ConditionExpression: '#v = :read',
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
    },
  };
}

function readVersion(commit: RecordCommit): Item[string] {
  const { recordId, version } = commit.record;
  if (!Number.isInteger(version) || version < 2) {
    throw new RangeError(
      `record ${recordId} is committed as version ${version}: pass the version read plus 1, or create the record`,
    );
  }
  return { N: String(version - 1) };
}

function isOwnWork(context: StoreContext, commit: RecordCommit, found: Item | undefined): boolean {
  if (found === undefined) return false;
  const meant = attributesOf(context, commit);
  return [TABLE.version, TABLE.body, TABLE.outbox].every((name) => {
    const [is, shall] = [found[name], meant[name]];
    return is?.S === shall?.S && is?.N === shall?.N;
  });
}

function refuseDoubles(commits: readonly RecordCommit[]): void {
  const ids = commits.map((commit) => commit.record.recordId);
  const double = ids.find((id, index) => ids.indexOf(id) !== index);
  if (double !== undefined)
    throw new RangeError(`record ${double} is committed twice in one call; merge the two decisions first`);
}

function ledgerPut(context: StoreContext, entry: LedgerEntry) {
  return { TableName: context.tableName, Item: ledgerItem(context, entry) };
}

/** An item that points to its record, unless it points to another one already. */
function pointerPut(context: StoreContext, key: ItemKey, recordId: string): TransactWriteItem {
  return {
    Put: {
      TableName: context.tableName,
      Item: { ...key, [TABLE.recordId]: { S: recordId } },
      ConditionExpression: 'attribute_not_exists(pk) OR r = :owner',
      ExpressionAttributeValues: { ':owner': { S: recordId } },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    },
  };
}

/** @returns whose it is, when it is another record's. */
async function takePointer(context: StoreContext, key: ItemKey, recordId: string): Promise<string | undefined> {
  try {
    await context.client.send(
      new PutItemCommand({
        TableName: context.tableName,
        Item: { ...key, [TABLE.recordId]: { S: recordId } },
        ConditionExpression: 'attribute_not_exists(pk) OR r = :owner',
        ExpressionAttributeValues: { ':owner': { S: recordId } },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    );
    return undefined;
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    return ownerOf(error.Item) ?? '';
  }
}

/** Deletes a pointer if it still is this record's. */
async function dropPointer(context: StoreContext, key: ItemKey, recordId: string): Promise<void> {
  try {
    await context.client.send(
      new DeleteItemCommand({
        TableName: context.tableName,
        Key: key,
        ConditionExpression: 'r = :owner',
        ExpressionAttributeValues: { ':owner': { S: recordId } },
      }),
    );
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
  }
}

function ownerOf(item: Item | undefined): string | undefined {
  return stringOf(item?.[TABLE.recordId]);
}

function distinct<T>(targets: readonly T[], nameOf: (target: T) => string): T[] {
  return [...new Map(targets.map((target) => [nameOf(target), target])).values()];
}

function entryOf(key: string, value: string | undefined): [string, string][] {
  return value === undefined ? [] : [[key, value]];
}
