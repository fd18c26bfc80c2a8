import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../shared/sync/decide.ts';
import type { SyncRecord } from '../../shared/sync/record.ts';
import type { StrategySpec, SyncRules } from '../../shared/sync/rules.ts';
import { replayingChooser } from './kernel/choice-tape.ts';
import { judgeFixpoint } from './oracle/convergence.ts';
import { differences, finalPicture } from './oracle/differential.ts';
import { Case, type Evidence, judgedBy } from './oracle/evidence.ts';
import { RecordHistory } from './oracle/history.ts';
import { judgeFinal, judgeSafety } from './oracle/oracle.ts';
import { type Facts, referenceDecision, type Value } from './oracle/reference-decision.ts';
import type { CrmChange } from './world/crm-log.ts';
import { drawSetup, SYNC } from './world/draw-setup.ts';

const NO_CHOICE = { tracks: {} };
const setup = drawSetup(replayingChooser(NO_CHOICE), {}, { plain: true, systemsMax: 2 });
const sync = setup.syncs.get(SYNC) ?? unexpected('the sync');
const S1 = '0035g0000000001AAA';
const H1 = '1001';
const R1 = 'aaaaaaaa-0000-4000-8000-000000000001';
const START = 1_000_000;

function unexpected(what: string): never {
  throw new Error(`${what} is missing`);
}

type Told = Omit<CrmChange, 'seq' | 'type' | 'stampMs' | 'clockMs' | 'telling'> & Partial<CrmChange>;

/** A log from what happened, in order. */
function logOf(...told: readonly Told[]): CrmChange[] {
  return told.map((change, seq) => ({
    seq,
    type: change.system === 'salesforce' ? 'Contact' : 'contacts',
    stampMs: change.atMs,
    clockMs: change.atMs,
    telling: 'told',
    ...change,
  }));
}

const person = { by: 'person' } as const;
const concord = { by: 'concord', connection: 1, call: 1, late: false } as const;
const edit = (
  system: string,
  objectId: string,
  native: string,
  before: string | null,
  after: string | null,
  atMs: number,
): Told => ({
  atMs,
  system,
  objectId,
  author: person,
  kind: 'update',
  fields: { [native]: { before, after } },
});
const write = (
  system: string,
  objectId: string,
  native: string,
  before: string | null,
  after: string | null,
  atMs: number,
): Told => ({
  ...edit(system, objectId, native, before, after, atMs),
  author: concord,
  sent: { [native]: after },
  verifiedAsOfMs: atMs - 200,
});
const born: Told = {
  atMs: START,
  system: 'salesforce',
  objectId: S1,
  author: person,
  kind: 'create',
  fields: { Email: { before: null, after: 'a@example.test' }, Title: { before: null, after: 'Title 1' } },
};
const broughtOver: Told = {
  atMs: START + 2_000,
  system: 'hubspot',
  objectId: H1,
  author: concord,
  kind: 'create',
  fields: { email: { before: null, after: 'a@example.test' }, jobtitle: { before: null, after: 'Title 1' } },
  sent: { email: 'a@example.test', jobtitle: 'Title 1', concord_id: R1 },
};

const fieldOf = (value: string) => ({ value, atMs: START, by: 'salesforce' });
const linkTo = (objectId: string, observedAtMs = START + 60_000) =>
  ({ objectId, state: 'linked', stampMs: START, observedAtMs, seen: {}, receipts: [] }) as const;
const record: SyncRecord & { readonly marks: object } = {
  recordId: R1,
  sync: SYNC,
  version: 3,
  fields: { email: fieldOf('a@example.test'), title: fieldOf('Title 1') },
  links: { salesforce: linkTo(S1), hubspot: linkTo(H1) },
  holds: {},
  marks: {},
};

