import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import { inTurns } from '../in-turns.ts';
import { type NativeValues, nativeValueSchema } from '../sync/change-hint.ts';
import type { FieldValues } from '../sync/field-value.ts';
import { payloadText } from '../sync/quality/payload.ts';
import type { QualityFailure } from '../sync/quality/quality-rules.ts';
import { batchGet } from './batched-calls.ts';
import { type ItemKey, joined, keysOf, partsOf } from './keys.ts';
import { decodeCursor, encodeCursor } from './page-cursor.ts';
import { numberOf, type StoreContext, stringOf, TABLE } from './table.ts';

/** One object of one sync. */
export interface QuarantineRef {
  readonly sync: string;
  readonly system: string;
  readonly objectId: string;
}

/** An object that is not taken in: what it shows, and why. */
export interface QuarantineItem extends QuarantineRef {
  readonly fields: FieldValues; // canonical
  readonly native: NativeValues;
  readonly failures: readonly QualityFailure[];
  readonly score: number;
  /** When the read that showed it began, epoch ms by our clock. The newest read wins. */
  readonly readBeganAtMs: number;
  readonly correlationId: string;
  /** The record that the object belongs to, if any. */
  readonly recordId?: string | undefined;
  readonly recordVersion?: number | undefined;
}

/** As stored: with the hash of the payload, by which a ruling knows it again. */
export interface StoredQuarantineItem extends QuarantineItem {
  readonly payloadHash: string;
  /** True where the payload was too long to keep whole: the object itself holds the rest. */
  readonly cut?: boolean | undefined;
}

/** What a person said of one payload of one object. It binds no other payload. */
export interface Ruling {
  readonly ruling: 'accept' | 'discard';
  readonly payloadHash: string;
  readonly by: string;
  readonly atMs: number;
}

export type QuarantineStore = ReturnType<typeof quarantineStore>;

const STORE_CALLS_AT_ONCE = 8;
/** Items have 400 KB; the rest is for keys and facts. */
const BODY_BYTES_MAX = 300_000;
const CUT_TEXT_CHARS = 2_000;

const failureSchema = z.object({
  stage: z.enum(['schema', 'rules', 'reference', 'duplicates', 'score']),
  rule: z.string(),
  field: z.string().optional(),
  fields: z.array(z.string()).optional(),
  reason: z.string(),
  onFail: z.enum(['quarantine', 'warn', 'drop-field']),
});
const values = z.record(z.string(), nativeValueSchema);
const bodySchema = z.object({
  fields: values,
  native: values,
  failures: z.array(failureSchema),
  score: z.number(),
  correlationId: z.string(),
  recordId: z.string().optional(),
  recordVersion: z.int().optional(),
  cut: z.boolean().optional(),
});
type Body = z.infer<typeof bodySchema>;
const storedBodySchema = z.string().transform((text) => bodySchema.parse(JSON.parse(text)));
const rulingSchema = z.enum(['accept', 'discard']);

/** The key under which maps of this store hold an object. */
export function quarantineKey({ sync, system, objectId }: QuarantineRef): string {
  return joined(sync, system, objectId);
}

/** Equal payloads have equal hashes, whatever the order of their fields. */
export function payloadHash(fields: FieldValues): string {
  return createHash('sha256').update(payloadText(fields)).digest('base64url').slice(0, 32);
}

/**
 * The objects of one tenant that are not taken in, and what people said of them. All of a sync's items lie in one partition:
 * it takes 1,000 a second, which is more than a system can show.
 */
