import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import { inTurns } from '../in-turns.ts';
import { batchGet, batchPut, PARALLEL_CALLS_MAX } from './batched-calls.ts';
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
  /** When this system's listing began, where that was later than the sync's own. */
  readonly startedAtMs?: number | undefined;
}

/** One round of listing and matching. */
export interface ListingPass {
  /** 0 is the first sync itself; each system that is added later brings another pass. */
  readonly pass: number;
  readonly phase: FirstSyncPhase;
  readonly startedAtMs: number;
  /** Opaque progress of the matcher. */
  readonly matchedTo?: string | undefined;
  readonly version: number;
  readonly listings: Readonly<Record<string, Listing>>; // by system
}

export interface FirstSync extends ListingPass {
  /**
   * Systems were added to a sync that is live: all systems are listed once more, and the newcomers' objects matched. The
   * others stay live meanwhile. A newcomer has a listing of its own in `listings` only when that is over.
   */
  readonly join?: (ListingPass & { readonly newcomers: readonly string[] }) | undefined;
}

/** True once all that a system held was listed and matched: its unknown objects are new, and the sync may create there. */
export function isLiveIn(state: FirstSync | undefined, system: string): boolean {
  return state?.phase === 'live' && state.listings[system] !== undefined;
}

/** One listed object under one match key. */
export interface ListedObject {
  /** Position of the match key in the sync. */
  readonly keyIndex: number;
  readonly keyValue: string;
  readonly system: string;
  readonly objectId: string;
}

/** One listed object, with what a match on several fields compares. */
export interface ListedFacts {
  readonly system: string;
  readonly objectId: string;
  /** Comparable texts by field; empty where the sync matches by its keys only. */
  readonly facts: Readonly<Record<string, string>>;
}

/** What an object may be the same as, kept between two runs of the matcher. */
export interface ListedRivals {
  readonly system: string;
  readonly objectId: string;
  readonly rivals: readonly {
    readonly system: string;
    readonly objectId: string;
    readonly bits: number;
    readonly isForbidden: boolean;
  }[];
}

interface ReviewObject {
  readonly system: string;
  readonly objectId: string;
}

/** Objects that may be the same one, but not surely: a person decides. */
export interface ReviewCase {
  readonly caseId: string;
  readonly sync: string;
  readonly reason: string;
  readonly keyName: string; // '' where no match key brought them together
  readonly objects: readonly ReviewObject[];
  /** Of a match on several fields: how alike two are in bits, and what spoke for it and against it, without values. */
  readonly pairs?: readonly {
    readonly one: ReviewObject;
    readonly other: ReviewObject;
    readonly bits: number;
    readonly fields: readonly { readonly field: string; readonly says: string; readonly bits: number }[];
  }[];
  readonly atMs: number;
}

export type FirstSyncStore = ReturnType<typeof firstSyncStore>;

const STATE_SORT_KEY = 'state';
const LISTING_PREFIX = 'list#';
/** The index serves one pass; a pass that rests longer than this has to list again. */
const INDEX_LIFE_MS = 14 * 24 * 3_600_000;
/** A sort key has 1,024 bytes; of a longer value it holds the beginning and a hash, and the item the rest. */
const KEY_VALUE_BYTES_MAX = 600;
const OBJECTS = 'objects';
const RIVALS = 'rivals';
/** Keeps an item of a case well below the 400 KB that DynamoDB takes. */
const CASE_PAIRS_MAX = 50;

const phaseSchema = z.enum(['listing', 'matching', 'live']);
/** A phase is entered from the one before it, or stayed in. */
const ENTERED_FROM: Readonly<Record<FirstSyncPhase, readonly [FirstSyncPhase, FirstSyncPhase]>> = {
  listing: ['listing', 'listing'],
  matching: ['listing', 'matching'],
  live: ['matching', 'live'],
};

const reviewObjectSchema = z.object({ system: z.string(), objectId: z.string() });
const reviewSchema = z.object({
  sync: z.string(),
  reason: z.string(),
  keyName: z.string(),
  objects: z.array(reviewObjectSchema),
  pairs: z
    .array(
      z.object({
        one: reviewObjectSchema,
        other: reviewObjectSchema,
        bits: z.number(),
        fields: z.array(z.object({ field: z.string(), says: z.string(), bits: z.number() })),
      }),
    )
    .optional(),
  atMs: z.int(),
});
const reviewBodySchema = z.string().transform((text) => reviewSchema.parse(JSON.parse(text)));
const factsSchema = z.string().transform((text) => z.record(z.string(), z.string()).parse(JSON.parse(text)));
/** Positions instead of names: there may be a hundred thousand of them. */
const rivalsSchema = z
  .string()
  .transform((text) => z.array(z.tuple([z.string(), z.string(), z.number(), z.boolean()])).parse(JSON.parse(text)));

