import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallPace, costUs, headStartUs, paceOf } from '../../shared/store/call-pace.ts';
import { busiest } from './virtual-time.ts';

const limits = fc.record({ limit: fc.integer({ min: 1, max: 2_000 }), intervalMs: fc.constantFrom(1_000, 10_000, 60_000) });

describe('the pace of calls', () => {
  it('lets no stretch of an interval see more calls than allowed, however they are leased and whenever they are sent', () => {
    const lease = fc.record({
      restMs: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 5_000 }) }),
      calls: fc.integer({ min: 1, max: 60 }),
      late: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(limits, fc.array(lease, { maxLength: 150 }), (limit, leases) => {
        const pace = paceOf(limit);
        let nowUs = 0;
        let spokenForUs = 0;
        const sentAtUs: number[] = [];
        for (const { restMs, calls: asked, late } of leases) {
          nowUs += restMs * 1_000;
          const calls = Math.min(asked, pace.allowed);
          spokenForUs = Math.max(spokenForUs, nowUs) + costUs(pace, calls);
          const fromUs = Math.max(nowUs, spokenForUs - headStartUs(pace, calls));
          for (let call = 0; call < calls; call++) sentAtUs.push(fromUs + Math.floor(late * pace.usableMs * 1_000));
        }
        expect(busiest(sentAtUs, limit.intervalMs * 1_000)).toBeLessThanOrEqual(pace.allowed);
      }),
    );
  });

  it('leaves a tenth to others and gives most of the rest', () => {
    fc.assert(
      fc.property(limits, (limit) => {
        const pace: CallPace = paceOf(limit);
        expect(pace.allowed).toBe(Math.max(1, Math.floor(limit.limit * 0.9)));
        const perInterval = (limit.intervalMs * 1_000) / pace.stepUs;
        // Bursts and the time that a lease lasts cost the rest; intervals of a second the most.
        expect(perInterval).toBeGreaterThan(0.7 * pace.allowed);
      }),
    );
  });
});