/** A sound end of a run: one person, in both systems, and all agree. What is given takes the place of a part of it. */
function evidence(
  over: Partial<Evidence> & { readonly salesforce?: object | undefined; readonly hubspot?: object | undefined } = {},
): Evidence {
  const {
    salesforce = { Email: 'a@example.test', Title: 'Title 1' },
    hubspot = { email: 'a@example.test', jobtitle: 'Title 1' },
  } = over;
  const [first, second] = setup.systems;
  if (first === undefined || second === undefined) return unexpected('a system');
  return {
    nowMs: START + 3_600_000,
    sync,
    systems: new Map([
      ['salesforce', { setup: first, live: new Map([[S1, { ...salesforce, Concord_Id__c: R1 }]]), merged: new Map() }],
      ['hubspot', { setup: second, live: new Map([[H1, { ...hubspot, concord_id: R1 }]]), merged: new Map() }],
    ]),
    changes: logOf(born, broughtOver),
    records: new Map([[R1, record]]),
    ledger: [],
    reviewed: new Set(),
    intrusions: [],
    ...over,
  };
}

const without = (system: 'salesforce' | 'hubspot', from: Evidence): Evidence['systems'] =>
  new Map([...from.systems].map(([name, one]) => [name, name === system ? { ...one, live: new Map() } : one]));
const broken = (facts: Evidence): string[] => [...new Set(judgeFinal(facts).map(({ invariant }) => invariant))].sort();
const line = (lines: Evidence['ledger'][number]['lines'], version = 2): Evidence['ledger'][number] => ({
  recordId: R1,
  version,
  correlationId: 'c',
  decidedAtMs: START + 30_000,
  lines,
});

