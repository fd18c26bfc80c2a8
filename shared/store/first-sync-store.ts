import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import { batchPut } from './batched-calls.ts';
import { joined, keysOf, partsOf } from './keys.ts';
import { decodeCursor, encodeCursor } from './page-cursor.ts';
import { expiry, type Item, numberOf, type StoreContext, stringOf, TABLE } from './table.ts';
import { transactWrite } from './transaction.ts';

/** First every system is listed, then the objects are matched; only then the sync delivers. */
export type FirstSyncPhase = 'listing' | 'matching' | 'live';

/** How far the listing of one system has come. */
export interface Listing {
  readonly cursor?: string | undefined; // opaque, from the connector
  readonly done: boolean;
  readonly listed: number;
  readonly version: number;
}

export interface FirstSync {
  readonly phase: FirstSyncPhase;
  readonly startedAtMs: number;
  /** Opaque progress of the matcher. */
  readonly matchedTo?: string | undefined;
  readonly version: number;
  readonly listings: Readonly<Record<string, Listing>>; // by system
}

/** One listed object under one match key. */
export interface ListedObject {
  /** Position of the match key in the sync, or `none` for an object that has none. */
  readonly keyIndex: number | 'none';
  readonly keyValue: string; // '' under `none`
  readonly system: string;
  readonly objectId: string;
}

/** Objects that may be the same one, but not surely: a person decides. */
export interface ReviewCase {
  readonly caseId: string;
  readonly sync: string;
  readonly reason: string;
  readonly keyName: string;
  readonly objects: readonly { readonly system: string; readonly objectId: string }[];
  readonly atMs: number;
}

export type FirstSyncStore = ReturnType<typeof firstSyncStore>;

const STATE_SORT_KEY = 'state';
const LISTING_PREFIX = 'list#';
/** The index serves one pass; a pass that rests longer than this has to list again. */
const INDEX_LIFE_MS = 14 * 24 * 3_600_000;
/** A sort key has 1,024 bytes; of a longer value it holds the beginning and a hash, and the item the rest. */
const KEY_VALUE_BYTES_MAX = 600;

const phaseSchema = z.enum(['listing', 'matching', 'live']);
/** A phase is entered from the one before it, or stayed in. */
const ENTERED_FROM: Readonly<Record<FirstSyncPhase, readonly [FirstSyncPhase, FirstSyncPhase]>> = {
  listing: ['listing', 'listing'],
  matching: ['listing', 'matching'],
  live: ['matching', 'live'],
};

const reviewSchema = z.object({
  sync: z.string(),
  reason: z.string(),
  keyName: z.string(),
  objects: z.array(z.object({ system: z.string(), objectId: z.string() })),
  atMs: z.int(),
});
const reviewBodySchema = z.string().transform((text) => reviewSchema.parse(JSON.parse(text)));

