import { describe, expect, it } from 'vitest';
import { type CanaryRound, canaryDuties, isCanary, judgeCanary } from '../../../shared/sync/guards/canary.ts';

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const canary = { field: 'jobTitle', objects: { salesforce: '003A', hubspot: '7', erp: 'x' } };
const round: CanaryRound = {
  number: 4,
  token: 'Concord canary 4',
  writer: 'hubspot',
  writtenAtMs: NOW,
  begunAtMs: NOW,
  found: {},
};
const writers = (from: CanaryRound | undefined, nowMs: number) =>
  Object.keys(canary.objects).filter((system) => canaryDuties(canary, from, system, nowMs).write !== undefined);

describe('G4: a canary', () => {
  it('is written by one system an hour, each in its turn', () => {
    expect(writers(round, NOW + 30 * MINUTE)).toEqual([]);
    const order: CanaryRound[] = [];
    for (const atMs of [NOW + 60 * MINUTE, NOW + 120 * MINUTE, NOW + 180 * MINUTE]) {
      const last = order.at(-1) ?? round;
      const next = Object.keys(canary.objects).flatMap((system) => canaryDuties(canary, last, system, atMs).write ?? []);
      expect(next).toHaveLength(1);
      order.push(...next.map((one) => ({ ...one, writtenAtMs: atMs })));
    }
    expect(order.map(({ writer }) => writer)).toEqual(['erp', 'salesforce', 'hubspot']);
    expect(new Set([round, ...order].map(({ token }) => token)).size).toBe(4);
    expect(writers(undefined, NOW)).toHaveLength(1);
  });

  it('whose writer died before it could tell is written again by him, and judged by nobody', () => {
    const { writtenAtMs: _, ...unsure } = round;
    expect(writers(unsure, NOW + 200 * MINUTE)).toEqual(['hubspot']);
    expect(canaryDuties(canary, unsure, 'hubspot', NOW + MINUTE).write).toEqual(unsure);
    expect(canaryDuties(canary, unsure, 'salesforce', NOW + 20 * MINUTE).look).toBe(false);
  });

  it('is looked for until each system is known to hold it or not', () => {
    expect(canaryDuties(canary, round, 'erp', NOW + MINUTE).look).toBe(true);
    expect(canaryDuties(canary, { ...round, found: { erp: 'held' } }, 'erp', NOW + MINUTE).look).toBe(false);
    expect(canaryDuties(canary, undefined, 'erp', NOW).look).toBe(false);
  });

  it('has 15 minutes to arrive, from when its system is written to again', () => {
    expect(judgeCanary(round, 'Concord canary 4', NOW + MINUTE)).toBe('held');
    expect(judgeCanary(round, 'Concord canary 3', NOW + 15 * MINUTE - 1)).toBeUndefined();
    expect(judgeCanary(round, 'Concord canary 3', NOW + 15 * MINUTE)).toBe('stale');
    expect(judgeCanary(round, undefined, NOW + 15 * MINUTE)).toBe('stale');
    expect(judgeCanary(round, undefined, NOW + 40 * MINUTE, NOW + 30 * MINUTE)).toBeUndefined();
  });

  it('is known by system and id', () => {
    expect(isCanary(canary, 'hubspot', '7')).toBe(true);
    expect(isCanary(canary, 'salesforce', '7')).toBe(false);
    expect(isCanary(undefined, 'hubspot', '7')).toBe(false);
  });
});
