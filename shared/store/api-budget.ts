import { ConditionalCheckFailedException, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { ApiBudget } from '../connectors/connector.ts';
import { RateLimitedError } from '../errors.ts';
import { sleepOf } from './batched-calls.ts';
import { type CallLimit, type CallPace, costUs, headStartUs, isCountless, paceOf } from './call-pace.ts';
import { type ItemKey, keysOf } from './keys.ts';
import { type Item, numberOf, type StoreContext } from './table.ts';

type Lane = 'general' | 'search';

/** A failed lease tells what it failed on; each next try uses that, so this many only fail among hundreds of rivals. */
const TRIES_MAX = 12;
/** Pauses and waits that an acquire sits out before it gives up. */
const ROUNDS_MAX = 20;
/** A day's calls are gone until an hour that the system does not tell: one call asks again after this. */
const DAY_SPENT_PAUSE_MS = 15 * 60_000;
/** Nothing remains though we kept to our share: others use the account. They are given this part of the interval. */
const CROWDED_PAUSE_SHARE = 0.1;

/**
 * The API budget of one connection, shared by every function through one item per lane. Calls are leased a few at a
 * time with one conditional write; the lease says from when they may be sent, so waiting costs no further writes and
 * whoever asked first goes first. Limits of 100,000 calls or more per interval are not counted at all, and a pause is
 * then known only to the instance that was refused.
 *
 * @param options.limits - until the system's answers tell their own.
 */
export function apiBudget(
  context: StoreContext,
  options: {
    readonly connection: string;
    readonly system: string;
    readonly limits: Readonly<Record<Lane, CallLimit>>;
  },
): ApiBudget {
  const lane = (name: Lane) =>
    laneBudget(context, keysOf(context.tenant).budget(options.connection, name), options.system, name, options.limits[name]);
  const lanes = { general: lane('general'), search: lane('search') };
  return {
    acquire: (calls, name, deadlineMs) => lanes[name].acquire(calls, deadlineMs),
    observe: (name, headers) => lanes[name].observe(headers),
    pause: (name, untilMs) => lanes[name].pause(untilMs),
  };
}

/** The lane's item: the account in microseconds, the limit, and a pause. */
interface LaneAccount extends CallLimit {
  readonly spokenForUs: number;
  readonly pausedUntilMs: number;
  /** The limit comes from the system itself, not from a setting. */
  readonly learnt: boolean;
}

/** Calls leased and not sent yet. */
interface Spare {
  readonly leased: number;
  calls: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What an acquire has to wait for: its leased calls, which lapse, or the moment to ask again. */
type Turn = { readonly atMs: number; readonly lapseMs?: number };

function laneBudget(context: StoreContext, key: ItemKey, system: string, lane: Lane, start: CallLimit) {
  const { client, tableName, now } = context;
  const sleep = sleepOf(context);

  let account: LaneAccount | undefined; // as last seen
  let learnt: CallLimit | undefined; // from answers, not yet in the item perhaps
  let spare: Spare | undefined;
  let used = 1; // calls of the last lease that were sent
  let appetite = 1; // the same, doubled while leases are used up in time
  let unserved = 0; // calls that acquires of this instance have no lease for yet
  let localPauseMs = 0;
  let unsharedPauseMs = 0;
  let daySpentUntilMs = 0;
  let queue: Promise<unknown> = Promise.resolve();

  /** One at a time, so that what one call leases serves the others too. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = queue.then(work);
    queue = turn.catch(() => undefined);
    return turn;
  }

  function limitNow(): CallLimit {
    return learnt ?? (account?.learnt ? account : start);
  }

  function tooLate(atMs: number): RateLimitedError {
    const policy = daySpentUntilMs > now() ? 'daily' : lane === 'search' ? 'search' : 'burst';
    return new RateLimitedError(system, Math.max(1, Math.ceil(atMs - now())), policy);
  }

  async function take(calls: number, deadlineMs: number): Promise<Turn> {
    if (unsharedPauseMs > now()) await share(unsharedPauseMs);
    unsharedPauseMs = 0;
    if (localPauseMs > now()) return { atMs: localPauseMs };

    const limit = limitNow();
    const isKnown = account !== undefined && account.limit === limit.limit && account.intervalMs === limit.intervalMs;
    if (isKnown && isCountless(limit)) return { atMs: now(), lapseMs: Number.POSITIVE_INFINITY };
    if (spare !== undefined && spare.calls >= calls && spare.untilMs >= now() && spare.fromMs <= deadlineMs) {
      spare.calls -= calls;
      return { atMs: spare.fromMs, lapseMs: spare.untilMs };
    }
    return lease(calls, deadlineMs);
  }

  async function lease(calls: number, deadlineMs: number): Promise<Turn> {
    learnAppetite();
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const limit = limitNow();
      const pace = paceOf(limit);
      if (calls > pace.allowed) {
        throw new RangeError(
          `${calls} calls at once are more than ${system} allows per interval (${pace.allowed}); ask for fewer`,
        );
      }
      const nowMs = now();
      const chunk = chunkOf(calls, pace, nowMs, deadlineMs);
      const soonestMs = usableFromMs(pace, chunk, nowMs);
      if (soonestMs > deadlineMs) return { atMs: soonestMs };
      const spokenForUs = await moveOn(limit, pace, chunk, nowMs, deadlineMs);
      if (spokenForUs === undefined) {
        if (account !== undefined && account.pausedUntilMs > now()) return { atMs: account.pausedUntilMs };
        continue; // `account` is what it is now
      }
      const fromMs = Math.max(nowMs, Math.ceil((spokenForUs - headStartUs(pace, chunk)) / 1000));
      const untilMs = fromMs + pace.usableMs;
      if (now() > untilMs) continue; // the table took longer to answer than the lease lasts
      spare = { leased: chunk, calls: chunk - calls, fromMs, untilMs };
      return { atMs: fromMs, lapseMs: untilMs };
    }
    throw tooLate(now() + Math.ceil(paceOf(limitNow()).stepUs / 1000));
  }

  function learnAppetite(): void {
    if (spare === undefined) return;
    used = Math.max(1, spare.leased - spare.calls);
    appetite = spare.calls === 0 || now() <= spare.untilMs ? 2 * Math.max(appetite, used) : used;
    appetite = Math.min(appetite, paceOf(limitNow()).burst);
  }

  /** Calls to lease at once. While there are enough a lease may be a guess; when they are short none may lapse. */
  function chunkOf(calls: number, pace: CallPace, nowMs: number, deadlineMs: number): number {
    const guess = Math.min(pace.burst, Math.max(calls, appetite, unserved));
    if (guess > calls && usableFromMs(pace, guess, nowMs) <= nowMs) return guess;
    const sure = Math.min(pace.burst, Math.max(calls, used, unserved));
    return sure > calls && usableFromMs(pace, sure, nowMs) <= deadlineMs ? sure : calls;
  }

  function usableFromMs(pace: CallPace, chunk: number, nowMs: number): number {
    const spokenForUs = Math.max(account?.spokenForUs ?? 0, nowMs * 1000) + costUs(pace, chunk);
    return Math.ceil((spokenForUs - headStartUs(pace, chunk)) / 1000);
  }

  /**
   * Leases `chunk` calls if they can be had by the deadline.
   *
   * @returns the account's new time, or undefined (and `account` brought up to date) when it is not as we thought.
   */
  async function moveOn(
    limit: CallLimit,
    pace: CallPace,
    chunk: number,
    nowMs: number,
    deadlineMs: number,
  ): Promise<number | undefined> {
    const nowUs = nowMs * 1000;
    const cost = costUs(pace, chunk);
    const isBusy = (account?.spokenForUs ?? 0) > nowUs;
    const values: Item = {
      ':now': { N: String(nowUs) },
      ':nowMs': { N: String(nowMs) },
      ':l': { N: String(limit.limit) },
      ':iv': { N: String(limit.intervalMs) },
      ':h': { BOOL: learnt !== undefined || account?.learnt === true },
      ':readL': { N: String(account?.limit ?? limit.limit) },
      ':readIv': { N: String(account?.intervalMs ?? limit.intervalMs) },
      // Two branches because an update cannot take a maximum: busy accounts are added to, idle ones begin now.
      ...(isBusy
        ? { ':cost': { N: String(cost) }, ':latest': { N: String(deadlineMs * 1000 + headStartUs(pace, chunk) - cost) } }
        : { ':next': { N: String(nowUs + cost) } }),
    };
    try {
      const answer = await client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: key,
          UpdateExpression: `SET tt = ${isBusy ? 'tt + :cost' : ':next'}, l = :l, iv = :iv, h = :h`,
          ConditionExpression: [
            isBusy ? 'tt > :now AND tt <= :latest' : '(attribute_not_exists(tt) OR tt <= :now)',
            '(attribute_not_exists(l) OR (l = :readL AND iv = :readIv))',
            '(attribute_not_exists(pu) OR pu <= :nowMs)',
          ].join(' AND '),
          ExpressionAttributeValues: values,
          ReturnValues: 'ALL_NEW',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
      account = accountOf(answer.Attributes, limit);
      return account.spokenForUs;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      account = accountOf(error.Item, start);
      return undefined;
    }
  }

  /** Tells all instances of a pause; a longer one stays. */
  async function share(untilMs: number): Promise<void> {
    try {
      await client.send(
        new UpdateItemCommand({
          TableName: tableName,
          Key: key,
          UpdateExpression: 'SET pu = :until',
          ConditionExpression: 'attribute_not_exists(pu) OR pu < :until',
          ExpressionAttributeValues: { ':until': { N: String(Math.ceil(untilMs)) } },
        }),
      );
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }

  async function sharedPauseMs(): Promise<number> {
    const answer = await client.send(new GetItemCommand({ TableName: tableName, Key: key, ConsistentRead: true }));
    return numberOf(answer.Item?.pu) ?? 0;
  }

  return {
    async acquire(calls: number, deadlineMs: number): Promise<void> {
      if (!Number.isInteger(calls) || calls < 1) throw new RangeError(`${calls} calls cannot be asked for; ask for 1 or more`);
      for (let round = 0; round < ROUNDS_MAX; round++) {
        unserved += calls;
        const turn = await inTurn(() => take(calls, deadlineMs)).finally(() => {
          unserved -= calls;
        });
        if (turn.atMs > deadlineMs) throw tooLate(turn.atMs);
        const waitMs = turn.atMs - now();
        if (waitMs > 0) await sleep(waitMs);
        if (turn.lapseMs === undefined) continue;
        // A pause that began during a long wait holds for calls leased before it; a short wait ends before it could help.
        const pausedUntilMs = waitMs > paceOf(limitNow()).usableMs ? await sharedPauseMs() : localPauseMs;
        // Lapsed: this function was frozen, or the calls were leased for a moment that others used to the full since.
        if (pausedUntilMs <= now() && now() <= turn.lapseMs) return;
        if (pausedUntilMs > deadlineMs) throw tooLate(pausedUntilMs);
        if (pausedUntilMs > now()) await sleep(pausedUntilMs - now());
      }
      throw tooLate(now() + paceOf(limitNow()).usableMs);
    },

    observe(headers: { limit?: number; remaining?: number; intervalMs?: number; dailyRemaining?: number }): void {
      const known = limitNow();
      if (headers.limit !== undefined && headers.limit >= 1) {
        const intervalMs = headers.intervalMs !== undefined && headers.intervalMs > 0 ? headers.intervalMs : known.intervalMs;
        if (headers.limit !== known.limit || intervalMs !== known.intervalMs) learnt = { limit: headers.limit, intervalMs };
      }
      // Kept here until the next acquire, which may wait for the table; an answer should not.
      if (headers.dailyRemaining !== undefined && headers.dailyRemaining <= 0) {
        daySpentUntilMs = now() + DAY_SPENT_PAUSE_MS;
        pauseHere(daySpentUntilMs);
      } else if (headers.remaining !== undefined && headers.remaining <= 0) {
        pauseHere(now() + Math.ceil(limitNow().intervalMs * CROWDED_PAUSE_SHARE));
      }
    },

    async pause(untilMs: number): Promise<void> {
      pauseHere(untilMs);
      unsharedPauseMs = 0;
      await share(untilMs);
    },
  };

  function pauseHere(untilMs: number): void {
    localPauseMs = Math.max(localPauseMs, untilMs);
    unsharedPauseMs = Math.max(unsharedPauseMs, untilMs);
    spare = undefined;
  }
}

function accountOf(item: Item | undefined, start: CallLimit): LaneAccount {
  return {
    limit: numberOf(item?.l) ?? start.limit,
    intervalMs: numberOf(item?.iv) ?? start.intervalMs,
    learnt: item?.h?.BOOL ?? false,
    spokenForUs: numberOf(item?.tt) ?? 0,
    pausedUntilMs: numberOf(item?.pu) ?? 0,
  };
}
