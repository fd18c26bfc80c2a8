import { describe, expect, it } from 'vitest';
import type { ChangeHint } from '../../shared/sync/change-hint.ts';
import { LEASE_MS, SYSTEMS, type System, twoCrms } from './two-crms.ts';

// F30, exhaustively: the functions die at each step of a short story in turn, and their messages come again.

const crms = twoCrms();
const STEPS_MAX = 200;
const other = (system: System): System => (system === 'salesforce' ? 'hubspot' : 'salesforce');
const live = (system: System) =>
  crms
    .simulator(system)
    .objects(crms.object(system))
    .filter((object) => !object.deleted);

interface Story {
  readonly hints: readonly { readonly system: System; readonly hint: ChangeHint }[];
  readonly deliverTo: readonly System[];
  /** How it must end, wherever the functions died. */
  readonly ends: () => Promise<void>;
}

/** What the story's messages set going: each hint is processed, then the system that lacks something gets it. */
async function play({ hints, deliverTo }: Story): Promise<void> {
  for (const { system, hint } of hints) await crms.process(system, [hint]);
  const [first] = hints;
  const record = first && (await crms.recordOf(first.system, first.hint.objectId));
  for (const system of deliverTo) if (record !== undefined) await crms.deliver(system, [record.recordId]);
}

/** @returns at how many steps the functions died. */
async function playWithEveryDeath(begin: () => Promise<Story>): Promise<number> {
  for (let n = 1; n <= STEPS_MAX; n += 1) {
    const story = await begin();
    crms.quiet();
    const died = await crms.diesAtStep(n, () => play(story));
    crms.clock.advance(LEASE_MS + 60_000);
    await play(story);
    try {
      await story.ends();
    } catch (error) {
      throw new Error(`after a death at step ${n}`, { cause: error });
    }
    if (!died) return n - 1;
  }
  throw new Error('the story does not come to its end');
}

describe.each(SYSTEMS)('wherever the functions die while a change of %s is carried over,', (from) => {
  const to = other(from);

  it('F30: an edit arrives, and is written once', async () => {
    const deaths = await playWithEveryDeath(async () => {
      const ada = await crms.linkedPerson();
      const hint = crms.edit(from, ada[from], { jobTitle: 'Countess' });
      return {
        hints: [{ system: from, hint }],
        deliverTo: [to],
        async ends() {
          expect(await crms.dirty(ada.recordId)).toEqual([]);
          expect(crms.written(to, ada[to], 'jobTitle')).toEqual(['Countess']);
          expect(crms.writes(from)).toBe(0);
        },
      };
    });
    expect(deaths).toBeGreaterThan(15);
  });

  it('F30: a new person arrives, and is created once', async () => {
    let people = 0;
    const deaths = await playWithEveryDeath(async () => {
      people += 1;
      const hint = crms.stranger(from, { lastName: 'Byron', email: `byron.${people}@example.test` });
      return {
        hints: [{ system: from, hint }],
        deliverTo: [to],
        async ends() {
          expect(live(from)).toHaveLength(people);
          expect(live(to)).toHaveLength(people);
          const record = await crms.recordOf(from, hint.objectId);
          const twin = record?.links[to]?.objectId ?? '';
          expect((await crms.recordOf(to, twin))?.recordId).toBe(record?.recordId);
          expect(await crms.dirty(record?.recordId ?? '')).toEqual([]);
          expect(crms.writes(to)).toBe(1);
        },
      };
    });
    expect(deaths).toBeGreaterThan(15);
  });

  it('F30: a deletion arrives, and is carried out', async () => {
    const deaths = await playWithEveryDeath(async () => {
      const ada = await crms.linkedPerson();
      crms.simulator(from).remove(crms.object(from), ada[from]);
      return {
        hints: [{ system: from, hint: crms.hint(from, ada[from], { kind: 'deleted' }) }],
        deliverTo: [to],
        async ends() {
          expect(live(to)).toEqual([]);
          expect(await crms.dirty(ada.recordId)).toEqual([]);
        },
      };
    });
    expect(deaths).toBeGreaterThan(10);
  });
});

describe('wherever the functions die while a conflict is decided,', () => {
  it('F30: both systems end with the later edit, and the ledger has the loser once', async () => {
    await playWithEveryDeath(async () => {
      const ada = await crms.linkedPerson();
      const early = crms.edit('salesforce', ada.salesforce, { jobTitle: 'Lady' });
      crms.clock.advance(3_000);
      const late = crms.edit('hubspot', ada.hubspot, { jobTitle: 'Countess' });
      crms.clock.advance(3_000);
      return {
        hints: [
          { system: 'salesforce', hint: early },
          { system: 'hubspot', hint: late },
        ],
        deliverTo: ['salesforce', 'hubspot'],
        async ends() {
          expect(await crms.dirty(ada.recordId)).toEqual([]);
          for (const system of SYSTEMS) expect(crms.held(system, ada[system]).jobTitle).toBe('Countess');
          const { entries } = await crms.records.getWithLedger(ada.recordId, { limit: 50 });
          const lost = entries.flatMap(({ lines }) => lines.flatMap((line) => line.lost ?? []));
          expect(lost).toMatchObject([{ value: 'Lady', by: 'salesforce' }]);
        },
      };
    });
  });
});