/** The first syncs of one tenant: how far they are, what was listed, and what a person has to decide. */
export function firstSyncStore(context: StoreContext) {
  const { client, tableName, tenant } = context;
  const keys = keysOf(tenant);

  async function get(sync: string): Promise<FirstSync | undefined> {
    const answer = await client.send(
      new QueryCommand({
        TableName: tableName,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': { S: keys.firstSync(sync) } },
        ConsistentRead: true,
      }),
    );
    return firstSyncOf(answer.Items ?? []);
  }

  return {
    get,

    /** Begins the first sync, or returns it as it is when it was begun already. */
    async begin(sync: string, systems: readonly string[]): Promise<FirstSync> {
      const begun = await get(sync);
      if (begun !== undefined) return begun;
      const startedAtMs = context.now();
      const item = (sk: string, attributes: Item) => ({
        Put: {
          TableName: tableName,
          Item: { pk: { S: keys.firstSync(sync) }, sk: { S: sk }, v: { N: '1' }, ...attributes },
          ConditionExpression: 'attribute_not_exists(pk)',
        },
      });
      const cancelled = await transactWrite(context, [
        item(STATE_SORT_KEY, { ph: { S: 'listing' }, sm: { N: String(startedAtMs) } }),
        ...systems.map((system) => item(LISTING_PREFIX + system, { dn: { BOOL: false }, n: { N: '0' } })),
      ]);
      const state = await get(sync);
      if (state === undefined) {
        throw new Error(
          `the first sync of ${sync} could not be begun: ${cancelled ? 'its listings exist without it' : 'it vanished'}`,
        );
      }
      return state;
    },

    /** Notes how far a listing has come, unless another poller was faster. */
    async saveListing(sync: string, system: string, listing: Listing): Promise<Listing | 'conflict'> {
      const saved = await updateOnVersion(context, { pk: keys.firstSync(sync), sk: LISTING_PREFIX + system }, listing.version, {
        dn: { BOOL: listing.done },
        n: { N: String(listing.listed) },
        c: listing.cursor === undefined ? undefined : { S: listing.cursor },
      });
      return saved ? { ...listing, version: listing.version + 1 } : 'conflict';
    },

    /**
     * Enters the next phase, or notes the progress of this one.
     *
     * @returns `conflict` when it was moved since, or when the phase would be skipped or gone back to.
     */
    async move(
      sync: string,
      next: { readonly phase: FirstSyncPhase; readonly matchedTo?: string | undefined; readonly version: number },
    ): Promise<'moved' | 'conflict'> {
      const [one, other] = ENTERED_FROM[next.phase];
      const moved = await updateOnVersion(
        context,
        { pk: keys.firstSync(sync), sk: STATE_SORT_KEY },
        next.version,
        { ph: { S: next.phase }, mt: next.matchedTo === undefined ? undefined : { S: next.matchedTo } },
        { condition: '#ph IN (:one, :other)', values: { ':one': { S: one }, ':other': { S: other } } },
      );
      return moved ? 'moved' : 'conflict';
    },

    /** Adds listed objects to the index. Listing the same page again changes nothing. */
    async index(sync: string, objects: readonly ListedObject[]): Promise<void> {
      // Two match keys never share a partition, but a page may show one object twice, and a batch must not.
      const items = new Map(objects.map((object) => [refOf(object), listedItem(context, sync, object)]));
      await batchPut(context, [...items.values()]);
    },

    /**
     * One page of the listed objects of a match key, ordered by its value: objects of equal value are neighbours.
     * The order is the same for all systems, but not an alphabet's.
     */
    async page(
      sync: string,
      keyIndex: number | 'none',
      options: { readonly after?: string | undefined; readonly limit: number },
    ): Promise<{ objects: ListedObject[]; after?: string }> {
      const pk = { S: keys.listed(sync, keyIndex) };
      const answer = await client.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': pk },
          ConsistentRead: true, // the last pages were listed a moment ago
          Limit: options.limit,
          ...(options.after !== undefined && { ExclusiveStartKey: { pk, sk: { S: options.after } } }),
        }),
      );
      const after = stringOf(answer.LastEvaluatedKey?.[TABLE.sortKey]);
      return { objects: (answer.Items ?? []).map((item) => listedOf(item, keyIndex)), ...(after !== undefined && { after }) };
    },

    /** Opens a case, or replaces the one of the same id. */
    async putReview(review: ReviewCase): Promise<void> {
      const { caseId, ...facts } = review;
      await client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: { pk: { S: keys.reviews(review.sync) }, sk: { S: caseId }, b: { S: JSON.stringify(reviewSchema.parse(facts)) } },
        }),
      );
    },

    /** The open cases of a sync, by id. */
    async reviews(
      sync: string,
      options: { readonly limit: number; readonly cursor?: string | undefined },
    ): Promise<{ reviews: ReviewCase[]; cursor?: string }> {
      const answer = await client.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': { S: keys.reviews(sync) } },
          Limit: options.limit,
          ExclusiveStartKey: decodeCursor(options.cursor, tenant).after,
        }),
      );
      const reviews = (answer.Items ?? []).map((item) => ({
        caseId: stringOf(item[TABLE.sortKey]) ?? '',
        ...reviewBodySchema.parse(stringOf(item[TABLE.body])),
      }));
      const after = answer.LastEvaluatedKey;
      return { reviews, ...(after && { cursor: encodeCursor({ partition: 0, after }) }) };
    },

    async closeReview(sync: string, caseId: string): Promise<void> {
      await client.send(
        new DeleteItemCommand({ TableName: tableName, Key: { pk: { S: keys.reviews(sync) }, sk: { S: caseId } } }),
      );
    },
  };
}