describe('the oracle', () => {
  it('has nothing to say of a sound run', () => {
    expect(judgeFinal(evidence())).toEqual([]);
  });

  describe('I1, I10, I12: agreement', () => {
    it('sees a side that differs and is believed to agree', () => {
      expect(broken(evidence({ hubspot: { email: 'a@example.test', jobtitle: 'Title 9' } }))).toEqual(['I1']);
    });

    it('sees what no look ever reached', () => {
      const changes = logOf(born, broughtOver, {
        ...edit('hubspot', H1, 'jobtitle', 'Title 1', 'Title 9', START + 90_000),
        telling: 'lost',
      });
      expect(broken(evidence({ changes, hubspot: { email: 'a@example.test', jobtitle: 'Title 9' } }))).toEqual(['I10']);
    });

    it('sees a difference that is known, and that nothing does about', () => {
      const links = { ...record.links, hubspot: { ...linkTo(H1), seen: { title: { value: 'Title 9' } } } };
      const records = new Map([[R1, { ...record, links }]]);
      expect(broken(evidence({ records, hubspot: { email: 'a@example.test', jobtitle: 'Title 9' } }))).toEqual(['I12']);
    });

    it('lets a field differ that is on hold, and an object that a person was told of', () => {
      const holds = { title: { openedAtMs: 1, rule: 'S3', reason: '', version: 1, base: null, parties: {} } };
      const hubspot = { email: 'a@example.test', jobtitle: 'Title 9' };
      expect(broken(evidence({ records: new Map([[R1, { ...record, holds }]]), hubspot }))).toEqual([]);
      const refusal = { code: 'X', message: '', fields: [], atMs: 1 };
      const links = { ...record.links, hubspot: { ...linkTo(H1), refusal } };
      expect(broken(evidence({ records: new Map([[R1, { ...record, links }]]), hubspot }))).toEqual([]);
    });

    it('takes the form in which a system stores a value for the value', () => {
      const [first, second] = setup.systems;
      if (first === undefined || second === undefined) return unexpected('a system');
      const fields = second.fields.map((field) =>
        field.name === 'jobtitle' ? { ...field, normalisers: [{ kind: 'truncate', length: 5 } as const] } : field,
      );
      const sound = evidence();
      const live = new Map([[H1, { email: 'a@example.test', jobtitle: 'Title' }]]);
      const systems = new Map([
        ...sound.systems,
        ['hubspot', { setup: { ...second, fields }, live, merged: new Map() }],
      ] as const);
      expect(broken({ ...sound, systems })).toEqual([]);
      const other = new Map([[H1, { email: 'a@example.test', jobtitle: 'Titan' }]]);
      expect(
        broken({
          ...sound,
          systems: new Map([...systems, ['hubspot', { setup: { ...second, fields }, live: other, merged: new Map() }]] as const),
        }),
      ).toEqual(['I1']);
    });

    it('sees an object that is gone, one that no record knows, and a record without an object', () => {
      expect(broken({ ...evidence(), systems: without('hubspot', evidence()) })).toEqual(['I1']);
      const { hubspot: _, ...links } = record.links;
      expect(broken(evidence({ records: new Map([[R1, { ...record, links }]]) }))).toEqual(['I1', 'I12']);
      expect(broken(evidence({ records: new Map() }))).toContain('I1');
    });

    it('sees a delete that was to be carried over, and was not', () => {
      const deleted = { atMs: START + 50_000, by: 'salesforce' };
      const links = {
        salesforce: { ...linkTo(S1), state: 'deleted' as const },
        hubspot: { ...linkTo(H1), archive: 'wanted' as const },
      };
      const records = new Map([[R1, { ...record, deleted, links }]]);
      expect(broken({ ...evidence({ records }), systems: without('salesforce', evidence()) })).toEqual(['I12']);
    });

    it('sees a write of a full pass over what is quiet', () => {
      const changes = logOf(born, broughtOver, write('hubspot', H1, 'jobtitle', 'Title 1', 'Title 1', START + 99_000));
      const facts = new Case(evidence({ changes }));
      const invariants = (sinceSeq: number) =>
        judgedBy(0, [(say) => judgeFixpoint(facts, sinceSeq, say)]).map(({ invariant }) => invariant);
      expect(invariants(2)).toEqual(['I1']);
      expect(invariants(3)).toEqual([]);
    });
  });

  describe('I2: no edit is lost in silence', () => {
    const lost = [
      born,
      broughtOver,
      edit('salesforce', S1, 'Title', 'Title 1', 'Title 2', START + 30_000),
      edit('hubspot', H1, 'jobtitle', 'Title 1', 'Title 3', START + 30_100),
      write('hubspot', H1, 'jobtitle', 'Title 3', 'Title 2', START + 30_200),
    ] as const;
    const end = {
      records: new Map([[R1, { ...record, fields: { ...record.fields, title: fieldOf('Title 2') } }]]),
      salesforce: { Email: 'a@example.test', Title: 'Title 2' },
      hubspot: { email: 'a@example.test', jobtitle: 'Title 2' },
    };

    it('sees a value that Concord went over, and nothing names', () => {
      expect(broken(evidence({ ...end, changes: logOf(...lost) }))).toEqual(['I2']);
    });

    it('is content where the ledger names it as lost, or a hold shows it', () => {
      const by = { by: 'salesforce', atMs: START + 30_000 };
      const ledger = [
        line([
          {
            event: 'kept',
            field: 'title',
            rule: 'O7/S4',
            ...by,
            to: 'Title 2',
            lost: { value: 'Title 3', by: 'hubspot', atMs: START + 30_100 },
          },
        ]),
      ];
      expect(judgeFinal(evidence({ ...end, changes: logOf(...lost), ledger })).map(({ invariant }) => invariant)).not.toContain(
        'I2',
      );
      const holds = {
        title: {
          openedAtMs: 1,
          rule: 'S3',
          reason: '',
          version: 1,
          base: null,
          parties: { hubspot: { value: 'Title 3', atMs: 1 } },
        },
      };
      expect(broken(evidence({ ...end, changes: logOf(...lost), records: new Map([[R1, { ...record, holds }]]) }))).toEqual([]);
    });

    it('lets pass only what was saved after the last look, and what nobody told of', () => {
      const [a, b, c, saved, over] = lost;
      const untold: Told = { ...saved, telling: 'lost' };
      expect(broken(evidence({ ...end, changes: logOf(a, b, c, untold, over) }))).toEqual([]);
      const lookedAfter: Told = { ...over, verifiedAsOfMs: START + 30_150 };
      expect(broken(evidence({ ...end, changes: logOf(a, b, c, untold, lookedAfter) }))).toEqual(['I2']);
    });

    it('counts what the same person overwrote as collapsed', () => {
      const [a, b, c, saved, over] = lost;
      const again = edit('hubspot', H1, 'jobtitle', 'Title 3', 'Title 4', START + 30_150);
      const ledger = [
        line([
          {
            event: 'kept',
            field: 'title',
            rule: 'O7/S4',
            by: 'salesforce',
            atMs: START,
            to: 'Title 2',
            lost: { value: 'Title 4', by: 'hubspot', atMs: START + 1 },
          },
        ]),
      ];
      const changes = logOf(a, b, c, saved, again, over);
      expect(judgeFinal(evidence({ ...end, changes, ledger })).map(({ invariant }) => invariant)).not.toContain('I2');
      expect(judgeFinal(evidence({ ...end, changes })).map(({ invariant }) => invariant)).toContain('I2');
    });

    it('asks for a line about a cleared field, which no value tells of', () => {
      const cleared = [
        born,
        broughtOver,
        edit('hubspot', H1, 'jobtitle', 'Title 1', null, START + 30_000),
        write('hubspot', H1, 'jobtitle', null, 'Title 1', START + 30_500),
      ] as const;
      expect(broken(evidence({ changes: logOf(...cleared) }))).toEqual(['I2']);
      const ledger = [
        line([
          {
            event: 'refused-edit',
            field: 'title',
            rule: 'P7',
            by: 'salesforce',
            atMs: START,
            to: 'Title 1',
            lost: { value: null, by: 'hubspot', atMs: START + 30_000 },
          },
        ]),
      ];
      expect(broken(evidence({ changes: logOf(...cleared), ledger }))).toEqual([]);
    });
  });

  describe('I3, I4, I6, I9: what Concord writes', () => {
    it('sees more writes than edits explain, and one write tried again and again', () => {
      const flipFlop = Array.from({ length: 30 }, (_, turn) => {
        const [from, to] = turn % 2 === 0 ? ['Title 1', 'Title 2'] : ['Title 2', 'Title 1'];
        return write('hubspot', H1, 'jobtitle', from, to, START + 60_000 + turn * 1_000);
      });
      const explained = edit('salesforce', S1, 'Title', 'Title 1', 'Title 2', START + 50_000);
      const back = edit('salesforce', S1, 'Title', 'Title 2', 'Title 1', START + 55_000);
      expect(broken(evidence({ changes: logOf(born, broughtOver, explained, back, ...flipFlop) }))).toEqual(['I3']);
      const same = Array.from({ length: 60 }, (_, turn) =>
        write('hubspot', H1, 'jobtitle', 'Title 1', 'Title 1', START + 60_000 + turn * 1_000),
      );
      expect(broken(evidence({ changes: logOf(born, broughtOver, ...same) }))).toEqual(['I3']);
    });

    it('sees two objects made for one record, and one object in two records', () => {
      const twice: Told = { ...broughtOver, objectId: '1002', atMs: START + 9_000 };
      const reviewed = new Set(['hubspot:1002']);
      expect(broken(evidence({ changes: logOf(born, broughtOver, twice), reviewed }))).toEqual(['I4']);
      const other = { ...record, recordId: 'another' };
      expect(
        broken(
          evidence({
            records: new Map([
              [R1, record],
              ['another', other],
            ]),
          }),
        ),
      ).toEqual(['I4']);
    });

    it('sees an object made beside one that had had the same address for long', () => {
      const long: Told = {
        ...born,
        system: 'hubspot',
        objectId: '1000',
        fields: { email: { before: null, after: 'A@example.test' } },
        atMs: START - 900_000,
      };
      const sound = evidence();
      const reviewed = new Set(['hubspot:1000']);
      expect(broken({ ...sound, reviewed, changes: logOf(long, born, broughtOver) })).toEqual(['I4']);
      const recent: Told = { ...long, atMs: START + 1_000 };
      expect(broken({ ...sound, reviewed, changes: logOf(born, recent, broughtOver) })).toEqual([]);
    });

    it('sees a value of somebody else, and a field that nobody emptied', () => {
      const stray = write('hubspot', H1, 'jobtitle', 'Title 1', 'Title 77', START + 60_000);
      const back = write('hubspot', H1, 'jobtitle', 'Title 77', 'Title 1', START + 61_000);
      expect(broken(evidence({ changes: logOf(born, broughtOver, stray, back) }))).toEqual(['I6']);
      const emptied = write('hubspot', H1, 'jobtitle', 'Title 1', null, START + 60_000);
      const filled = write('hubspot', H1, 'jobtitle', null, 'Title 1', START + 61_000);
      expect(broken(evidence({ changes: logOf(born, broughtOver, emptied, filled) }))).toEqual(['I6']);
    });

    it('sees a delete that no person made anywhere', () => {
      const gone: Told = { ...broughtOver, kind: 'delete', fields: {}, atMs: START + 60_000 };
      const links = { ...record.links, hubspot: { ...linkTo(H1), state: 'deleted' as const, archive: 'done' as const } };
      const records = new Map([[R1, { ...record, links }]]);
      const end = { records, systems: without('hubspot', evidence()) };
      expect(broken({ ...evidence(), ...end, changes: logOf(born, broughtOver, gone) })).toEqual(['I9']);
    });
  });

  describe('at any time', () => {
    it('I5: sees a version, and a look, that go back', () => {
      const history = new RecordHistory();
      const look = (next: Partial<typeof record>) =>
        judgeSafety(evidence({ records: new Map([[R1, { ...record, ...next }]]) }), history).map(({ invariant }) => invariant);
      expect(look({})).toEqual([]);
      expect(look({ version: 4 })).toEqual([]);
      expect(look({ version: 3 })).toEqual(['I5']);
      expect(look({ version: 9, links: { ...record.links, hubspot: linkTo(H1, START) } })).toEqual(['I5']);
      expect(judgeSafety(evidence({ records: new Map() }), history).map(({ invariant }) => invariant)).toEqual(['I5']);
    });

    it('I13: sees a conflict that went to the wrong edit', () => {
      const later = { value: 'Name 2', by: 'hubspot', atMs: START + 10 };
      const earlier = { value: 'Name 1', by: 'salesforce', atMs: START };
      const names = logOf(
        born,
        broughtOver,
        edit('salesforce', S1, 'LastName', null, 'Name 1', START + 1_000),
        edit('hubspot', H1, 'lastname', null, 'Name 2', START + 1_000),
      );
      const decided = (winner: typeof later, lost: typeof later) => {
        const { by, atMs, value: to } = winner;
        const ledger = [line([{ event: 'kept', field: 'name', rule: 'O7/S1', by, atMs, to, lost }])];
        return judgeSafety(evidence({ changes: names, ledger })).map(({ invariant }) => invariant);
      };
      expect(decided(later, earlier)).toEqual([]);
      expect(decided(earlier, later)).toEqual(['I13']);
      // Of one time, the system named first wins.
      expect(decided({ ...earlier, atMs: START + 10 }, later)).toEqual([]);
    });

    it('I5: sees an edit that nobody made, and one that was decided twice', () => {
      const taken = {
        event: 'changed',
        field: 'title',
        rule: 'O6',
        by: 'hubspot',
        atMs: START,
        from: 'Title 1',
        to: 'Title 2',
      } as const;
      const saved = edit('hubspot', H1, 'jobtitle', 'Title 1', 'Title 2', START + 30_000);
      const said = (changes: CrmChange[], ledger: Evidence['ledger']) =>
        judgeFinal(evidence({ changes, ledger })).map(({ invariant }) => invariant);
      expect(said(logOf(born, broughtOver, saved), [line([taken])])).not.toContain('I5');
      expect(said(logOf(born, broughtOver), [line([taken])])).toContain('I5');
      expect(said(logOf(born, broughtOver, saved), [line([taken]), line([taken], 7)])).toContain('I5');
      // Our own write is no edit of the system that we wrote to.
      const own = write('hubspot', H1, 'jobtitle', 'Title 1', 'Title 2', START + 30_000);
      expect(said(logOf(born, broughtOver, own), [line([taken])])).toContain('I5');
    });

    it('I4: sees one of several objects with one key chosen in silence', () => {
      const twin: Told = {
        ...born,
        system: 'hubspot',
        objectId: '1000',
        fields: { email: { before: null, after: 'A@example.test' } },
        atMs: START - 900_000,
      };
      const mine: Told = { ...twin, objectId: H1, atMs: START - 800_000 };
      const ledger = [line([{ event: 'linked', rule: 'L1', by: 'hubspot', atMs: START }])];
      const said = (reviewed: ReadonlySet<string>) =>
        judgeFinal(evidence({ changes: logOf(twin, mine, born), ledger, reviewed })).map(({ invariant }) => invariant);
      expect(said(new Set())).toContain('I4');
      expect(said(new Set(['hubspot:1000']))).not.toContain('I4');
    });

    it('S1: sees a forged call that was taken', () => {
      expect(broken(evidence({ intrusions: [{ atMs: 1, system: 'hubspot', what: 'a delivery' }] }))).toEqual(['S1']);
    });
  });

  it('I7, I8: tells two runs apart by what they came to, and leaves out whom they may differ in', () => {
    const one = finalPicture(evidence());
    const other = finalPicture(evidence({ hubspot: { email: 'a@example.test', jobtitle: 'Title 9' } }));
    expect(differences(one, finalPicture(evidence()))).toEqual([]);
    expect(differences(one, other)).toHaveLength(1);
    expect(differences(one, other, new Set(one.persons.keys()))).toEqual([]);
  });
});

