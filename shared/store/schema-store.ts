import { DeleteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import type { SchemaSnapshot } from '../config/schema-drift.ts';
import { type ItemKey, joined, keysOf } from './keys.ts';
import { type StoreContext, stringOf, TABLE } from './table.ts';

const pauseSchema = z.object({ reading: z.boolean(), message: z.string(), sinceMs: z.int() });
const stateSchema = z.object({
  fields: z.record(z.string(), pauseSchema), // by native field
  creates: z.string().optional(),
  checkedAtMs: z.int(),
  /** Rows that changed since then were read without a field that no longer rests: they have to be listed again. */
  listAgainFromMs: z.int().optional(),
});
/** What rests in one system of a sync, since when, and why. */
export type SchemaState = z.infer<typeof stateSchema>;

const snapshotSchema = z.record(
  z.string(),
  z.object({ type: z.string(), options: z.array(z.string()).optional(), mapping: z.string() }),
);
const stateBody = z.string().transform((text) => stateSchema.parse(JSON.parse(text)));
const snapshotBody = z.string().transform((text): SchemaSnapshot => snapshotSchema.parse(JSON.parse(text)));

export type SchemaStore = ReturnType<typeof schemaStore>;

/**
 * What the systems' schemas were like, and which fields rest because they changed. The pauses are an item of their own, and
 * small: every function reads them, while the snapshot is for whoever compares. Of two who write at once the later one stays:
 * both have just looked.
 */
export function schemaStore(context: StoreContext) {
  const { client, tableName, tenant } = context;
  keysOf(tenant); // refuses a tenant whose name could be taken for part of another one's keys
  const key = (sync: string, system: string, item: 'known' | 'state'): ItemKey => ({
    pk: { S: joined(tenant, 'X', sync, system) },
    sk: { S: item },
  });

  async function bodyOf(sync: string, system: string, item: 'known' | 'state'): Promise<string | undefined> {
    const answer = await client.send(
      new GetItemCommand({ TableName: tableName, Key: key(sync, system, item), ConsistentRead: true }),
    );
    return stringOf(answer.Item?.[TABLE.body]);
  }

  async function put(sync: string, system: string, item: 'known' | 'state', body: unknown): Promise<void> {
    await client.send(
      new PutItemCommand({
        TableName: tableName,
        Item: { ...key(sync, system, item), [TABLE.body]: { S: JSON.stringify(body) } },
      }),
    );
  }

  return {
    async known(sync: string, system: string): Promise<SchemaSnapshot | undefined> {
      const body = await bodyOf(sync, system, 'known');
      return body === undefined ? undefined : snapshotBody.parse(body);
    },

    putKnown: (sync: string, system: string, snapshot: SchemaSnapshot): Promise<void> => put(sync, system, 'known', snapshot),

    /** Undefined before the first check. */
    async state(sync: string, system: string): Promise<SchemaState | undefined> {
      const body = await bodyOf(sync, system, 'state');
      return body === undefined ? undefined : stateBody.parse(body);
    },

    putState: (sync: string, system: string, state: SchemaState): Promise<void> => put(sync, system, 'state', state),

    /** Forgets what the schema was like: the next check takes it as it is. */
    async accept(sync: string, system: string): Promise<void> {
      await client.send(new DeleteItemCommand({ TableName: tableName, Key: key(sync, system, 'known') }));
    },
  };
}
