import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SyncRules } from '../../shared/sync/rules.ts';
import { happening } from './happenings.ts';
import { type Happening, TwoSystems } from './two-systems.ts';
import { rules, rulesWith } from './world.ts';

/** A thousand show a fault that came in again; set RUNS to look for new ones. */
const RUNS = Number(process.env.RUNS ?? 1_000);

const strategies = [
  ['the later edit', rules],
  ['a system', rulesWith({ strategy: { kind: 'prefer-system', system: 'hubspot', reason: 'it owns them' } })],
] as const;

function played(happenings: readonly Happening[], chosen: SyncRules, windowOpen: boolean): TwoSystems {
  const world = new TwoSystems(chosen, { windowOpen });
  for (const one of happenings) world.happen(one);
  world.settle();
  return world;
}

describe('two systems and a record between them', () => {
  const happenings = fc.array(happening, { maxLength: 40, size: 'max' });

  it.each(strategies)('agree in the end where %s wins, and no edit is lost without a word', (_, chosen) => {
    fc.assert(
      fc.property(happenings, (some) => {
        const world = played(some, chosen, false);
        expect(world.disagreements()).toEqual([]);
        expect(world.unaccounted()).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  it.each(strategies)('cost a bounded number of writes where %s wins', (_, chosen) => {
    fc.assert(
      fc.property(happenings, (some) => {
        const world = played(some, chosen, false);
        const deaths = some.filter((one) => one.do === 'die' || one.do === 'hang').length;
        const waits = some.filter((one) => one.do === 'wait' && one.ms > 60_000).length; // as good as deaths
        expect(world.writes.length).toBeLessThanOrEqual(2 * (world.edits.length + deaths + waits));
      }),
      { numRuns: RUNS },
    );
  });

  it('lose nothing without a word where somebody types between a verify read and its write, for the hint tells of it (O9)', () => {
    fc.assert(
      fc.property(happenings, (some) => {
        const world = played(some, rules, true);
        expect(world.disagreements()).toEqual([]);
        expect(world.unaccounted()).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  it.each([
    [
      'somebody takes back at once what was just written, before the write is confirmed',
      [
        { do: 'edit', in: 'hubspot', field: 'name', value: 'a' },
        { do: 'hint', in: 'hubspot', which: 0, again: false },
        { do: 'deliver', in: 'salesforce' },
        { do: 'deliver', in: 'salesforce' },
        { do: 'deliver', in: 'salesforce' },
        { do: 'edit', in: 'salesforce', field: 'name', value: 'Ada' },
      ],
    ],
    [
      'somebody takes it back, and the hint of it comes behind one of another field',
      [
        { do: 'edit', in: 'salesforce', field: 'name', value: 'v0' },
        { do: 'hint', in: 'salesforce', which: 0, again: false },
        { do: 'deliver', in: 'hubspot' },
        { do: 'deliver', in: 'hubspot' },
        { do: 'deliver', in: 'hubspot' },
        { do: 'edit', in: 'hubspot', field: 'phone', value: 'v0' },
        { do: 'edit', in: 'hubspot', field: 'name', value: 'Ada' },
      ],
    ],
    [
      'a value goes away and comes back while somebody still holds a read of it gone',
      [
        { do: 'edit', in: 'hubspot', field: 'phone', value: 'v0' },
        { do: 'read', in: 'hubspot', which: 0 },
        { do: 'edit', in: 'hubspot', field: 'phone', value: '1' },
        { do: 'hint', in: 'hubspot', which: 0, again: false },
      ],
    ],
    [
      'an edit is taken back after the deliverer that wrote it died',
      [
        { do: 'edit', in: 'hubspot', field: 'phone', value: 'a' },
        { do: 'hint', in: 'hubspot', which: 0, again: false },
        { do: 'deliver', in: 'salesforce' },
        { do: 'deliver', in: 'salesforce' },
        { do: 'deliver', in: 'salesforce' },
        { do: 'die', in: 'salesforce' },
        { do: 'edit', in: 'hubspot', field: 'phone', value: '1' },
      ],
    ],
    [
      'a write of a deliverer that hung lands over that of the one that took over',
      [
        { do: 'edit', in: 'salesforce', field: 'name', value: 'v0' },
        { do: 'hint', in: 'salesforce', which: 0, again: false },
        { do: 'deliver', in: 'hubspot' },
        { do: 'deliver', in: 'hubspot' },
        { do: 'hang', in: 'hubspot' },
        { do: 'wait', ms: 70_000 },
        { do: 'edit', in: 'salesforce', field: 'name', value: 'v1' },
        { do: 'hint', in: 'salesforce', which: 0, again: false },
        { do: 'deliver', in: 'hubspot' },
        { do: 'deliver', in: 'hubspot' },
        { do: 'deliver', in: 'hubspot' },
        { do: 'deliver', in: 'hubspot' },
        { do: 'land', in: 'hubspot' },
      ],
    ],
    [
      'an edit is seen and decided between a verify read and the write that goes over it',
      [
        { do: 'edit', in: 'salesforce', field: 'phone', value: 'v0' },
        { do: 'hint', in: 'salesforce', which: 0, again: false },
        { do: 'deliver', in: 'hubspot' },
        { do: 'deliver', in: 'hubspot' },
        { do: 'edit', in: 'hubspot', field: 'phone', value: 'a' },
        { do: 'hint', in: 'hubspot', which: 0, again: false },
        { do: 'deliver', in: 'hubspot' },
        { do: 'hint', in: 'hubspot', which: 0, again: false }, // the echo, before its confirm
      ],
    ],
  ] satisfies [string, Happening[]][])('agree also where %s', (_, some) => {
    const world = played(some, rules, true);
    expect(world.disagreements()).toEqual([]);
    expect(world.unaccounted()).toEqual([]);
  });
});