/** @returns false when the item is not at `version`, or does not meet `more`. */
async function updateOnVersion(
  context: StoreContext,
  key: { readonly pk: string; readonly sk: string },
  version: number,
  attributes: Readonly<Record<string, Item[string] | undefined>>,
  more?: { readonly condition: string; readonly values: Item },
): Promise<boolean> {
  const set = ['#v = :next'];
  const remove: string[] = [];
  const names: Record<string, string> = { '#v': TABLE.version };
  const values: Item = { ':next': { N: String(version + 1) }, ':version': { N: String(version) }, ...more?.values };
  for (const [name, attribute] of Object.entries(attributes)) {
    names[`#${name}`] = name;
    if (attribute === undefined) {
      remove.push(`#${name}`);
    } else {
      set.push(`#${name} = :${name}`);
      values[`:${name}`] = attribute;
    }
  }
  try {
    await context.client.send(
      new UpdateItemCommand({
        TableName: context.tableName,
        Key: { pk: { S: key.pk }, sk: { S: key.sk } },
        UpdateExpression: `SET ${set.join(', ')}${remove.length > 0 ? ` REMOVE ${remove.join(', ')}` : ''}`,
        ConditionExpression: `#v = :version${more ? ` AND ${more.condition}` : ''}`,
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: values,
      }),
    );
    return true;
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    return false;
  }
}

function firstSyncOf(items: readonly Item[]): FirstSync | undefined {
  const state = items.find((item) => stringOf(item[TABLE.sortKey]) === STATE_SORT_KEY);
  if (state === undefined) return undefined;
  const matchedTo = stringOf(state.mt);
  const listings = items.flatMap((item): [string, Listing][] => {
    const sortKey = stringOf(item[TABLE.sortKey]) ?? '';
    if (!sortKey.startsWith(LISTING_PREFIX)) return [];
    const cursor = stringOf(item.c);
    const listing = { done: item.dn?.BOOL ?? false, listed: numberOf(item.n) ?? 0, version: numberOf(item[TABLE.version]) ?? 0 };
    return [[sortKey.slice(LISTING_PREFIX.length), { ...(cursor !== undefined && { cursor }), ...listing }]];
  });
  return {
    phase: phaseSchema.parse(stringOf(state.ph)),
    startedAtMs: numberOf(state.sm) ?? 0,
    ...(matchedTo !== undefined && { matchedTo }),
    version: numberOf(state[TABLE.version]) ?? 0,
    listings: Object.fromEntries(listings),
  };
}

function refOf(object: ListedObject): string {
  return joined(String(object.keyIndex), object.keyValue, object.system, object.objectId);
}

function listedItem(context: StoreContext, sync: string, object: ListedObject): Item {
  const isLong = Buffer.byteLength(object.keyValue) > KEY_VALUE_BYTES_MAX;
  const value = isLong ? shortened(object.keyValue) : object.keyValue;
  return {
    pk: { S: keysOf(context.tenant).listed(sync, object.keyIndex) },
    sk: { S: joined(value, object.system, object.objectId) },
    ...(isLong && { [TABLE.body]: { S: object.keyValue } }),
    [TABLE.timeToLive]: expiry(context, INDEX_LIFE_MS),
  };
}

function listedOf(item: Item, keyIndex: number | 'none'): ListedObject {
  const [value = '', system = '', objectId = ''] = partsOf(stringOf(item[TABLE.sortKey]) ?? '');
  return { keyIndex, keyValue: stringOf(item[TABLE.body]) ?? value, system, objectId };
}

/** 50 characters take at most 450 bytes even when each is escaped, and the hash keeps values apart that begin alike. */
function shortened(value: string): string {
  return `${value.slice(0, 50)}${createHash('sha256').update(value).digest('base64url')}`;
}
