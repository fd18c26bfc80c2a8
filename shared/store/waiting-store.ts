import { DeleteItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import { inTurns } from '../in-turns.ts';
import { batchGet, batchPut } from './batched-calls.ts';
import { type ItemKey, joined, keysOf } from './keys.ts';
import { expiry, type Item, numberOf, type StoreContext, stringOf, TABLE } from './table.ts';

/** What is waited for: that an object gets a record, or that a record gets an object in a system. */
export type Awaited =
  | { readonly what: 'record-of-object'; readonly system: string; readonly object: string; readonly objectId: string }
  | { readonly what: 'object-of-record'; readonly system: string; readonly recordId: string };

/** Who waits: an object that is to be read again, or a record that is to be delivered again. */
export type Waiter =
  | {
      readonly act: 'read';
      readonly sync: string;
      readonly system: string;
      readonly object: string;
      readonly objectId: string;
      readonly field: string;
      readonly correlationId: string;
    }
  | {
      readonly act: 'deliver';
      readonly sync: string;
      readonly system: string;
      readonly recordId: string;
      readonly field: string;
      readonly correlationId: string;
    };

export interface WaitingItem {
  readonly awaited: Awaited;
  readonly waiter: Waiter;
  readonly sinceMs: number;
}

/** A look at whether something is still waited for, which fell due. */
export interface DueLook {
  readonly awaited: Awaited;
  readonly key: string;
}

export type WaitingStore = ReturnType<typeof waitingStore>;

/** A waiter outlives its case: what comes a week late still wakes it. */
const WAIT_LIFE_MS = 30 * 24 * 3_600_000;
/** Looks of one thing within this time are one look. */
const LOOK_BUCKET_MS = 10 * 60_000;
const TIME_DIGITS = 15;
const STORE_CALLS_AT_ONCE = 8;

const awaitedSchema = z.discriminatedUnion('what', [
  z.object({ what: z.literal('record-of-object'), system: z.string(), object: z.string(), objectId: z.string() }),
  z.object({ what: z.literal('object-of-record'), system: z.string(), recordId: z.string() }),
]);
const waiterBasics = { sync: z.string(), system: z.string(), field: z.string(), correlationId: z.string() };
const waiterSchema = z.discriminatedUnion('act', [
  z.object({ act: z.literal('read'), object: z.string(), objectId: z.string(), ...waiterBasics }),
  z.object({ act: z.literal('deliver'), recordId: z.string(), ...waiterBasics }),
]);
const waiterBody = z.string().transform((text) => waiterSchema.parse(JSON.parse(text)));
const awaitedBody = z.string().transform((text) => awaitedSchema.parse(JSON.parse(text)));

/** The key under which maps hold what is waited for. */
export function awaitedKey(awaited: Awaited): string {
  return awaited.what === 'record-of-object'
    ? joined('O', awaited.system, awaited.object, awaited.objectId)
    : joined('R', awaited.system, awaited.recordId);
}

/** Children of one tenant that wait for their parents, each in its parent's partition: a wake-up is one query. */
export function waitingStore(context: StoreContext) {
  const { client, tableName, tenant } = context;
  keysOf(tenant); // refuses a tenant whose name could be taken for part of another one's keys
  const waitersOf = (awaited: Awaited) => joined(tenant, 'WP', awaitedKey(awaited));
  const looks = joined(tenant, 'WL');
  const itemKey = ({ awaited, waiter }: Pick<WaitingItem, 'awaited' | 'waiter'>): ItemKey => ({
    pk: { S: waitersOf(awaited) },
    sk: { S: waiterKey(waiter) },
  });

  /** Plans a look at each: at `atMs`, or up to ten minutes later. */
  async function lookAgain(awaited: readonly Awaited[], atMs: number): Promise<void> {
    const bucketMs = Math.ceil(atMs / LOOK_BUCKET_MS) * LOOK_BUCKET_MS;
    const items = new Map(awaited.map((one) => [awaitedKey(one), one]));
    await batchPut(
      context,
      [...items].map(([key, one]) => ({
        pk: { S: looks },
        sk: { S: `${timeText(bucketMs)}#${key}` },
        [TABLE.body]: { S: JSON.stringify(one) },
        [TABLE.timeToLive]: expiry(context, WAIT_LIFE_MS),
      })),
    );
  }

  return {
    /**
     * Keeps who waits for what. Who waits already goes on waiting since then.
     *
     * @param lookAtMs - when to look whether it is waited for in vain.
     * @returns what was not waited for by these before.
     */
    async park(items: readonly Pick<WaitingItem, 'awaited' | 'waiter'>[], lookAtMs: number): Promise<Awaited[]> {
      const distinct = new Map(items.map((item) => [keyText(itemKey(item)), item]));
      const known = await batchGet(context, [...distinct.values()].map(itemKey), {
        consistent: false,
        attributes: ['pk', 'sk'],
      });
      for (const item of known) distinct.delete(`${stringOf(item.pk)} ${stringOf(item.sk)}`);
      const fresh = [...distinct.values()];
      if (fresh.length === 0) return [];
      const since = { N: String(context.now()) };
      await batchPut(
        context,
        fresh.map((item) => ({
          ...itemKey(item),
          [TABLE.body]: { S: JSON.stringify(item.waiter) },
          s: since,
          [TABLE.timeToLive]: expiry(context, WAIT_LIFE_MS),
        })),
      );
      const awaited = [...new Map(fresh.map((item) => [awaitedKey(item.awaited), item.awaited])).values()];
      await lookAgain(awaited, lookAtMs);
      return awaited;
    },

    lookAgain,

    /** Who waits for it, one page. */
    async waiters(awaited: Awaited, options: { readonly limit: number }): Promise<{ items: WaitingItem[]; more: boolean }> {
      const answer = await client.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': { S: waitersOf(awaited) } },
          ConsistentRead: true, // who parked a moment ago must not sleep through the wake-up
          Limit: options.limit,
        }),
      );
      return {
        items: (answer.Items ?? []).map((item) => waitingOf(awaited, item)),
        more: answer.LastEvaluatedKey !== undefined,
      };
    },

    /** Takes them off, once what they are to do is safely queued. */
    async release(items: readonly Pick<WaitingItem, 'awaited' | 'waiter'>[]): Promise<void> {
      await inTurns(items, STORE_CALLS_AT_ONCE, (item) =>
        client.send(new DeleteItemCommand({ TableName: tableName, Key: itemKey(item) })),
      );
    },

    /** Looks that are due, the oldest first. */
    async dueLooks(options: { readonly limit: number }): Promise<DueLook[]> {
      const answer = await client.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk AND sk < :now',
          ExpressionAttributeValues: { ':pk': { S: looks }, ':now': { S: `${timeText(context.now())}$` } },
          Limit: options.limit,
        }),
      );
      return (answer.Items ?? []).map((item) => ({
        awaited: awaitedBody.parse(stringOf(item[TABLE.body])),
        key: stringOf(item[TABLE.sortKey]) ?? '',
      }));
    },

    async lookDone(look: DueLook): Promise<void> {
      await client.send(new DeleteItemCommand({ TableName: tableName, Key: { pk: { S: looks }, sk: { S: look.key } } }));
    },
  };
}

function waiterKey(waiter: Waiter): string {
  return waiter.act === 'read'
    ? joined('O', waiter.sync, waiter.system, waiter.objectId)
    : joined('R', waiter.sync, waiter.system, waiter.recordId);
}

function waitingOf(awaited: Awaited, item: Item): WaitingItem {
  return { awaited, waiter: waiterBody.parse(stringOf(item[TABLE.body])), sinceMs: numberOf(item.s) ?? 0 };
}

function keyText({ pk, sk }: ItemKey): string {
  return `${pk.S} ${sk.S}`;
}

function timeText(atMs: number): string {
  return String(Math.max(0, atMs)).padStart(TIME_DIGITS, '0');
}
