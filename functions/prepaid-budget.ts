import type { ApiBudget } from '../shared/connectors/connector.ts';

/** A turn that comes later than this is left to the queue. */
const TURN_WAIT_MS = 5_000;
const PREPAID_LIFE_MS = 1_000;
/** Asking the table alone takes less. */
const WAITED_MS = 25;

export interface PrepaidBudget extends ApiBudget {
  /** @returns whether it had to wait. */
  prepay(calls: number): Promise<boolean>;
}

/** A budget whose next calls can be paid for in advance. What is not used soon lapses: the limit counts when calls are sent. */
export function prepaidBudget(budget: ApiBudget, now: () => number = Date.now): PrepaidBudget {
  let prepaid = 0;
  let paidAtMs = 0;
  return {
    ...budget,
    async prepay(calls) {
      const askedAtMs = now();
      if (askedAtMs - paidAtMs > PREPAID_LIFE_MS) prepaid = 0;
      if (prepaid < calls) await budget.acquire(calls - prepaid, 'general', askedAtMs + TURN_WAIT_MS);
      prepaid = Math.max(prepaid, calls);
      paidAtMs = now();
      return paidAtMs - askedAtMs > WAITED_MS;
    },
    async acquire(calls, lane, deadlineMs) {
      if (lane === 'general' && prepaid >= calls && now() - paidAtMs <= PREPAID_LIFE_MS) {
        prepaid -= calls;
        return;
      }
      await budget.acquire(calls, lane, deadlineMs);
    },
  };
}
