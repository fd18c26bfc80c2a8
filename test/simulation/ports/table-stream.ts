import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { DynamoDBRecord, AttributeValue as StreamValue } from 'aws-lambda';
import type { StoredItem } from './stored-value.ts';
import type { RowKey } from './table-rows.ts';

interface Change {
  readonly key: RowKey;
  readonly eventName: 'INSERT' | 'MODIFY' | 'REMOVE';
  readonly next: StoredItem | undefined;
  readonly atMs: number;
  readonly sequence: number;
  readonly byTimeToLive: boolean;
}

/** A stream of new images: every change of an item, in the order in which they were made, each once. */
export class TableStream {
  private changes: Change[] = [];
  private count = 0;

  get length(): number {
    return this.changes.length;
  }

  /** Told of changes only: a write that leaves an item as it was makes no record. */
  note(change: {
    key: RowKey;
    before: StoredItem | undefined;
    next: StoredItem | undefined;
    atMs: number;
    byTimeToLive: boolean;
  }): void {
    const { key, before, next, atMs, byTimeToLive } = change;
    this.count += 1;
    const eventName = before === undefined ? 'INSERT' : next === undefined ? 'REMOVE' : 'MODIFY';
    this.changes.push({ key, eventName, next, atMs, sequence: this.count, byTimeToLive });
  }

  /** Takes the oldest records off the stream. */
  drain(max: number): DynamoDBRecord[] {
    if (this.changes.length === 0) return [];
    const taken = this.changes.slice(0, max);
    this.changes = this.changes.slice(max);
    return taken.map(recordOf);
  }
}

const SEQUENCE_DIGITS = 21;

function recordOf({ key, eventName, next, atMs, sequence, byTimeToLive }: Change): DynamoDBRecord {
  return {
    eventID: `change-${sequence}`,
    eventName,
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'simulated',
    eventSourceARN: 'arn:aws:dynamodb:simulated:000000000000:table/records/stream/simulated',
    ...(byTimeToLive && { userIdentity: { type: 'Service', principalId: 'dynamodb.amazonaws.com' } }),
    dynamodb: {
      ApproximateCreationDateTime: Math.floor(atMs / 1_000),
      Keys: { pk: { S: key.pk }, sk: { S: key.sk } },
      ...(next && { NewImage: imageOf(next) }),
      SequenceNumber: String(sequence).padStart(SEQUENCE_DIGITS, '0'),
      SizeBytes: key.pk.length + key.sk.length + (next?.bytes ?? 0),
      StreamViewType: 'NEW_IMAGE',
    },
  };
}

function imageOf({ item }: StoredItem): Record<string, StreamValue> {
  const image: Record<string, StreamValue> = {};
  for (const name in item) {
    const value = item[name];
    if (value !== undefined) image[name] = streamValueOf(value);
  }
  return image;
}

/** Lambda hands over bytes as base64. */
function streamValueOf(value: AttributeValue): StreamValue {
  if (value.S !== undefined) return { S: value.S };
  if (value.N !== undefined) return { N: value.N };
  if (value.BOOL !== undefined) return { BOOL: value.BOOL };
  if (value.B !== undefined) return { B: Buffer.from(value.B).toString('base64') };
  return { L: (value.L ?? []).map(streamValueOf) };
}
