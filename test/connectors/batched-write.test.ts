import { describe, expect, it } from 'vitest';
import { type BatchAnswer, writeInBatches } from '../../shared/connectors/batched-write.ts';
import type { WriteOutcome } from '../../shared/connectors/connector.ts';
import { NotSentError } from '../../shared/connectors/transport.ts';
import { AuthRejectedError, RateLimitedError, SystemUnavailableError } from '../../shared/errors.ts';

const writesOf = (count: number) => new Map(Array.from({ length: count }, (_, i): [string, number] => [`k${i}`, i]));
const written = (batch: ReadonlyMap<string, number>): BatchAnswer => ({
  outcomes: new Map([...batch.keys()].map((key): [string, WriteOutcome] => [key, { outcome: 'written', objectId: key }])),
});
const refused = (fields: string[] = []): BatchAnswer => ({
  settled: new Map(),
  alone: { outcome: 'rejected', code: 'BAD', message: '', fields },
});
const kinds = (outcomes: ReadonlyMap<string, WriteOutcome>) => [...outcomes.values()].map(({ outcome }) => outcome);

describe('a batched write', () => {
  it('halves a refused batch down to the bad rows, and the others are written', async () => {
    let calls = 0;
    const outcomes = await writeInBatches(writesOf(100), 100, async (batch) => {
      calls++;
      return batch.has('k17') || batch.has('k18') ? refused() : written(batch);
    });
    expect([...outcomes].filter(([, { outcome }]) => outcome === 'rejected').map(([key]) => key)).toEqual(['k17', 'k18']);
    expect(kinds(outcomes).filter((kind) => kind === 'written')).toHaveLength(98);
    expect(calls).toBeLessThan(35);
  });

  it('spends a bounded number of calls on a batch that is bad throughout', async () => {
    let calls = 0;
    const outcomes = await writeInBatches(writesOf(100), 100, async () => {
      calls++;
      return refused();
    });
    expect(calls).toBe(41);
    expect(outcomes.size).toBe(100);
    expect(new Set(kinds(outcomes))).toEqual(new Set(['rejected', 'retry']));
  });

  it('settles the rows a refusal names and sends the rest in one call', async () => {
    let calls = 0;
    const outcomes = await writeInBatches(writesOf(10), 100, async (batch) => {
      calls++;
      if (!batch.has('k3')) return written(batch);
      return {
        settled: new Map([['k3', { outcome: 'rejected', code: 'P', message: '', fields: ['p'] }]]),
        alone: { outcome: 'gone' },
      };
    });
    expect(calls).toBe(2);
    expect(outcomes.get('k3')?.outcome).toBe('rejected');
    expect(kinds(outcomes).filter((kind) => kind === 'written')).toHaveLength(9);
  });

  it('leaves writes whose answer was lost unknown, and what was not sent to be tried again', async () => {
    let calls = 0;
    const outcomes = await writeInBatches(writesOf(6), 2, async (batch) => {
      if (++calls === 2) throw new SystemUnavailableError('s', 'cut off', 5_000);
      return written(batch);
    });
    expect(kinds(outcomes)).toEqual(['written', 'written', 'unknown', 'unknown', 'retry', 'retry']);
  });

  it('calls a row unknown that the answer does not mention', async () => {
    const outcomes = await writeInBatches(writesOf(2), 2, async () => ({ outcomes: new Map() }));
    expect(kinds(outcomes)).toEqual(['unknown', 'unknown']);
  });

  it.each([
    new RateLimitedError('s', 9_000, 'burst'),
    new AuthRejectedError('s', 'gone'),
    new NotSentError('s', 'refused', 5_000),
  ])('throws %o when nothing was written, and keeps earlier outcomes when something was', async (error) => {
    await expect(writeInBatches(writesOf(2), 2, () => Promise.reject(error))).rejects.toBe(error);
    let calls = 0;
    const outcomes = await writeInBatches(writesOf(4), 2, async (batch) => {
      if (++calls === 2) throw error;
      return written(batch);
    });
    expect(kinds(outcomes)).toEqual(['written', 'written', 'retry', 'retry']);
  });
});
