import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../local/aws/seeded-random.ts';
import type { ApiBudget } from '../../shared/connectors/connector.ts';
import { RateLimitedError } from '../../shared/errors.ts';
import { apiBudget } from '../../shared/store/api-budget.ts';
import { type EmulatedTable, emulatedTable } from './emulated-table.ts';
import { T0 } from './sample-record.ts';
import { busiest, type VirtualTime, virtualTime } from './virtual-time.ts';

let table: EmulatedTable;
beforeAll(async () => {
  table = await emulatedTable();
});
afterEach(() => {
  table.travel = undefined;
});
afterAll(() => table.stop());

const HOUR = 3_600_000;
const usual = { limit: 100, intervalMs: 10_000 };

let tenants = 0;
/** Instances of functions that share one connection. */
function instances(count: number, limits: { general?: { limit: number; intervalMs: number } } = {}) {
  const time = virtualTime(T0);
  const context = table.context(`t${++tenants}`, { now: time.now, sleep: time.sleep });
  const options = {
    connection: 'hubspot',
    system: 'hubspot',
    limits: { general: limits.general ?? usual, search: { limit: 5, intervalMs: 1_000 } },
  };
  return { time, budgets: Array.from({ length: count }, () => apiBudget(context, options)) };
}

/** One instance that calls one after another until `untilMs`; returns when it called. */
function caller(time: VirtualTime, budget: ApiBudget, lane: 'general' | 'search', untilMs: number, callMs: () => number) {
  return time.run(async () => {
    const calledAtMs: number[] = [];
    while (time.now() < untilMs) {
      await budget.acquire(1, lane, time.now() + HOUR);
      calledAtMs.push(time.now());
      await time.sleep(callMs());
    }
    return calledAtMs;
  });
}

function one(budgets: readonly ApiBudget[]): ApiBudget {
  const [budget] = budgets;
  if (budget === undefined) throw new Error('there is no instance');
  return budget;
}

describe('instances that race for calls', () => {
  it('never send more than allowed in any interval, nor much less, and each gets its share', async () => {
    const random = seededRandom(7);
    const { time, budgets } = instances(6);
    const called = await Promise.all(
      budgets.map((budget) => caller(time, budget, 'general', T0 + 30_000, () => 20 + random() * 400)),
    );
    const all = called.flat();
    expect(busiest(all, usual.intervalMs)).toBeLessThanOrEqual(90);
    expect(all.length).toBeGreaterThan(3 * 90 * 0.75);
    const fair = all.length / budgets.length;
    for (const each of called) expect(each.length).toBeGreaterThan(fair / 2);
  });

  it('keep the limit when the table is slow to answer', async () => {
    const random = seededRandom(11);
    const { time, budgets } = instances(5);
    table.travel = () => time.sleep(random() * 300);
    const called = await Promise.all(budgets.map((budget) => caller(time, budget, 'general', T0 + 20_000, () => random() * 50)));
    expect(busiest(called.flat(), usual.intervalMs)).toBeLessThanOrEqual(90);
    for (const each of called) expect(each.length).toBeGreaterThan(5);
  });

  it('keep the small limit of searches too', async () => {
    const { time, budgets } = instances(4);
    const called = await Promise.all(budgets.map((budget) => caller(time, budget, 'search', T0 + 8_000, () => 1)));
    expect(busiest(called.flat(), 1_000)).toBeLessThanOrEqual(4);
    expect(called.flat().length).toBeGreaterThan(8 * 3);
    for (const each of called) expect(each.length).toBeGreaterThan(3);
  });

  it('share what one lease brings when they are calls of one instance', async () => {
    const { time, budgets } = instances(1);
    const budget = one(budgets);
    table.costs();
    await Promise.all(Array.from({ length: 9 }, () => time.run(() => budget.acquire(1, 'general', T0 + HOUR))));
    expect(time.now()).toBe(T0);
    expect(table.costs().length).toBeLessThanOrEqual(2);
  });

  it('may ask for more than a burst, and rest for it', async () => {
    const { time, budgets } = instances(2);
    const calledAtMs: number[] = [];
    await Promise.all(
      budgets.map((budget) =>
        time.run(async () => {
          for (let turn = 0; turn < 4; turn++) {
            await budget.acquire(25, 'general', time.now() + HOUR);
            calledAtMs.push(...Array.from({ length: 25 }, time.now));
          }
        }),
      ),
    );
    expect(calledAtMs).toHaveLength(200);
    expect(busiest(calledAtMs, usual.intervalMs)).toBeLessThanOrEqual(90);
    await expect(one(budgets).acquire(91, 'general', time.now() + HOUR)).rejects.toThrow(RangeError);
  });
});

