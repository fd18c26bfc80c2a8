import { describe, expect, it } from 'vitest';
import { prepaidBudget } from '../../functions/prepaid-budget.ts';

/** A budget that grants every call, `waitMs` later, and counts what it granted. */
function scene(waitMs = 0) {
  let nowMs = 1_000_000;
  const granted: string[] = [];
  const budget = prepaidBudget(
    {
      async acquire(calls, lane) {
        nowMs += waitMs;
        granted.push(`${calls} ${lane}`);
      },
      observe: () => undefined,
      pause: async () => undefined,
    },
    () => nowMs,
  );
  return {
    budget,
    granted,
    advance: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe('calls paid for in advance', () => {
  it('serve the calls that follow, and no more than that', async () => {
    const { budget, granted } = scene();
    await budget.prepay(2);
    for (let call = 0; call < 3; call += 1) await budget.acquire(1, 'general', 0);
    expect(granted).toEqual(['2 general', '1 general']);
  });

  it('do not pile up over batches that needed none', async () => {
    const { budget, granted } = scene();
    await budget.prepay(1);
    await budget.prepay(1);
    expect(granted).toEqual(['1 general']);
  });

  it('lapse, for the limit counts when a call is sent', async () => {
    const { budget, granted, advance } = scene();
    await budget.prepay(1);
    advance(1_001);
    await budget.acquire(1, 'general', 0);
    expect(granted).toEqual(['1 general', '1 general']);
  });

  it('are no search', async () => {
    const { budget, granted } = scene();
    await budget.prepay(1);
    await budget.acquire(1, 'search', 0);
    expect(granted).toEqual(['1 general', '1 search']);
  });

  it('tell whether they had to be waited for', async () => {
    expect(await scene(5).budget.prepay(1)).toBe(false);
    expect(await scene(200).budget.prepay(1)).toBe(true);
  });
});