/** The first syncs of one tenant: how far they are, what was listed, and what a person has to decide. */
export function firstSyncStore(context: StoreContext) {
  const { client, tableName, tenant } = context;
  const keys = keysOf(tenant);

  async function stateItems(sync: string): Promise<readonly Item[]> {
    const answer = await client.send(
      new QueryCommand({
        TableName: tableName,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': { S: keys.firstSync(sync) } },
        ConsistentRead: true,
      }),
    );
    return answer.Items ?? [];
  }

  async function get(sync: string): Promise<FirstSync | undefined> {
    return firstSyncOf(await stateItems(sync));
  }

  return {
    get,

    /**
     * Begins the first sync, or returns it as it is when it was begun already. A system that was not there then gets a
     * listing: with the others while they are listed, and in a pass of its own once the sync is live.
     */
    async begin(sync: string, systems: readonly string[]): Promise<FirstSync> {
      const items = await stateItems(sync);
      const begun = firstSyncOf(items);
      if (begun === undefined) {
        await start(sync, { pass: 0, listed: systems });
      } else {
        const missing = systems.filter((system) => begun.listings[system] === undefined);
        if (missing.length === 0) return begun;
        if (begun.phase === 'listing') await addListings(sync, begun, missing);
        else if (begun.phase === 'live' && begun.join === undefined) {
          // Numbered, so that two pollers that begin it at once begin one pass.
          await start(sync, { pass: 1 + newestPass(itemsByPass(items)), listed: systems, newcomers: missing });
        } else return begun; // what is under way comes first
      }
      const state = await get(sync);
      if (state === undefined) throw new Error(`the first sync of ${sync} could not be begun: it vanished`);
      return state;
    },

    /** True once a system was listed and matched: only then it may receive creates. */
    async listingDone(sync: string, system: string): Promise<boolean> {
      return isLiveIn(await get(sync), system);
    },

    /** Notes how far a listing has come, unless another poller was faster. */
    async saveListing(sync: string, system: string, listing: Listing, pass = 0): Promise<Listing | 'conflict'> {
      const key = { pk: keys.firstSync(sync), sk: inPass(pass, LISTING_PREFIX + system) };
      const saved = await updateOnVersion(context, key, listing.version, {
        dn: { BOOL: listing.done },
        n: { N: String(listing.listed) },
        c: listing.cursor === undefined ? undefined : { S: listing.cursor },
      });
      return saved ? { ...listing, version: listing.version + 1 } : 'conflict';
    },

    /**
     * Enters the next phase, or notes the progress of this one. A later pass that goes live makes its newcomers part of
     * the sync in the same transaction.
     *
     * @returns `conflict` when it was moved since, or when the phase would be skipped or gone back to.
     */
    async move(
      sync: string,
      next: {
        readonly phase: FirstSyncPhase;
        readonly matchedTo?: string | undefined;
        readonly version: number;
        readonly pass?: number;
      },
    ): Promise<'moved' | 'conflict'> {
      const pass = next.pass ?? 0;
      if (pass !== 0 && next.phase === 'live') return joinIn(sync, pass, next.version);
      const [one, other] = ENTERED_FROM[next.phase];
      const moved = await updateOnVersion(
        context,
        { pk: keys.firstSync(sync), sk: inPass(pass, STATE_SORT_KEY) },
        next.version,
        { ph: { S: next.phase }, mt: next.matchedTo === undefined ? undefined : { S: next.matchedTo } },
        { condition: '#ph IN (:one, :other)', values: { ':one': { S: one }, ':other': { S: other } } },
      );
      return moved ? 'moved' : 'conflict';
    },

    /** Adds listed objects to the index of their match keys. Listing the same page again changes nothing. */
    async index(sync: string, objects: readonly ListedObject[], pass = 0): Promise<void> {
      // Two match keys never share a partition, but a page may show one object twice, and a batch must not.
      const items = new Map(objects.map((object) => [refOf(object), listedItem(context, sync, object, pass)]));
      await batchPut(context, [...items.values()]);
    },

    /** Adds listed objects with what is compared of them: each object once, whether it has a match key or not. */
    async indexFacts(sync: string, objects: readonly ListedFacts[], pass = 0): Promise<void> {
      await putObjects(sync, OBJECTS, pass, objects, ({ facts }) => facts);
    },

    /** Keeps what objects may be the same as. Repeating it changes nothing. */
    async putRivals(sync: string, objects: readonly ListedRivals[], pass = 0): Promise<void> {
      await putObjects(sync, RIVALS, pass, objects, ({ rivals }) =>
        rivals.map(({ system, objectId, bits, isForbidden }) => [system, objectId, bits, isForbidden]),
      );
    },

    /**
     * One page of the listed objects of a match key, ordered by its value: objects of equal value are neighbours.
     * The order is the same for all systems, but not an alphabet's.
     */
    async page(
      sync: string,
      keyIndex: number,
      options: PageOptions & { readonly pass?: number },
    ): Promise<{ objects: ListedObject[]; after?: string }> {
      const { items, after } = await pageOf(keys.listed(sync, keyIndex, options.pass), options);
      return { objects: items.map((item) => listedOf(item, keyIndex)), ...(after !== undefined && { after }) };
    },

    /** One page of all listed objects, in an order that never changes. */
    async factsPage(
      sync: string,
      options: PageOptions & { readonly pass?: number },
    ): Promise<{ objects: ListedFacts[]; after?: string }> {
      const { items, after } = await pageOf(keys.listed(sync, OBJECTS, options.pass), options);
      const objects = items.map((item) => ({ ...objectOf(item), facts: factsSchema.parse(stringOf(item[TABLE.body])) }));
      return { objects, ...(after !== undefined && { after }) };
    },

    /** One page of what objects may be the same as; objects that resemble none are left out. */
    async rivalsPage(
      sync: string,
      options: PageOptions & { readonly pass?: number },
    ): Promise<{ objects: ListedRivals[]; after?: string }> {
      const { items, after } = await pageOf(keys.listed(sync, RIVALS, options.pass), options);
      const objects = items.map((item) => ({
        ...objectOf(item),
        rivals: rivalsSchema
          .parse(stringOf(item[TABLE.body]))
          .map(([system, objectId, bits, isForbidden]) => ({ system, objectId, bits, isForbidden })),
      }));
      return { objects, ...(after !== undefined && { after }) };
    },

    /**
     * Opens a case, or replaces the one of the same id.
     *
     * @param options.hold - its objects make no record until the case is closed, whatever happens to them.
     */
    async putReview(review: ReviewCase, options: { readonly hold?: readonly ReviewObject[] } = {}): Promise<void> {
      const { caseId, pairs, ...rest } = review;
      const facts = { ...rest, ...(pairs !== undefined && { pairs: pairs.slice(0, CASE_PAIRS_MAX) }) };
      // First what holds them: a case without its holds could be overtaken by an edit.
      await batchPut(
        context,
        (options.hold ?? []).map((object) => ({ ...heldKey(review.sync, object), [TABLE.body]: { S: caseId } })),
      );
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

    /** @returns the cases that hold objects, by {@link heldObjectKey}; others are absent. One batched read. */
    async heldObjects(sync: string, objects: readonly ReviewObject[]): Promise<Map<string, string>> {
      const asked = new Map(objects.map((object) => [heldObjectKey(object), object]));
      const byKey = new Map([...asked].map(([name, object]) => [heldKey(sync, object).pk.S, name]));
      const items = await batchGet(
        context,
        [...asked.values()].map((object) => heldKey(sync, object)),
        { consistent: true },
      );
      return new Map(
        items.flatMap((item): [string, string][] => {
          const name = byKey.get(stringOf(item.pk) ?? '');
          const caseId = stringOf(item[TABLE.body]);
          return name === undefined || caseId === undefined ? [] : [[name, caseId]];
        }),
      );
    },

    /** Ends a case: its objects are held no longer. */
    async closeReview(sync: string, caseId: string): Promise<void> {
      const key = { pk: { S: keys.reviews(sync) }, sk: { S: caseId } };
      const { Item: item } = await client.send(new GetItemCommand({ TableName: tableName, Key: key, ConsistentRead: true }));
      if (item === undefined) return;
      const { objects } = reviewBodySchema.parse(stringOf(item[TABLE.body]));
      await inTurns(objects, PARALLEL_CALLS_MAX, async (object) => {
        // An object can be in a newer case by now: that one goes on holding it.
        await client
          .send(
            new DeleteItemCommand({
              TableName: tableName,
              Key: heldKey(sync, object),
              ConditionExpression: '#b = :case',
              ExpressionAttributeNames: { '#b': TABLE.body },
              ExpressionAttributeValues: { ':case': { S: caseId } },
            }),
          )
          .catch(unlessConditionFailed);
      });
      // Last, so that an end that was cut short can be repeated.
      await client.send(new DeleteItemCommand({ TableName: tableName, Key: key }));
    },
  };

  /** Nothing happens when another poller was faster. */
  async function start(
    sync: string,
    begun: { readonly pass: number; readonly listed: readonly string[]; readonly newcomers?: readonly string[] },
  ): Promise<void> {
    const { pass, listed, newcomers } = begun;
    await transactWrite(context, [
      newItem(sync, inPass(pass, STATE_SORT_KEY), {
        ph: { S: 'listing' },
        sm: { N: String(context.now()) },
        ...(newcomers !== undefined && { nc: { L: newcomers.map((system) => ({ S: system })) } }),
      }),
      ...listed.map((system) => newItem(sync, inPass(pass, LISTING_PREFIX + system), { dn: { BOOL: false }, n: { N: '0' } })),
    ]);
  }

  /** Joins systems to a listing that still runs; the state's version makes sure that it does. */
  async function addListings(sync: string, begun: FirstSync, systems: readonly string[]): Promise<void> {
    await transactWrite(context, [
      {
        Update: {
          TableName: tableName,
          Key: { pk: { S: keys.firstSync(sync) }, sk: { S: STATE_SORT_KEY } },
          UpdateExpression: 'SET #v = :next',
          ConditionExpression: '#v = :version AND ph = :listing',
          ExpressionAttributeNames: { '#v': TABLE.version },
          ExpressionAttributeValues: {
            ':next': { N: String(begun.version + 1) },
            ':version': { N: String(begun.version) },
            ':listing': { S: 'listing' },
          },
        },
      },
      ...systems.map((system) => newItem(sync, LISTING_PREFIX + system, { dn: { BOOL: false }, n: { N: '0' } })),
    ]);
  }

  async function joinIn(sync: string, pass: number, version: number): Promise<'moved' | 'conflict'> {
    const join = (await get(sync))?.join;
    if (join?.pass !== pass) return 'conflict';
    const cancelled = await transactWrite(context, [
      {
        Update: {
          TableName: tableName,
          Key: { pk: { S: keys.firstSync(sync) }, sk: { S: inPass(pass, STATE_SORT_KEY) } },
          UpdateExpression: 'SET #v = :next, ph = :live',
          ConditionExpression: '#v = :version AND ph = :matching',
          ExpressionAttributeNames: { '#v': TABLE.version },
          ExpressionAttributeValues: {
            ':next': { N: String(version + 1) },
            ':version': { N: String(version) },
            ':matching': { S: 'matching' },
            ':live': { S: 'live' },
          },
        },
      },
      ...join.newcomers.map((system) =>
        newItem(sync, LISTING_PREFIX + system, {
          dn: { BOOL: true },
          n: { N: String(join.listings[system]?.listed ?? 0) },
          sm: { N: String(join.startedAtMs) },
        }),
      ),
    ]);
    return cancelled === undefined ? 'moved' : 'conflict';
  }

  function newItem(sync: string, sk: string, attributes: Item) {
    return {
      Put: {
        TableName: tableName,
        Item: { pk: { S: keys.firstSync(sync) }, sk: { S: sk }, v: { N: '1' }, ...attributes },
        ConditionExpression: 'attribute_not_exists(pk)',
      },
    };
  }

  function heldKey(sync: string, object: ReviewObject) {
    return keys.underReview(sync, object.system, object.objectId);
  }

  async function putObjects<Listed extends ReviewObject>(
    sync: string,
    part: string,
    pass: number,
    objects: readonly Listed[],
    bodyOf: (object: Listed) => unknown,
  ): Promise<void> {
    const items = new Map(
      objects.map((object): [string, Item] => {
        const sk = joined(object.system, object.objectId);
        return [
          sk,
          {
            pk: { S: keys.listed(sync, part, pass) },
            sk: { S: sk },
            [TABLE.body]: { S: JSON.stringify(bodyOf(object)) },
            [TABLE.timeToLive]: expiry(context, INDEX_LIFE_MS),
          },
        ];
      }),
    );
    await batchPut(context, [...items.values()]);
  }

  async function pageOf(partition: string, { after, limit }: PageOptions): Promise<{ items: Item[]; after?: string }> {
    const pk = { S: partition };
    const answer = await client.send(
      new QueryCommand({
        TableName: tableName,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': pk },
        ConsistentRead: true, // the last pages were listed a moment ago
        Limit: limit,
        ...(after !== undefined && { ExclusiveStartKey: { pk, sk: { S: after } } }),
      }),
    );
    const next = stringOf(answer.LastEvaluatedKey?.[TABLE.sortKey]);
    return { items: answer.Items ?? [], ...(next !== undefined && { after: next }) };
  }
}

interface PageOptions {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Names an object in the answer of `heldObjects`. */
export function heldObjectKey(object: { readonly system: string; readonly objectId: string }): string {
  return joined(object.system, object.objectId);
}

/** The sort key of a pass's item; those of the first sync itself have none before it. */
function inPass(pass: number, sortKey: string): string {
  return pass === 0 ? sortKey : `pass#${pass}#${sortKey}`;
}

function unlessConditionFailed(error: unknown): void {
  if (!(error instanceof ConditionalCheckFailedException)) throw error;
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

const PASS_ITEM = /^(?:pass#(\d+)#)?(.+)$/s;

function itemsByPass(items: readonly Item[]): Map<number, Map<string, Item>> {
  const byPass = new Map<number, Map<string, Item>>();
  for (const item of items) {
    const [, pass = '0', name = ''] = PASS_ITEM.exec(stringOf(item[TABLE.sortKey]) ?? '') ?? [];
    const own = byPass.get(Number(pass)) ?? new Map<string, Item>();
    own.set(name, item);
    byPass.set(Number(pass), own);
  }
  return byPass;
}

function newestPass(byPass: ReadonlyMap<number, unknown>): number {
  return Math.max(0, ...byPass.keys());
}

function firstSyncOf(items: readonly Item[]): FirstSync | undefined {
  const byPass = itemsByPass(items);
  const first = passOf(0, byPass.get(0));
  if (first === undefined) return undefined;
  const newest = newestPass(byPass);
  const join = newest === 0 ? undefined : passOf(newest, byPass.get(newest));
  if (join === undefined || join.phase === 'live') return first;
  const newcomers = (byPass.get(newest)?.get(STATE_SORT_KEY)?.nc?.L ?? []).flatMap((system) => stringOf(system) ?? []);
  return { ...first, join: { ...join, newcomers } };
}

function passOf(pass: number, items: ReadonlyMap<string, Item> | undefined): ListingPass | undefined {
  const state = items?.get(STATE_SORT_KEY);
  if (items === undefined || state === undefined) return undefined;
  const matchedTo = stringOf(state.mt);
  const listings = [...items].flatMap(([name, item]): [string, Listing][] =>
    name.startsWith(LISTING_PREFIX) ? [[name.slice(LISTING_PREFIX.length), listingOf(item)]] : [],
  );
  return {
    pass,
    phase: phaseSchema.parse(stringOf(state.ph)),
    startedAtMs: numberOf(state.sm) ?? 0,
    ...(matchedTo !== undefined && { matchedTo }),
    version: numberOf(state[TABLE.version]) ?? 0,
    listings: Object.fromEntries(listings),
  };
}

function listingOf(item: Item): Listing {
  const cursor = stringOf(item.c);
  const startedAtMs = numberOf(item.sm);
  return {
    ...(cursor !== undefined && { cursor }),
    done: item.dn?.BOOL ?? false,
    listed: numberOf(item.n) ?? 0,
    version: numberOf(item[TABLE.version]) ?? 0,
    ...(startedAtMs !== undefined && { startedAtMs }),
  };
}

function refOf(object: ListedObject): string {
  return joined(String(object.keyIndex), object.keyValue, object.system, object.objectId);
}

function listedItem(context: StoreContext, sync: string, object: ListedObject, pass: number): Item {
  const isLong = Buffer.byteLength(object.keyValue) > KEY_VALUE_BYTES_MAX;
  const value = isLong ? shortened(object.keyValue) : object.keyValue;
  return {
    pk: { S: keysOf(context.tenant).listed(sync, object.keyIndex, pass) },
    sk: { S: joined(value, object.system, object.objectId) },
    ...(isLong && { [TABLE.body]: { S: object.keyValue } }),
    [TABLE.timeToLive]: expiry(context, INDEX_LIFE_MS),
  };
}

function listedOf(item: Item, keyIndex: number): ListedObject {
  const [value = '', system = '', objectId = ''] = partsOf(stringOf(item[TABLE.sortKey]) ?? '');
  return { keyIndex, keyValue: stringOf(item[TABLE.body]) ?? value, system, objectId };
}

function objectOf(item: Item): { system: string; objectId: string } {
  const [system = '', objectId = ''] = partsOf(stringOf(item[TABLE.sortKey]) ?? '');
  return { system, objectId };
}

/** 50 characters take at most 450 bytes even when each is escaped, and the hash keeps values apart that begin alike. */
function shortened(value: string): string {
  return `${value.slice(0, 50)}${createHash('sha256').update(value).digest('base64url')}`;
}