describe('an instance', () => {
  it('that calls steadily pays for far fewer store calls than it sends', async () => {
    const { time, budgets } = instances(1);
    table.costs();
    const called = await caller(time, one(budgets), 'general', T0 + 10_000, () => 140);
    expect(called.length).toBeGreaterThan(60);
    expect(table.costs().length).toBeLessThan(called.length / 2);
  });

  it('is told at once, and when to come again, if its calls cannot be had in time', async () => {
    const { time, budgets } = instances(2);
    const [first, second] = budgets;
    await time.run(async () => {
      await first?.acquire(80, 'general', T0 + HOUR);
      const askedAtMs = time.now();
      const failure: unknown = await second?.acquire(1, 'general', askedAtMs + 1_000).catch((error) => error);
      expect(failure).toBeInstanceOf(RateLimitedError);
      expect(failure).toMatchObject({ system: 'hubspot', policy: 'burst' });
      const retryAfterMs = failure instanceof RateLimitedError ? failure.retryAfterMs : 0;
      expect(time.now()).toBe(askedAtMs);
      expect(retryAfterMs).toBeGreaterThan(1_000);
      await second?.acquire(1, 'general', askedAtMs + retryAfterMs); // the promise is kept
    });
  });

  it('that was frozen does not send the calls it leased before', async () => {
    const time = virtualTime(T0);
    let frozen = false;
    const sleep = (ms: number) => time.sleep(frozen ? ms + 60_000 : ms);
    const context = table.context(`t${++tenants}`, { now: time.now, sleep });
    const budget = apiBudget(context, { connection: 'hubspot', system: 'hubspot', limits: { general: usual, search: usual } });
    await time.run(async () => {
      await budget.acquire(80, 'general', T0 + HOUR);
      frozen = true;
      table.costs();
      await budget.acquire(1, 'general', T0 + HOUR);
    });
    expect(table.costs().filter((cost) => cost.command === 'UpdateItem').length).toBeGreaterThanOrEqual(2);
  });
});

