import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import config from '../../concord.config.ts';
import { advanceFirstSync, type FirstSyncPorts } from '../../functions/poll-changes/first-sync.ts';
import { compileSync } from '../../shared/config/compile-sync.ts';
import { firstSyncStore, type ListedFacts } from '../../shared/store/first-sync-store.ts';
import { recordStore } from '../../shared/store/record-store.ts';
import { hintEnvelopeSchema } from '../../shared/sync/change-hint.ts';
import { type EmulatedTable, emulatedTable } from '../store/emulated-table.ts';
import { T0 } from '../store/sample-record.ts';

let table: EmulatedTable;
beforeAll(async () => {
  table = await emulatedTable();
});
afterAll(() => table.stop());

const sync = compileSync({ ...config, syncs: config.syncs.map((each) => ({ ...each, matching: { scored: true } })) }, 'contacts');
const SYSTEMS = ['salesforce', 'hubspot'];
const PEOPLE = 2_600; // in each system: more than one step of each kind

/** Names that nobody else bears, so that each is in few blocks. */
const person = (n: number) => ({
  firstName: `f${n.toString(36)}`,
  lastName: `l${(n * 7).toString(36)}`,
  dateOfBirth: `${1920 + (n % 80)}${String(1 + (n % 12)).padStart(2, '0')}${String(1 + (n % 28)).padStart(2, '0')}`,
  personNumber: `${10_000_000 + n * 7_919}`,
});

describe('the match of a long listing', () => {
  it('I10: is done step by step over many runs, and tells each object once', async () => {
    const context = table.context('long', { now: () => T0 });
    const firstSync = firstSyncStore(context);
    const begun = await firstSync.begin(sync.name, SYSTEMS);
    for (const system of SYSTEMS) {
      const objects = Array.from({ length: PEOPLE }, (_, n): ListedFacts => ({ system, objectId: `${n}`, facts: person(n) }));
      await firstSync.indexFacts(sync.name, objects);
      await firstSync.saveListing(sync.name, system, {
        done: true,
        listed: PEOPLE,
        version: begun.listings[system]?.version ?? 0,
      });
    }
    const told: string[] = [];
    const sender = {
      send: async (messages: readonly { body: string }[]) => {
        for (const { body } of messages) {
          const { system, hints } = hintEnvelopeSchema.parse(JSON.parse(body));
          for (const { objectId, matched } of hints) {
            expect(matched).toMatchObject([{ objectId, rule: 'L4' }]);
            told.push(`${system} ${objectId}`);
          }
        }
      },
    };
    const nothing = () => Promise.reject(new Error('nothing is left to list'));
    const run = () => {
      let looks = 0;
      const ports: FirstSyncPorts = {
        tenant: context.tenant,
        system: 'hubspot',
        connector: { list: nothing, changes: nothing },
        firstSync,
        records: recordStore(context),
        changes: new Map(SYSTEMS.map((system) => [system, sender])),
        now: () => (looks++ === 0 ? 0 : 2), // each run has time for one step
        newId: () => 'id',
        deadlineMs: 1,
      };
      return advanceFirstSync(sync, ports);
    };
    let runs = 0;
    let phase = '';
    for (; runs < 20 && phase !== 'live'; runs += 1) phase = (await run()).phase;
    expect(phase).toBe('live');
    expect(runs).toBeGreaterThan(4);
    expect(told.length).toBe(2 * PEOPLE);
    expect(new Set(told).size).toBe(2 * PEOPLE);
  }, 60_000);
});