export function quarantineStore(context: StoreContext) {
  const { client, tableName, tenant } = context;
  keysOf(tenant); // refuses a tenant whose name could be taken for part of another one's keys
  const itemsOf = (sync: string) => joined(tenant, 'QI', sync);
  const keyIn = (partition: string, { system, objectId }: QuarantineRef): ItemKey => ({
    pk: { S: partition },
    sk: { S: joined(system, objectId) },
  });
  const itemKey = (ref: QuarantineRef) => keyIn(itemsOf(ref.sync), ref);
  const rulingKey = (ref: QuarantineRef) => keyIn(joined(tenant, 'QR', ref.sync), ref);

  /** @returns false when the item is not as `condition` asks. */
  async function unless(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      return false;
    }
  }

  return {
    /** Keeps what objects show. Of two reads of one object the newer one stays, in whatever order they are put. */
    async putMany(items: readonly QuarantineItem[]): Promise<void> {
      await inTurns(items, STORE_CALLS_AT_ONCE, (item) =>
        unless(() =>
          client.send(
            new PutItemCommand({
              TableName: tableName,
              Item: {
                ...itemKey(item),
                [TABLE.body]: { S: bodyOf(item) },
                rb: { N: String(item.readBeganAtMs) },
                h: { S: payloadHash(item.fields) },
              },
              ConditionExpression: 'attribute_not_exists(pk) OR rb < :rb',
              ExpressionAttributeValues: { ':rb': { N: String(item.readBeganAtMs) } },
            }),
          ),
        ),
      );
    },

    /**
     * Lets objects go that a later read showed to be fit, or gone. One call each: call it only for objects that are known to
     * be here (their link says so, or `waitingAmong`).
     */
    async clearMany(refs: readonly (QuarantineRef & { readonly readBeganAtMs: number })[]): Promise<void> {
      await inTurns(refs, STORE_CALLS_AT_ONCE, (ref) =>
        unless(() =>
          client.send(
            new DeleteItemCommand({
              TableName: tableName,
              Key: itemKey(ref),
              ConditionExpression: 'attribute_not_exists(pk) OR rb <= :rb',
              ExpressionAttributeValues: { ':rb': { N: String(ref.readBeganAtMs) } },
            }),
          ),
        ),
      );
    },

    /** Those of the objects that are here. Half a read unit each. */
    async waitingAmong(refs: readonly QuarantineRef[]): Promise<QuarantineRef[]> {
      if (refs.length === 0) return [];
      const found = await batchGet(context, refs.map(itemKey), { consistent: false, attributes: ['pk', 'sk'] });
      const known = new Set(found.map((item) => `${stringOf(item.pk)} ${stringOf(item.sk)}`));
      return refs.filter((ref) => {
        const { pk, sk } = itemKey(ref);
        return known.has(`${pk.S} ${sk.S}`);
      });
    },

    async get(ref: QuarantineRef): Promise<StoredQuarantineItem | undefined> {
      const { Item: item } = await client.send(
        new GetItemCommand({ TableName: tableName, Key: itemKey(ref), ConsistentRead: true }),
      );
      return item && storedOf(ref.sync, item);
    },

    /**
     * The objects of a sync that wait, by system and id.
     *
     * @throws RangeError for a cursor that no listing of this tenant gave.
     */
    async list(
      sync: string,
      options: { readonly system?: string | undefined; readonly limit: number; readonly cursor?: string | undefined },
    ): Promise<{ items: StoredQuarantineItem[]; cursor?: string }> {
      const { after: from } = decodeCursor(options.cursor, tenant);
      if (from !== undefined && from.pk?.S !== itemsOf(sync))
        throw new RangeError('the cursor is not one that this listing gave; begin without a cursor');
      const answer = await client.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: options.system === undefined ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :system)',
          ExpressionAttributeValues: {
            ':pk': { S: itemsOf(sync) },
            ...(options.system !== undefined && { ':system': { S: `${joined(options.system)}#` } }),
          },
          Limit: options.limit,
          ExclusiveStartKey: from,
        }),
      );
      const after = answer.LastEvaluatedKey;
      return {
        items: (answer.Items ?? []).map((item) => storedOf(sync, item)),
        ...(after && { cursor: encodeCursor({ partition: 0, after }) }),
      };
    },

    /**
     * Remembers what a person said of a payload: the next read that shows this very payload is treated so. It stays until
     * another payload of the object is ruled on, for the object goes on showing this one.
     *
     * @returns false when this payload has been ruled on already.
     */
    async rule(ref: QuarantineRef, { ruling, payloadHash: hash, by, atMs }: Ruling): Promise<boolean> {
      return unless(() =>
        client.send(
          new PutItemCommand({
            TableName: tableName,
            Item: { ...rulingKey(ref), k: { S: ruling }, h: { S: hash }, by: { S: by }, at: { N: String(atMs) } },
            ConditionExpression: 'attribute_not_exists(pk) OR h <> :h',
            ExpressionAttributeValues: { ':h': { S: hash } },
          }),
        ),
      );
    },

    /** What people said of these objects' payloads, by `quarantineKey`. */
    async rulings(refs: readonly QuarantineRef[]): Promise<Map<string, Ruling>> {
      if (refs.length === 0) return new Map();
      const found = await batchGet(context, refs.map(rulingKey), { consistent: true });
      return new Map(
        found.map((item): [string, Ruling] => {
          const [, , sync = ''] = partsOf(stringOf(item[TABLE.partitionKey]) ?? '');
          const [system = '', objectId = ''] = partsOf(stringOf(item[TABLE.sortKey]) ?? '');
          const ruling = {
            ruling: rulingSchema.parse(stringOf(item.k)),
            payloadHash: stringOf(item.h) ?? '',
            by: stringOf(item.by) ?? 'operator',
            atMs: numberOf(item.at) ?? 0,
          };
          return [quarantineKey({ sync, system, objectId }), ruling];
        }),
      );
    },

    /** Takes an object off the list for good: it belongs to no record, and a person said that it shall stay out. */
    async forget(ref: QuarantineRef): Promise<void> {
      await client.send(new DeleteItemCommand({ TableName: tableName, Key: itemKey(ref) }));
    },
  };
}

function bodyOf({ fields, native, failures, score, correlationId, recordId, recordVersion }: QuarantineItem): string {
  const facts = {
    failures: failures.map((failure) => failureSchema.parse(failure)),
    score,
    correlationId,
    ...(recordId !== undefined && { recordId }),
    ...(recordVersion !== undefined && { recordVersion }),
  };
  const whole = JSON.stringify({ fields, native, ...facts } satisfies Body);
  if (Buffer.byteLength(whole) <= BODY_BYTES_MAX) return whole;
  const canonical = JSON.stringify({ fields, native: {}, ...facts, cut: true } satisfies Body);
  if (Buffer.byteLength(canonical) <= BODY_BYTES_MAX) return canonical;
  return JSON.stringify({ fields: shortened(fields), native: {}, ...facts, cut: true } satisfies Body);
}

function shortened(fields: FieldValues): Record<string, FieldValues[string]> {
  return Object.fromEntries(
    Object.entries(fields).map(([field, value]) => [
      field,
      typeof value === 'string' && value.length > CUT_TEXT_CHARS ? value.slice(0, CUT_TEXT_CHARS).toWellFormed() : value,
    ]),
  );
}

function storedOf(sync: string, item: Record<string, { S?: string; N?: string }>): StoredQuarantineItem {
  const [system = '', objectId = ''] = partsOf(item.sk?.S ?? '');
  return {
    sync,
    system,
    objectId,
    ...storedBodySchema.parse(item[TABLE.body]?.S),
    readBeganAtMs: Number(item.rb?.N ?? 0),
    payloadHash: item.h?.S ?? '',
  };
}
