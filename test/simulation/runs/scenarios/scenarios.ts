import type { Scenario } from '../scenario.ts';

const TWO = [
  ['salesforce', 'salesforce'],
  ['hubspot', 'hubspot'],
] as const;
const THREE = [...TWO, ['other', 'poll-only']] as const;

/** The races that ARCHITECTURE works through, and the traps that its model found. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'two-deciders',
    about: 'two systems are edited at once, and two processors decide on one record',
    kinds: TWO,
    play(stage) {
      stage.edit(0, 'salesforce', 'title', 'Countess');
      stage.edit(0, 'hubspot', 'unit', 'Analysis');
    },
    ends: { title: 'Countess', unit: 'Analysis' },
  },
  {
    name: 'same-field-twice',
    about: 'one field is edited in two systems at once: the later edit wins, the other is in the ledger',
    kinds: TWO,
    play(stage) {
      stage.edit(0, 'salesforce', 'title', 'Countess');
      stage.edit(1_500, 'hubspot', 'title', 'Analyst');
    },
    ends: { title: 'Analyst' },
  },
  {
    name: 'echo-before-confirm',
    about: 'the echo of our write is told before the write is confirmed',
    kinds: TWO,
    play(stage) {
      stage.edit(0, 'salesforce', 'title', 'Countess');
      stage.before('crm hubspot update', () => stage.meets('table BatchExecuteStatement', { travelMs: 2_500 }));
    },
    ends: { title: 'Countess' },
  },
  {
    name: 'quick-edits',
    about: 'the echo of write 1 comes while the record already asks for 2',
    kinds: TWO,
    play(stage) {
      stage.edit(0, 'salesforce', 'title', 'Countess');
      stage.edit(450, 'salesforce', 'title', 'Analyst');
      stage.edit(900, 'salesforce', 'title', 'Engineer');
    },
    ends: { title: 'Engineer' },
  },
  {
    name: 'edit-in-the-window',
    about: 'a person edits between our last look and our write, and a hint tells of it',
    kinds: TWO,
    play(stage) {
      stage.edit(0, 'salesforce', 'title', 'Countess');
      stage.before('crm hubspot update', () => stage.edit(0, 'hubspot', 'title', 'Analyst'));
    },
  },
  {
    name: 'lost-answer',
    about: 'the answer to a write gets lost, and to a create',
    kinds: TWO,
    play(stage) {
      stage.meets('crm hubspot update', { fate: 'lose', giveUpMs: 20_000 });
      stage.meets('crm hubspot create', { fate: 'lose', giveUpMs: 20_000 });
      stage.edit(0, 'salesforce', 'title', 'Countess');
      stage.at(300, () => stage.world.createPerson('salesforce', 'grace@example.test'));
    },
    objects: 2,
  },
  {
    name: 'late-write',
    about: 'a hung write lands after another deliverer took over its claim, and after a newer value was written',
    kinds: TWO,
    play(stage) {
      stage.meets('crm hubspot update', { fate: 'late', giveUpMs: 20_000, travelMs: 400_000 });
      stage.edit(0, 'salesforce', 'title', 'Countess');
      stage.edit(200_000, 'salesforce', 'title', 'Analyst');
    },
    ends: { title: 'Analyst' },
  },
  {
    name: 'same-person-twice',
    about: 'two systems create the same person at once',
    kinds: TWO,
    play(stage) {
      stage.at(0, () => stage.world.createPerson('salesforce', 'grace@example.test'));
      stage.at(0, () => stage.world.createPerson('hubspot', 'grace@example.test'));
    },
    objects: 2,
  },
  {
    name: 'stale-replica',
    about: 'reads show the state before our write, which equals `before`',
    kinds: TWO,
    readLagMs: 2_000,
    play(stage) {
      stage.lags('hubspot', 1_900, 0, 8_000);
      stage.edit(0, 'salesforce', 'title', 'Countess');
      stage.edit(3_000, 'hubspot', 'unit', 'Analysis');
    },
    ends: { title: 'Countess', unit: 'Analysis' },
  },
  {
    name: 'old-read-newer-record',
    about: 'an object is read, and the record moves on before that is decided',
    kinds: TWO,
    play(stage) {
      stage.edit(0, 'hubspot', 'title', 'Countess');
      stage.before('crm hubspot read', () => {
        stage.meets('table BatchExecuteStatement', { travelMs: 4_000 });
        stage.edit(500, 'salesforce', 'title', 'Analyst');
      });
    },
  },
  {
    name: 'lost-notifications',
    about: 'no notification of an edit arrives: polls find them',
    kinds: THREE,
    play(stage) {
      stage.loses(({ by }) => by === 'person');
      stage.edit(0, 'salesforce', 'title', 'Countess');
      stage.edit(1_000, 'other', 'unit', 'Analysis');
    },
    ends: { title: 'Countess', unit: 'Analysis' },
  },
  {
    name: 'lost-deletion',
    about: 'a deletion is told by no notification: the poll finds it, and it is carried over',
    kinds: THREE,
    play(stage) {
      stage.loses(({ by }) => by === 'person');
      stage.at(0, () => stage.world.crm('hubspot').remove(stage.objectOf('hubspot'), 'person'));
    },
    objects: 0,
  },
  {
    name: 'truncating-system',
    about: 'a system stores less than it was given, and is edited again after that',
    kinds: TWO,
    stores: (system, field, value) => (system === 'hubspot' && field === 'jobtitle' ? value.slice(0, 6) : value),
    play(stage) {
      stage.edit(0, 'salesforce', 'title', 'Countess of Lovelace');
      stage.edit(8_000, 'hubspot', 'unit', 'Analysis');
    },
  },
  {
    name: 'first-link-with-an-empty-side',
    about: 'the first sync finds a match whose fields are empty here and there: nothing is emptied',
    kinds: TWO,
    walksFirstSync: true,
    before(world) {
      world.createPerson('salesforce', 'ada@example.test', { Title: null, Department: 'Analysis', LastName: 'Lovelace' });
      world.createPerson('hubspot', 'ada@example.test', { jobtitle: 'Countess', lastname: null });
    },
    play: () => undefined,
    ends: { title: 'Countess', unit: 'Analysis', name: 'Lovelace' },
  },
  {
    name: 'three-agree',
    about: 'three systems are set to the same value in two orders of arrival',
    kinds: THREE,
    play(stage) {
      stage.edit(0, 'other', 'title', 'Countess');
      stage.edit(200, 'salesforce', 'title', 'Countess');
      stage.edit(400, 'hubspot', 'title', 'Countess');
      stage.edit(100, 'hubspot', 'unit', 'Analysis');
      stage.edit(300, 'salesforce', 'unit', 'Analysis');
    },
    ends: { title: 'Countess', unit: 'Analysis' },
  },
  {
    name: 'update-against-delete',
    about: 'one system edits what another deletes',
    kinds: TWO,
    play(stage) {
      stage.edit(0, 'salesforce', 'title', 'Countess');
      stage.at(50, () => stage.world.crm('hubspot').remove(stage.objectOf('hubspot'), 'person'));
    },
    objects: -1,
  },
  {
    name: 'stale-read-after-a-poll',
    about: 'only a poll tells of an edit, and the read that follows still shows what was there before it',
    kinds: TWO,
    readLagMs: 2_000,
    play(stage) {
      stage.loses(({ by }) => by === 'person');
      stage.lags('hubspot', 1_900, 39_000, 42_000);
      stage.edit(39_200, 'hubspot', 'title', 'Countess'); // just before a poll
    },
    ends: { title: 'Countess' },
  },
  {
    name: 'very-late-write',
    about: 'a hung write lands when three newer ones have been answered: it is ours, and no other form of theirs',
    kinds: [
      ['salesforce', 'salesforce'],
      ['other', 'poll-only'],
    ],
    play(stage) {
      stage.meets('crm other update', { fate: 'late', giveUpMs: 20_000, travelMs: 300_000 });
      stage.edit(0, 'salesforce', 'title', 'Countess');
      stage.edit(150_000, 'salesforce', 'title', 'Analyst');
      stage.edit(180_000, 'salesforce', 'title', 'Engineer');
      stage.edit(210_000, 'salesforce', 'title', 'Author');
    },
    ends: { title: 'Author' },
  },
  {
    name: 'held-and-written-over',
    about: 'a hung write lands on an edit of a field that waits for a person, and the hint of that edit comes after it',
    kinds: TWO,
    strategy: { kind: 'manual' },
    play(stage) {
      stage.meets('crm salesforce update', { fate: 'late', giveUpMs: 20_000, travelMs: 100_000 });
      stage.delays(({ by, fields }) => (by === 'person' && fields.Title?.after === 'Engineer' ? 60_000 : undefined));
      stage.edit(0, 'hubspot', 'title', 'Countess');
      stage.edit(30_000, 'salesforce', 'title', 'Analyst');
      stage.edit(80_000, 'salesforce', 'title', 'Engineer');
    },
  },
  {
    name: 'own-write-beside-an-edit',
    about: 'our write was never confirmed, and a person edits another field of the row: what we wrote is no edit of his',
    kinds: [
      ['salesforce', 'salesforce'],
      ['other', 'poll-only'],
    ],
    play(stage) {
      stage.edit(0, 'salesforce', 'name', 'Lovelace');
      stage.before('crm other update', () => stage.meets('table BatchExecuteStatement', { fate: 'fail', giveUpMs: 3_000 }));
      stage.edit(2_000, 'salesforce', 'name', 'King');
      stage.edit(2_400, 'other', 'title', 'Countess');
    },
    ends: { name: 'King', title: 'Countess' },
  },
];
