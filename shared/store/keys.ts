import { createHash } from 'node:crypto';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Item } from './table.ts';

/** The primary key of an item. */
export type ItemKey = { readonly pk: AttributeValue.SMember; readonly sk: AttributeValue.SMember };

/** One object of one system: what an identity item stands for. */
export interface ObjectRef {
  readonly system: string;
  readonly object: string; // Contact, contacts
  readonly objectId: string;
}

/** One value of one match key of one sync. */
export interface MatchKeyRef {
  readonly sync: string;
  readonly name: string; // of the MatchKey
  readonly value: string;
}

/** The dirty index of a tenant is spread over this many partitions: one takes 1,000 writes/s, and imports dirty everything. */
export const DIRTY_SHARDS = 4;

const RECORD_SORT_KEY = 'R'; // after every ledger entry ("L#…"), so a descending query starts with the record
const LEDGER_PREFIX = 'L#';
const VERSION_DIGITS = 12;

export function refKey(ref: ObjectRef): string {
  return joined(ref.system, ref.object, ref.objectId);
}

export function matchKeyKey(key: MatchKeyRef): string {
  return joined(key.sync, key.name, key.value);
}

export interface Keys {
  record(recordId: string): ItemKey;
  ledger(recordId: string, version: number): ItemKey;
  identity(ref: ObjectRef): ItemKey;
  matchKey(key: MatchKeyRef): ItemKey;
  poll(sync: string, system: string): ItemKey;
  seenRows(sync: string, system: string): string;
  firstSync(sync: string): string;
  /** @param part - a match key's position, or what else is kept of a listing. */
  listed(sync: string, part: number | string, pass?: number): string;
  reviews(sync: string): string;
  underReview(sync: string, system: string, objectId: string): ItemKey;
  budget(connection: string, lane: string): ItemKey;
  dirtyShard(shard: number): string;
  attention(): string;
}

/**
 * The keys of one tenant's items.
 *
 * @throws RangeError when the tenant's name could be taken for part of another one's keys.
 */
export function keysOf(tenant: string): Keys {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(tenant)) {
    throw new RangeError('a tenant is named by 1 to 64 letters, digits, dots, dashes or underscores; rename it');
  }
  const pk = (...parts: string[]) => joined(tenant, ...parts);
  return {
    record: (recordId) => key(pk('R', recordId), RECORD_SORT_KEY),
    ledger: (recordId, version) => key(pk('R', recordId), ledgerSortKey(version)),
    identity: (ref) => key(pk('I', ref.system, ref.object, ref.objectId), 'I'),
    // Hashed: a value may be longer than a key may be, and e-mail addresses do not belong into keys, which error texts show.
    matchKey: (match) => key(pk('K', match.sync, match.name, digest(match.value)), 'K'),
    poll: (sync, system) => key(pk('P', sync, system), 'P'),
    seenRows: (sync, system) => pk('S', sync, system),
    firstSync: (sync) => pk('F', sync),
    listed: (sync, part, pass = 0) => pk('M', sync, String(part), ...(pass === 0 ? [] : [String(pass)])),
    reviews: (sync) => pk('V', sync),
    underReview: (sync, system, objectId) => key(pk('U', sync, system, objectId), 'U'),
    budget: (connection, lane) => key(pk('B', connection, lane), 'B'),
    dirtyShard: (shard) => pk('D', String(shard)),
    attention: () => pk('A'),
  };
}

export function ledgerSortKey(version: number): string {
  return LEDGER_PREFIX + String(version).padStart(VERSION_DIGITS, '0');
}

export function isLedgerItem(item: Item): boolean {
  return item.sk?.S?.startsWith(LEDGER_PREFIX) ?? false;
}

/** Which partition of the dirty index a record belongs to (FNV-1a, so that neighbours in id spread). */
export function dirtyShardOf(recordId: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < recordId.length; i++) hash = Math.imul(hash ^ recordId.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % DIRTY_SHARDS;
}

/** The parts of a key, tenant first. */
export function partsOf(partitionKey: string): string[] {
  return partitionKey.split('#').map((part) => part.replaceAll('%23', '#').replaceAll('%25', '%'));
}

/** Joined so that no two lists of parts make the same key, and no part can pass for two. */
export function joined(...parts: string[]): string {
  return parts.map(escaped).join('#');
}

export function escaped(part: string): string {
  return /[%#]/.test(part) ? part.replaceAll('%', '%25').replaceAll('#', '%23') : part;
}

function key(partitionKey: string, sortKey: string): ItemKey {
  return { pk: { S: partitionKey }, sk: { S: sortKey } };
}

function digest(value: string): string {
  return createHash('sha256').update(value).digest('base64url').slice(0, 32); // 192 bits: no two values meet
}