describe('I13: the engine and the slow reference', () => {
  const SYSTEMS = ['salesforce', 'hubspot'];
  const value = fc.constantFrom<Value>(null, 1, 2, 3, 5);
  const strategy = fc.constantFrom<StrategySpec>(
    { kind: 'last-write-wins' },
    { kind: 'first-write-wins' },
    { kind: 'manual' },
    { kind: 'fill-only' },
    { kind: 'additive' },
    { kind: 'maximum' },
    { kind: 'minimum' },
    { kind: 'prefer-system', system: 'hubspot', reason: '' },
    { kind: 'prefer-system', system: 'salesforce', reason: '' },
  );
  const policies = fc.constantFrom<NonNullable<SyncRules['fields'][string]['policies']>>(
    [],
    [],
    [{ kind: 'never-above', bound: 2 }],
    [{ kind: 'never-below', bound: 2 }],
    [{ kind: 'source-of-truth', system: 'salesforce', reason: '' }],
    [{ kind: 'own-value', system: 'hubspot', reason: '' }],
    [{ kind: 'maximum' }],
    [{ kind: 'fill-only' }],
    [{ kind: 'increase-needs-approval' }],
    [{ kind: 'change-needs-approval', abovePercent: 60 }],
  );
  const facts = fc.record({
    seen: fc.oneof(fc.constant({ never: true } as const), fc.record({ value })),
    now: value,
    nowAtMs: fc.integer({ min: 100, max: 104 }),
    held: fc.option(fc.record({ value, atMs: fc.integer({ min: 100, max: 104 }), by: fc.constantFrom(...SYSTEMS) }), {
      nil: undefined,
    }),
    strategy,
    firstSync: strategy.filter(({ kind }) => !['additive', 'maximum', 'minimum'].includes(kind)),
    policies,
    admitted: fc.boolean(),
  });

  it('decide every case alike', () => {
    fc.assert(
      fc.property(facts, (drawn) => {
        const before = drawn.held;
        const isSeenAsHeld = 'value' in drawn.seen && drawn.seen.value === (before?.value ?? null);
        const engine = engineOutcome(drawn, before, isSeenAsHeld);
        const reference: Facts = {
          seen:
            'value' in drawn.seen && isSeenAsHeld && before !== undefined
              ? { value: drawn.seen.value, atMs: before.atMs }
              : drawn.seen,
          now: { value: drawn.now, atMs: drawn.nowAtMs, by: 'hubspot' },
          record: before,
          strategy: drawn.strategy,
          firstSync: drawn.firstSync,
          policies: drawn.policies,
          admitted: drawn.admitted,
          systems: SYSTEMS,
          same: (a, b) => a === b,
        };
        const outcome = referenceDecision(reference);
        const held = before?.value ?? null;
        expect(engine).toEqual({
          value: outcome.what === 'take' ? outcome.value : held,
          onHold: outcome.what === 'hold',
          own: outcome.what === 'own',
          lost: outcome.what === 'keep' ? outcome.lost : engine.lost,
        });
      }),
      { numRuns: 3_000 },
    );
  });

  function engineOutcome(
    drawn: Pick<Facts, 'seen' | 'admitted'> & {
      now: Value;
      nowAtMs: number;
      strategy: StrategySpec;
      firstSync: StrategySpec;
      policies: NonNullable<SyncRules['fields'][string]['policies']>;
    },
    before: { value: Value; atMs: number; by: string } | undefined,
    isSeenAsHeld: boolean,
  ) {
    const rules: SyncRules = {
      sync: 's',
      fields: { f: { canon: (one) => one, strategy: drawn.strategy, policies: drawn.policies } },
      systems: Object.fromEntries(
        SYSTEMS.map((system, rank) => [
          system,
          {
            rank,
            stampResolutionMs: 1,
            readLagMs: 0,
            receivesCreates: true,
            fields: { f: drawn.admitted ? 'both' : 'out' } as const,
          },
        ]),
      ),
      firstSync: drawn.firstSync,
      onDelete: 'archive',
    };
    const linked: SyncRecord = {
      recordId: 'r',
      sync: 's',
      version: 1,
      fields: before === undefined ? {} : { f: before },
      links: {
        hubspot: {
          objectId: '1',
          state: 'linked',
          stampMs: 50,
          observedAtMs: 50,
          receipts: [],
          seen: isSeenAsHeld ? {} : { f: drawn.seen },
        },
      },
      holds: {},
    };
    const decision = decide(
      linked,
      {
        state: 'present',
        system: 'hubspot',
        objectId: '1',
        readBeganAtMs: 1_000,
        correlationId: 'c',
        fields: { f: drawn.now },
        stampMs: drawn.nowAtMs,
        modifiedBy: 'other',
        fieldTimesMs: { f: drawn.nowAtMs },
        witnesses: {},
      },
      rules,
    );
    const after = decision.kind === 'changed' ? decision.record : linked;
    const lines = decision.kind === 'changed' ? decision.lines : [];
    return {
      value: after.fields.f?.value ?? null,
      onHold: after.holds.f !== undefined,
      own: after.links.hubspot?.overrides?.f !== undefined,
      lost: lines.some((one) => (one.event === 'kept' || one.event === 'refused-edit') && one.lost?.value === drawn.now),
    };
  }
});
