import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Environment } from '../local/environment.ts';
import { batchPut } from '../shared/store/batched-calls.ts';
import { keysOf } from '../shared/store/keys.ts';
import { itemOf } from '../shared/store/record-item.ts';
import { type Item, type StoreContext, TABLE } from '../shared/store/table.ts';
import type { SyncRecord } from '../shared/sync/record.ts';

const RECORDS_PER_ROUND = 2_000;
/** Older than any poll looks back. */
const LONG_AGO_MS = 400 * 24 * 3_600_000;

/** Fills table and CRMs with agreed contacts that nobody edits, to see whether the work per change grows with what is stored. */
export async function addBallast(environment: Environment, count: number, onProgress: (done: number) => void): Promise<void> {
  const atMs = Date.now() - LONG_AGO_MS;
  const client = new DynamoDBClient({
    endpoint: environment.stack.gatewayUrl,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'root', secretAccessKey: 'local' },
  });
  const context: StoreContext = { client, tableName: environment.stack.tableName('RecordsTable'), tenant: 'main', now: Date.now };
  for (let start = 0; start < count; start += RECORDS_PER_ROUND) {
    const indexes = Array.from({ length: Math.min(RECORDS_PER_ROUND, count - start) }, (_, offset) => start + offset);
    const name = (index: number) => ({
      first: `Idle${index}`,
      last: `Person${index}`,
      mail: `idle${index}@example.com`,
      number: String(9_000_000 + index),
    });
    const salesforceIds = await environment.crms?.salesforce.load(
      'Contact',
      indexes
        .map(name)
        .map(({ first, last, mail, number }) => ({ FirstName: first, LastName: last, Email: mail, Person_Number__c: number })),
      atMs,
    );
    const hubspotIds = await environment.crms?.hubspot.load(
      'contacts',
      indexes
        .map(name)
        .map(({ first, last, mail, number }) => ({ firstname: first, lastname: last, email: mail, person_number: number })),
      atMs,
    );
    await batchPut(
      context,
      indexes.flatMap((index, position) =>
        itemsOf(context, index, { salesforce: salesforceIds?.[position] ?? '', hubspot: hubspotIds?.[position] ?? '' }, atMs),
      ),
    );
    onProgress(start + indexes.length);
  }
  client.destroy();
}

function itemsOf(context: StoreContext, index: number, objectIds: { salesforce: string; hubspot: string }, atMs: number): Item[] {
  const keys = keysOf(context.tenant);
  const recordId = `idle-${index}`;
  const field = (value: string) => ({ value, atMs, by: 'salesforce' });
  const link = (objectId: string) => ({
    objectId,
    state: 'linked' as const,
    stampMs: atMs,
    observedAtMs: atMs,
    seen: {},
    receipts: [],
  });
  const record: SyncRecord = {
    recordId,
    sync: 'contacts',
    version: 1,
    fields: {
      firstName: field(`Idle${index}`),
      lastName: field(`Person${index}`),
      email: field(`idle${index}@example.com`),
      personNumber: field(String(9_000_000 + index)),
    },
    links: { salesforce: link(objectIds.salesforce), hubspot: link(objectIds.hubspot) },
    holds: {},
  };
  const pointer = (key: Item): Item => ({ ...key, [TABLE.recordId]: { S: recordId } });
  return [
    itemOf(context, { record, dirty: false }),
    pointer(keys.identity({ system: 'salesforce', object: 'Contact', objectId: objectIds.salesforce })),
    pointer(keys.identity({ system: 'hubspot', object: 'contacts', objectId: objectIds.hubspot })),
  ];
}
