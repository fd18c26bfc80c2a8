import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { SystemUnavailableError } from '../errors.ts';
import type { CanaryRound } from '../sync/guards/canary.ts';
import { type Approval, approved, kept, paused, resumed, stopped } from '../sync/guards/guard-stops.ts';
import type { HighWater } from '../sync/guards/high-water.ts';
import {
  type GuardLimits,
  type GuardStep,
  type Reservation,
  type Reserved,
  reserve,
  type Stop,
  type StopCause,
  settle,
  UNTOUCHED,
  type WriteAsk,
  type WriteGuard,
} from '../sync/guards/write-guard.ts';
import type { WriteCounts } from '../sync/guards/write-window.ts';
import { decodeGuard, decodeMark, decodeRound, encodeGuard } from './guard-encoding.ts';
import { type ItemKey, joined, keysOf } from './keys.ts';
import { type Item, numberOf, type StoreContext, stringOf, TABLE } from './table.ts';

/** A failed try tells what it failed on; each next one uses that. */
const TRIES_MAX = 24;
const RETRY_AFTER_MS = 1_000;
/** A stop that another function made is known here at the latest by then; a reservation sees it at once. */
const STANDING_LIFE_MS = 5_000;

/** One sync's writes into one system. */
export interface GuardRef {
  readonly sync: string;
  readonly system: string;
}

export interface By {
  readonly by: string;
  readonly reason: string;
}

export type GuardStore = ReturnType<typeof guardStore>;

interface Known {
  readonly guard: WriteGuard;
  readonly version: number; // 0: no item yet
  readonly readAtMs: number;
}

/**
 * The guards of one tenant: one item per sync and system, moved by conditional writes. What was last seen of it is kept, so that a
 * reservation costs one write and no read; whatever refuses is read again first.
 */
