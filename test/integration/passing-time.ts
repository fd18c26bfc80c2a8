import { vi } from 'vitest';
import * as z from 'zod';
import { AwsError } from '../../local/aws/aws-error.ts';
import { systemClock } from '../../local/aws/clock.ts';
import type { Environment } from '../../local/environment.ts';
import { decodeRecord, encodeRecord } from '../../shared/store/record-encoding.ts';
import { TABLE } from '../../shared/store/table.ts';
import type { SyncRecord } from '../../shared/sync/record.ts';
import type { RunningTemplate } from './running-template.ts';

/** Past the longest lease (2 min), the sweep's patience (3 min) and the visibility timeout of the queues (6 min). */
const SOME_TIME_MS = 7 * 60_000;
const ROUNDS_MAX = 5;
const PATIENCE_MS = 4_000;
let queuesAheadMs = 0;

const scanSchema = z.object({
  Items: z.array(
    z.looseObject({
      [TABLE.partitionKey]: z.object({ S: z.string() }),
      [TABLE.sortKey]: z.object({ S: z.string() }),
      [TABLE.version]: z.object({ N: z.string() }),
      [TABLE.body]: z.object({ S: z.string() }),
      [TABLE.dirtyIndex.sortKey]: z.object({ N: z.coerce.number() }).optional(),
    }),
  ),
});

/** A record's item as it lies in the table, and what it says. */
interface StoredItem {
  readonly key: Readonly<Record<string, { readonly S: string }>>;
  readonly version: string;
  readonly record: SyncRecord;
  /** Since when some system lacks something of it, epoch ms. */
  readonly dirtySinceMs: number | undefined;
}

async function storedRecords({ stack }: Environment): Promise<StoredItem[]> {
  const scanned = await stack.dynamodb.call('Scan', {
    TableName: stack.tableName('Records'),
    FilterExpression: '#sk = :record',
    ExpressionAttributeNames: { '#sk': TABLE.sortKey },
    ExpressionAttributeValues: { ':record': { S: 'R' } },
    ConsistentRead: true,
  });
  return scanSchema.parse(scanned).Items.map((item) => ({
    key: { [TABLE.partitionKey]: item.pk, [TABLE.sortKey]: item.sk },
    version: item.v.N,
    record: decodeRecord(item.pk.S, Number(item.v.N), item.b.S),
    dirtySinceMs: item.ds?.N,
  }));
}

/** The links that some deliverer holds the right to write to: `system:objectId`, or `system:creating`. */
export async function claims(environment: Environment): Promise<string[]> {
  return (await storedRecords(environment)).flatMap(({ record }) =>
    Object.entries(record.links).flatMap(([system, link]) =>
      link.claim === undefined ? [] : [`${system}:${link.objectId ?? 'creating'}`],
    ),
  );
}

/**
 * As if seven minutes had passed, so that nobody has to sit through them: all claims have run out, every message that waited,
 * or that somebody took and never settled, is due, and what stayed undelivered is old enough for the sweep.
 */
export async function letSomeTimePass(environment: Environment): Promise<void> {
  const { stack } = environment;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const due = (await storedRecords(environment)).filter((item) => round === 0 || holdsClaim(item));
    let overtaken = 0;
    for (const item of due) if (!(await age(environment, item))) overtaken += 1;
    if (overtaken === 0) break; // else somebody committed meanwhile: what he left is aged too
  }
  queuesAheadMs += SOME_TIME_MS;
  vi.spyOn(systemClock, 'now').mockImplementation(() => Date.now() + queuesAheadMs);
  // The receives that wait look at the clock again.
  stack.pause();
  stack.resume();
}

/** Waits until nothing is left to do, for as long as leases, visibility timeouts and sweeps may ask for. */
export async function untilSettled({ environment, concord }: RunningTemplate): Promise<void> {
  for (let rounds = 0; rounds < ROUNDS_MAX; rounds += 1) {
    const quiet = await concord.untilQuiet(PATIENCE_MS).then(
      () => true,
      () => false,
    );
    if (quiet && (await concord.stats()).undelivered.records === 0) return;
    await letSomeTimePass(environment);
    await environment.stack.runSchedules('Sweep');
  }
  await concord.untilQuiet(PATIENCE_MS);
}

const holdsClaim = ({ record }: StoredItem): boolean => Object.values(record.links).some((link) => link.claim !== undefined);

/** Returns false when somebody committed the record meanwhile. */
async function age({ stack }: Environment, { key, version, record, dirtySinceMs }: StoredItem): Promise<boolean> {
  const links = Object.fromEntries(
    Object.entries(record.links).map(([system, link]) => [
      system,
      link.claim === undefined ? link : { ...link, claim: { ...link.claim, untilMs: link.claim.untilMs - SOME_TIME_MS } },
    ]),
  );
  if (dirtySinceMs === undefined) return true; // nothing is asked for, so there is no claim either
  try {
    await stack.dynamodb.call('UpdateItem', {
      TableName: stack.tableName('Records'),
      Key: key,
      UpdateExpression: 'SET #body = :body, #since = :since',
      ConditionExpression: '#version = :version',
      ExpressionAttributeNames: { '#body': TABLE.body, '#version': TABLE.version, '#since': TABLE.dirtyIndex.sortKey },
      ExpressionAttributeValues: {
        ':body': { S: encodeRecord({ ...record, links }) },
        ':version': { N: version },
        ':since': { N: String(dirtySinceMs - SOME_TIME_MS) },
      },
    });
    return true;
  } catch (error) {
    if (!(error instanceof AwsError && error.code.includes('ConditionalCheckFailed'))) throw error;
    return false;
  }
}