describe('a pause', () => {
  it('stops all instances', async () => {
    const { time, budgets } = instances(4);
    const untilMs = T0 + 20_000;
    const [pauser, ...others] = budgets;
    const called = await Promise.all([
      time.run(async () => {
        await time.sleep(5_000);
        await pauser?.pause('general', untilMs);
        return [];
      }),
      ...others.map((budget) => caller(time, budget, 'general', T0 + 24_000, () => 10)),
    ]);
    const during = called.flat().filter((atMs) => atMs > T0 + 5_000 + 500 && atMs < untilMs);
    expect(during).toEqual([]); // 500 ms: what was leased before may still be sent
    expect(called.flat().filter((atMs) => atMs >= untilMs).length).toBeGreaterThan(20);
  });

  it('stops those too that wait already for calls they leased', async () => {
    const { time, budgets } = instances(3);
    const [spender, waiter, pauser] = budgets;
    const untilMs = T0 + 40_000;
    await time.run(async () => spender?.acquire(80, 'general', T0 + HOUR));
    const startedMs = time.now();
    const [resumedMs] = await Promise.all([
      time.run(async () => {
        await waiter?.acquire(1, 'general', T0 + HOUR);
        return time.now();
      }),
      time.run(async () => {
        await time.sleep(1_000);
        await pauser?.pause('general', untilMs);
      }),
    ]);
    expect(startedMs).toBeLessThan(untilMs - 20_000);
    expect(resumedMs).toBeGreaterThanOrEqual(untilMs);
  });

  it('that lasts too long is an error, and a shorter one does not end it', async () => {
    const { time, budgets } = instances(2);
    const [first, second] = budgets;
    await time.run(async () => {
      await first?.pause('general', T0 + 60_000);
      await second?.pause('general', T0 + 1_000);
    });
    for (const budget of budgets) {
      const failure = await time.run(() => budget.acquire(1, 'general', T0 + 30_000).catch((error: unknown) => error));
      expect(failure).toBeInstanceOf(RateLimitedError);
    }
    await time.run(() => one(budgets).acquire(1, 'search', time.now())); // the other lane goes on
  });

  it('follows when the day’s calls are spent', async () => {
    const { budgets } = instances(2);
    const [first, second] = budgets;
    first?.observe('general', { dailyRemaining: 0 });
    await expect(first?.acquire(1, 'general', T0 + 60_000)).rejects.toMatchObject({ policy: 'daily', retryAfterMs: 15 * 60_000 });
    await expect(second?.acquire(1, 'general', T0 + 60_000)).rejects.toThrow(RateLimitedError);
  });

  it('follows for a moment when others used up what we left them', async () => {
    const { time, budgets } = instances(1);
    const budget = one(budgets);
    await time.run(async () => {
      await budget.acquire(1, 'general', T0 + HOUR);
      budget.observe('general', { limit: 100, remaining: 0, intervalMs: 10_000 });
      await budget.acquire(1, 'general', T0 + HOUR);
    });
    expect(time.now()).toBe(T0 + 1_000);
  });
});

describe('a limit', () => {
  it('that the answers tell is shared with every instance', async () => {
    const { time, budgets } = instances(3);
    const [told, ...others] = budgets;
    await time.run(async () => {
      await told?.acquire(1, 'general', T0 + HOUR);
      told?.observe('general', { limit: 40, remaining: 39, intervalMs: 10_000 });
      await told?.acquire(1, 'general', T0 + HOUR);
    });
    const called = await Promise.all(others.map((budget) => caller(time, budget, 'general', T0 + 20_000, () => 10)));
    expect(busiest(called.flat(), 10_000)).toBeLessThanOrEqual(36);
    expect(called.flat().length).toBeGreaterThan(36);
  });

  it('that the config changes takes effect where the system tells none', async () => {
    const { time, budgets } = instances(1);
    await time.run(() => one(budgets).acquire(1, 'general', T0 + HOUR));
    const context = table.context(`t${tenants}`, { now: time.now, sleep: time.sleep });
    const lower = { limit: 10, intervalMs: 10_000 };
    const changed = apiBudget(context, { connection: 'hubspot', system: 'hubspot', limits: { general: lower, search: lower } });
    const called = await caller(time, changed, 'general', T0 + 30_000, () => 1);
    expect(busiest(called, 10_000)).toBeLessThanOrEqual(9);
    expect(called.length).toBeGreaterThan(18);
  });

  it('without a practical end costs one store call and no more', async () => {
    const { time, budgets } = instances(2, { general: { limit: 100_000, intervalMs: 10_000 } });
    table.costs();
    for (const budget of budgets) {
      await time.run(async () => {
        for (let call = 0; call < 500; call++) await budget.acquire(1, 'general', time.now());
      });
    }
    expect(table.costs().length).toBeLessThanOrEqual(3);
    const { budgets: learning, time: later } = instances(1);
    const budget = one(learning);
    await later.run(async () => {
      await budget.acquire(1, 'general', T0 + HOUR);
      budget.observe('general', { limit: 1_000_000, remaining: 999_999, intervalMs: 10_000 });
      await budget.acquire(1, 'general', T0 + HOUR);
      table.costs();
      for (let call = 0; call < 500; call++) await budget.acquire(1, 'general', T0);
      expect(table.costs()).toEqual([]);
    });
  });
});