export function guardStore(context: StoreContext) {
  const { client, tableName, now } = context;
  keysOf(context.tenant); // refuses a name that could be taken for part of another tenant's keys
  const memory = new Map<string, Known>();

  async function read(ref: GuardRef): Promise<Known> {
    const answer = await client.send(
      new GetItemCommand({ TableName: tableName, Key: keyOf(ref.sync, writesOf(ref.system)), ConsistentRead: true }),
    );
    return remember(ref, answer.Item);
  }

  function remember(ref: GuardRef, item: Item | undefined): Known {
    const known = { ...guardOf(item), readAtMs: now() };
    memory.set(joined(ref.sync, ref.system), known);
    return known;
  }

  /** @returns the guard as written, or undefined when it was not as we thought. */
  async function write(ref: GuardRef, known: Known, { next, linkedBy }: GuardStep<unknown>): Promise<Known | undefined> {
    try {
      const answer = await client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: keyOf(ref.sync, writesOf(ref.system)),
          UpdateExpression: 'SET b = :body, v = :next ADD l :linked',
          ConditionExpression: known.version === 0 ? 'attribute_not_exists(v)' : 'v = :version',
          ExpressionAttributeValues: {
            ':body': { S: encodeGuard(next) },
            ':next': { N: String(known.version + 1) },
            ':linked': { N: String(linkedBy) },
            ...(known.version > 0 && { ':version': { N: String(known.version) } }),
          },
          ReturnValues: 'ALL_NEW',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
      return remember(ref, answer.Attributes);
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      if (error.Item === undefined) memory.delete(joined(ref.sync, ref.system));
      else remember(ref, error.Item);
      return undefined;
    }
  }

  /** @param isGrave - what may not be said on an old memory: the guard is read first. */
  async function move<Said>(
    ref: GuardRef,
    step: (guard: WriteGuard, stopId: (cause: StopCause) => string) => GuardStep<Said>,
    isGrave: (said: Said) => boolean,
  ): Promise<Said> {
    let isFresh = false;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      let known = memory.get(joined(ref.sync, ref.system));
      if (known === undefined) {
        known = await read(ref);
        isFresh = true;
      }
      const { version } = known;
      const made = step(known.guard, (cause) => `${ref.sync}-${ref.system}-${cause}-${version + 1}`);
      if (!isFresh && isGrave(made.said)) {
        await read(ref);
        isFresh = true;
        continue;
      }
      if (made.next === known.guard) return made.said;
      if ((await write(ref, known, made)) !== undefined) return made.said;
      isFresh = true; // the refusal brought the guard as it is
    }
    throw new SystemUnavailableError('DynamoDB', `the guard of ${ref.sync} in ${ref.system} kept changing`, RETRY_AFTER_MS);
  }

  async function bodyAt(key: ItemKey): Promise<{ text: string; version: number } | undefined> {
    const answer = await client.send(new GetItemCommand({ TableName: tableName, Key: key, ConsistentRead: true }));
    const text = stringOf(answer.Item?.[TABLE.body]);
    return text === undefined ? undefined : { text, version: numberOf(answer.Item?.[TABLE.version]) ?? 0 };
  }

  function keyOf(sync: string, sortKey: string): ItemKey {
    return { pk: { S: joined(context.tenant, 'G', sync) }, sk: { S: sortKey } };
  }

  return {
    /**
     * Asks for a batch before it is written: all of it or nothing. Deletes need a fresh look, anything else one write.
     *
     * @throws SystemUnavailableError when too many others ask at once: nothing may be written then.
     */
    async reserve(ask: GuardRef & WriteAsk & { readonly limits: GuardLimits }): Promise<Reserved> {
      if (ask.deletes > 0) await read(ask);
      return move(
        ask,
        (guard, stopId) => reserve(guard, ask, ask.limits, now(), stopId),
        (said) => said.kind === 'stopped',
      );
    },

    /** Gives back what was surely not written. */
    async settle(ref: GuardRef, reservation: Reservation, unwritten: WriteCounts): Promise<void> {
      if (unwritten.deletes + unwritten.alters + unwritten.creates === 0) return;
      await move(
        ref,
        (guard) => settle(guard, reservation, unwritten),
        () => false,
      );
    },

    /** Objects that came to be linked, or are no more, other than by a reservation. By system. */
    async linked(sync: string, changes: Readonly<Record<string, number>>): Promise<void> {
      const changed = Object.entries(changes).filter(([, by]) => by !== 0);
      await Promise.all(
        changed.map(([system, by]) =>
          client.send(
            new UpdateItemCommand({
              TableName: tableName,
              Key: keyOf(sync, writesOf(system)),
              UpdateExpression: 'ADD l :by',
              ExpressionAttributeValues: { ':by': { N: String(by) } },
            }),
          ),
        ),
      );
    },

    /** Why nothing may be written there now, if so; up to five seconds old. */
    async standing(ref: GuardRef): Promise<Stop | undefined> {
      const known = memory.get(joined(ref.sync, ref.system));
      const isNew = known !== undefined && now() - known.readAtMs < STANDING_LIFE_MS;
      return (isNew ? known : await read(ref)).guard.stops[0];
    },

    /** Stops all writes there until a person says otherwise. */
    stop(ref: GuardRef, cause: StopCause, reason: string): Promise<Stop> {
      return move(
        ref,
        (guard, stopId) => stopped(guard, cause, reason, now(), stopId),
        () => true,
      );
    },

    pause(ref: GuardRef, by: By): Promise<Stop> {
      return move(
        ref,
        (guard, stopId) => paused(guard, by, now(), stopId),
        () => true,
      );
    },

    /** @returns the stop that was approved, or undefined when it does not stand. */
    async approve(ref: GuardRef, stopId: string, approval: Approval): Promise<Stop | undefined> {
      const stop = await act(ref, stopId, (guard) => approved(guard, stopId, approval, now()));
      // What was found there is the right thing from now on.
      if (stop?.cause === 'listing')
        await client.send(new DeleteItemCommand({ TableName: tableName, Key: keyOf(ref.sync, markOf(ref.system)) }));
      return stop;
    },

    resume: (ref: GuardRef, stopId: string, by: By): Promise<Stop | undefined> =>
      act(ref, stopId, (guard) => resumed(guard, stopId, by, now())),

    keep: (ref: GuardRef, stopId: string, by: By): Promise<Stop | undefined> =>
      act(ref, stopId, (guard) => kept(guard, stopId, by, now())),

    /** All guards of a sync, by system; none for systems that were never written to. */
    async ofSync(sync: string): Promise<Map<string, WriteGuard>> {
      const { pk, sk } = keyOf(sync, writesOf(''));
      const answer = await client.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :writes)',
          ExpressionAttributeValues: { ':pk': pk, ':writes': sk },
          ConsistentRead: true,
        }),
      );
      return new Map(
        (answer.Items ?? []).map((item) => [(stringOf(item.sk) ?? '').slice(writesOf('').length), guardOf(item).guard]),
      );
    },

    /** The canary's newest round. `version` binds the next one to it. */
    async canaryRound(sync: string): Promise<{ readonly round: CanaryRound; readonly version: number } | undefined> {
      const found = await bodyAt(keyOf(sync, 'canary'));
      return found && { round: decodeRound(found.text), version: found.version };
    },

    /** @param version - as read; 0 for the first. @returns false when another system's probe was first: read again. */
    async putCanaryRound(sync: string, round: CanaryRound, version: number): Promise<boolean> {
      try {
        await client.send(
          new PutItemCommand({
            TableName: tableName,
            Item: { ...keyOf(sync, 'canary'), b: { S: JSON.stringify(round) }, v: { N: String(version + 1) } },
            ...(version === 0
              ? { ConditionExpression: 'attribute_not_exists(v)' }
              : {
                  ConditionExpression: 'v = :version',
                  ExpressionAttributeValues: { ':version': { N: String(version) } },
                }),
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },

    async mark({ sync, system }: GuardRef): Promise<HighWater | undefined> {
      const found = await bodyAt(keyOf(sync, markOf(system)));
      return found && decodeMark(found.text);
    },

    async putMark({ sync, system }: GuardRef, mark: HighWater): Promise<void> {
      await client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: { ...keyOf(sync, markOf(system)), b: { S: JSON.stringify(mark) } },
        }),
      );
    },
  };

  async function act(
    ref: GuardRef,
    stopId: string,
    change: (guard: WriteGuard) => WriteGuard | undefined,
  ): Promise<Stop | undefined> {
    return move(
      ref,
      (guard): GuardStep<Stop | undefined> => {
        const next = change(guard);
        const stop = guard.stops.find(({ id }) => id === stopId);
        return { next: next ?? guard, linkedBy: 0, said: stop };
      },
      () => true,
    );
  }
}

/** The guard that a stop belongs to, from its id; undefined when it is no id of a stop. Names have no hyphen. */
export function guardOfStop(stopId: string): GuardRef | undefined {
  const found = /^(\w+)-(\w+)-[a-z-]+-\d+$/.exec(stopId);
  const [, sync, system] = found ?? [];
  return sync === undefined || system === undefined ? undefined : { sync, system };
}

function guardOf(item: Item | undefined): { guard: WriteGuard; version: number } {
  const text = stringOf(item?.[TABLE.body]);
  const linked = numberOf(item?.l) ?? 0;
  const guard = text === undefined ? { ...UNTOUCHED, linked } : decodeGuard(text, linked);
  return { guard, version: numberOf(item?.[TABLE.version]) ?? 0 };
}

const writesOf = (system: string): string => `writes#${system}`;
const markOf = (system: string): string => `mark#${system}`;
