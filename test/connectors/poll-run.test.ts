import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mustStartOver, resumeAfterPage } from '../../shared/connectors/poll-run.ts';

const OVERLAP_MS = 100;

describe('where the next run of a poll begins', () => {
  it('is the end of a long catch-up, less the overlap: old pages are read once', () => {
    let resumeMs: number | undefined;
    for (let fromMs = 0; fromMs < 9_000; fromMs += 1_000) {
      resumeMs = resumeAfterPage(resumeMs, { fromMs, toMs: fromMs + 1_000, askedAtMs: 10_000, overlapMs: OVERLAP_MS });
      expect(resumeMs).toBeUndefined();
    }
    expect(resumeAfterPage(resumeMs, { fromMs: 9_000, toMs: undefined, askedAtMs: 10_000, overlapMs: OVERLAP_MS })).toBe(9_900);
  });

  it('starts over a run that has followed the newest changes for longer than the overlap', () => {
    expect(mustStartOver(undefined, 1_000_000, OVERLAP_MS)).toBe(false);
    expect(mustStartOver(900, 1_100, OVERLAP_MS)).toBe(false);
    expect(mustStartOver(900, 1_101, OVERLAP_MS)).toBe(true);
    expect(mustStartOver(900, 9_999, 0)).toBe(false); // nothing becomes visible late: nothing to look at again
  });

  it('shows every row in time, however late it became visible within the overlap', () => {
    const rows = fc.array(
      fc.record({ stampMs: fc.integer({ min: 1, max: 3_000 }), lateMs: fc.integer({ min: 0, max: OVERLAP_MS }) }),
      {
        minLength: 1,
        maxLength: 120,
      },
    );
    const steps = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(rows, steps, fc.integer({ min: 1, max: 7 }), (written, waits, pageSize) => {
        const order = written.map((row, id) => ({ ...row, id })).sort((a, b) => a.stampMs - b.stampMs || a.id - b.id);
        const seen = new Set<number>();
        let nowMs = 0;
        let position: { fromMs: number; afterId?: number; resumeMs?: number } = { fromMs: 0 };
        const readPage = () => {
          const visible = order.filter((row) => row.stampMs <= nowMs && row.stampMs + row.lateMs <= nowMs);
          const { afterId } = position;
          const from = visible.filter(
            (row) =>
              row.stampMs > position.fromMs || (row.stampMs === position.fromMs && (afterId === undefined || row.id > afterId)),
          );
          const page = from.slice(0, pageSize);
          for (const row of page) seen.add(row.id);
          const last = page.length === pageSize ? page.at(-1) : undefined;
          const resumeMs = resumeAfterPage(position.resumeMs, {
            fromMs: position.fromMs,
            toMs: last?.stampMs,
            askedAtMs: nowMs,
            overlapMs: OVERLAP_MS,
          });
          position =
            last === undefined || mustStartOver(resumeMs, nowMs, OVERLAP_MS)
              ? { fromMs: resumeMs ?? position.fromMs }
              : { fromMs: last.stampMs, afterId: last.id, resumeMs };
          return last === undefined;
        };
        for (const wait of waits) {
          nowMs += wait;
          readPage(); // a slow poller: one page per wake-up
        }
        nowMs = 3_000 + 3 * OVERLAP_MS;
        // Two runs to the end: one under way may be past a late row.
        for (let runs = 0, pages = 0; runs < 2; pages++) {
          if (readPage()) runs++;
          expect(pages).toBeLessThan(1_000);
        }
        expect(seen.size).toBe(written.length);
      }),
      { numRuns: 300 },
    );
  });
});
