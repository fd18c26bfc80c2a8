import { describe, expect, it } from 'vitest';
import { localBudget } from '../../shared/connectors/local-budget.ts';
import { RateLimitedError } from '../../shared/errors.ts';

function budgetAt(startMs: number) {
  const time = { nowMs: startMs };
  const budget = localBudget({
    system: 'hubspot',
    general: { calls: 10, intervalMs: 1_000 },
    search: { calls: 1, intervalMs: 200 },
    clock: () => time.nowMs,
    sleepMs: async (ms) => {
      time.nowMs += ms;
    },
  });
  return { time, budget };
}

describe('the budget of one process', () => {
  it('lets a burst through, then spaces the calls', async () => {
    const { time, budget } = budgetAt(0);
    for (let i = 0; i < 10; i++) await budget.acquire(1, 'general', 60_000);
    expect(time.nowMs).toBe(0);
    await budget.acquire(1, 'general', 60_000);
    expect(time.nowMs).toBe(100);
  });

  it('never lets more calls through in an interval than the rate and one burst', async () => {
    const { time, budget } = budgetAt(0);
    for (let i = 0; i < 100; i++) await budget.acquire(1, 'general', 600_000);
    expect(time.nowMs).toBe(9_000);
  });

  it('refuses a call that would have to wait past its deadline, and says how long', async () => {
    const { budget } = budgetAt(0);
    await budget.acquire(10, 'general', 60_000);
    await expect(budget.acquire(5, 'general', 499)).rejects.toMatchObject({ name: 'RateLimitedError', retryAfterMs: 500 });
    await expect(budget.acquire(5, 'general', 499)).rejects.toBeInstanceOf(RateLimitedError);
  });

  it('stops a lane that the system paused, and only that one', async () => {
    const { time, budget } = budgetAt(0);
    await budget.pause('search', 5_000);
    await expect(budget.acquire(1, 'search', 1_000)).rejects.toMatchObject({ policy: 'search' });
    await budget.acquire(1, 'general', 1_000);
    expect(time.nowMs).toBe(0);
  });

  it('learns from the headers that others spent calls', async () => {
    const { time, budget } = budgetAt(0);
    budget.observe('general', { remaining: 0 });
    await budget.acquire(1, 'general', 60_000);
    expect(time.nowMs).toBe(100);
  });
});
