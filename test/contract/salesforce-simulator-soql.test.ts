import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { movableClock } from '../../local/aws/clock.ts';
import { createOrg, type Org } from '../../local/simulators/salesforce/org.ts';
import { RowRefusal } from '../../local/simulators/salesforce/row-refusal.ts';
import type { Row } from '../../local/simulators/salesforce/rows.ts';
import { runSoql } from '../../local/simulators/salesforce/soql-plan.ts';
import type { NativeValues } from '../../shared/sync/change-hint.ts';

const START_MS = Date.UTC(2026, 5, 15, 10);
const author = { userId: '005Sim000000001IAA', by: { kind: 'person', name: 'Sam' }, origin: '' } as const;

function orgWith(rows: readonly NativeValues[]): { org: Org; ids: string[]; advance(ms: number): void } {
  const clock = movableClock(START_MS);
  const org = createOrg({ organizationId: '00DSim000000001MAA', integrationUser: { username: 'sim' }, now: () => clock.now() });
  const transaction = org.begin(author);
  const ids = rows.map((row) => transaction.create('Contact', row));
  org.commit(transaction);
  return { org, ids, advance: (ms) => clock.advance(ms) };
}

const people: readonly NativeValues[] = [
  { LastName: 'Byron', FirstName: 'Ada', Email: 'ada@example.test', Title: null, DoNotCall: true },
  { LastName: "O'Neil", FirstName: 'Bob', Email: 'BOB@example.test', Title: 'a_b%c' },
  { LastName: 'Ray', FirstName: null, Email: null, Title: 'axb', Birthdate: '1990-01-31' },
  { LastName: 'ray', FirstName: 'Zoë', Email: 'zoe@example.test', Title: 'CTO' },
];

/** Which of the four people a condition finds, by their place. */
function finds(where: string, rest = ''): number[] {
  const { org, ids } = orgWith(people);
  return runSoql(org, `SELECT Id FROM Contact WHERE ${where} ${rest}`, false).ids.map((id) => ids.indexOf(id));
}

describe('a SOQL condition', () => {
  it.each<[string, number[]]>([
    ["LastName = 'RAY'", [2, 3]],
    ["LastName = 'O\\'Neil'", [1]],
    ["Email = 'bob@EXAMPLE.test'", [1]],
    ['Email = null', [2]],
    ["Email = ''", [2]],
    ["Email != 'ada@example.test'", [1, 2, 3]],
    ["Title LIKE 'a_b%'", [1, 2]],
    ["Title LIKE 'a\\_b\\%c'", [1]],
    ["NOT Title LIKE 'a%'", [0, 3]],
    ["FirstName IN ('ada', 'ZOË')", [0, 3]],
    ["FirstName NOT IN ('Ada', 'Bob')", [2, 3]],
    ['DoNotCall = true', [0]],
    ['DoNotCall != TRUE', [1, 2, 3]],
    ['Birthdate < 1990-02-01', [2]],
    ['Birthdate = null AND (NOT DoNotCall = true)', [1, 3]],
    ["LastName = 'Byron' OR (LastName = 'Ray' AND FirstName = null)", [0, 2]],
    ["FirstName > 'ada' AND FirstName <= 'bob'", [1]],
    ['CreatedDate = TODAY', [0, 1, 2, 3]],
    ['CreatedDate < LAST_N_DAYS:3', []],
    ['SystemModstamp >= 2026-06-15T10:00:00Z AND SystemModstamp < 2026-06-15T12:00:00.000+02:00', []],
    ["Owner.Name = 'Integration User'", [0, 1, 2, 3]],
    ["Contact.LastName = 'Byron'", [0]],
  ])('%s', (where, expected) => {
    expect(finds(where)).toEqual(expected);
  });

  it('orders by several keys, empty values first unless told otherwise, and pages by offset', () => {
    expect(finds('LastName != null', 'ORDER BY LastName DESC, FirstName ASC')).toEqual([2, 3, 1, 0]);
    expect(finds('LastName != null', 'ORDER BY FirstName NULLS LAST')).toEqual([0, 1, 3, 2]);
    expect(finds('LastName != null', 'ORDER BY Id LIMIT 2 OFFSET 1')).toEqual([1, 2]);
  });

  it('gives compound fields, parents and counts', () => {
    const { org, ids } = orgWith([{ LastName: 'Byron', FirstName: 'Ada', MailingCity: 'London' }]);
    const found = runSoql(org, 'select id, name, MailingAddress, owner.name from contact', false);
    const row = org.table('Contact')?.get(ids[0] ?? '');
    expect(row && found.show(row, '67.0')).toMatchObject({
      attributes: { type: 'Contact', url: `/services/data/v67.0/sobjects/Contact/${ids[0]}` },
      Id: ids[0],
      Name: 'Ada Byron',
      MailingAddress: { city: 'London', geocodeAccuracy: null },
      Owner: { attributes: { type: 'User' }, Name: 'Integration User' },
    });
    expect(runSoql(org, 'SELECT COUNT() FROM Contact', false).count).toEqual({ total: 1 });
    expect(runSoql(org, 'SELECT COUNT(Id) FROM Contact', false).count).toEqual({ total: 1, alias: 'expr0' });
    expect(Object.keys(row ? runSoql(org, 'SELECT FIELDS(ALL) FROM Contact LIMIT 200', false).show(row, '67.0') : {})).toContain(
      'Title',
    );
  });
});

describe('a query that Salesforce refuses', () => {
  it.each<[string, string, RegExp]>([
    ['SELECT Id FORM Contact', 'MALFORMED_QUERY', /unexpected token: 'FORM'/],
    ['SELECT Id FROM Contact WHERE', 'MALFORMED_QUERY', /<EOF>/],
    ["SELECT Id FROM Contact WHERE LastName = 'a' AND Title = 'b' OR Title = 'c'", 'MALFORMED_QUERY', /unexpected token: 'OR'/],
    ["SELECT Id FROM Contact WHERE LastName = 'O'Neil'", 'MALFORMED_QUERY', /unclosed string literal/],
    ["SELECT Id FROM Contact WHERE LastName = 'a\\q'", 'MALFORMED_QUERY', /Illegal character sequence/],
    ['SELECT Id FROM Contact WHERE Id = :id', 'MALFORMED_QUERY', /bind variables/],
    ['SELECT Nme FROM Contact', 'INVALID_FIELD', /Row:1:Column:8\nNo such column 'Nme' on entity 'Contact'/],
    ['SELECT Foo.Name FROM Contact', 'INVALID_FIELD', /Didn't understand relationship 'Foo'/],
    ['SELECT Id FROM Accout', 'INVALID_TYPE', /Row:1:Column:16\nsObject type 'Accout' is not supported/],
    [
      "SELECT Id FROM Contact WHERE SystemModstamp > '2026-06-15T10:00:00Z'",
      'INVALID_FIELD',
      /must be of type dateTime and should not be/,
    ],
    ['SELECT Id FROM Contact WHERE SystemModstamp > 2026-06-15', 'INVALID_FIELD', /must be of type dateTime/],
    ['SELECT Id FROM Contact WHERE LastName = 5', 'INVALID_FIELD', /must be of type string and should be enclosed/],
    ["SELECT Id FROM Contact WHERE Id = 'x'", 'INVALID_QUERY_FILTER_OPERATOR', /invalid ID field: x/],
    ["SELECT Id FROM Contact WHERE Description = 'x'", 'INVALID_FIELD', /can not be filtered/],
    ['SELECT Id FROM Contact OFFSET 2001', 'NUMBER_OUTSIDE_VALID_RANGE', /2000/],
  ])('%s: %s', (soql, code, message) => {
    const { org } = orgWith([]);
    const refused = (() => {
      try {
        return runSoql(org, soql, false);
      } catch (error) {
        return error;
      }
    })();
    expect(refused).toBeInstanceOf(RowRefusal);
    expect(refused).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe('indexes', () => {
  interface Test {
    readonly soql: string;
    readonly holds: (row: Row) => boolean;
  }
  const name = fc.constantFrom('Ada', 'ada', 'Bob', 'Cy');
  const stamp = fc.integer({ min: -2, max: 12 }).map((seconds) => START_MS + seconds * 1000);
  const id = fc.integer({ min: 1, max: 12 }).map((n) => `003Sim0000000${n.toString().padStart(2, '0')}`);
  const iso = (atMs: number) => new Date(atMs).toISOString();
  const text = (row: Row, field: string) => {
    const value = row.values[field] ?? null;
    return value === null ? null : String(value).toLowerCase();
  };
  const leaf: fc.Arbitrary<Test> = fc.oneof(
    name.map((value) => ({ soql: `LastName = '${value}'`, holds: (row: Row) => text(row, 'LastName') === value.toLowerCase() })),
    name.map((value) => ({
      soql: `Email = '${value}@x.test'`,
      holds: (row: Row) => text(row, 'Email') === `${value}@x.test`.toLowerCase(),
    })),
    fc.constant({ soql: 'Email = null', holds: (row: Row) => text(row, 'Email') === null }),
    stamp.map((atMs) => ({ soql: `SystemModstamp > ${iso(atMs)}`, holds: (row: Row) => row.stampMs > atMs })),
    stamp.map((atMs) => ({ soql: `SystemModstamp <= ${iso(atMs)}`, holds: (row: Row) => row.stampMs <= atMs })),
    stamp.map((atMs) => ({ soql: `SystemModstamp = ${iso(atMs)}`, holds: (row: Row) => row.stampMs === atMs })),
    id.map((id15) => ({ soql: `Id > '${id15}'`, holds: (row: Row) => row.id.slice(0, 15) > id15 })),
    fc.array(id, { minLength: 1, maxLength: 3 }).map((ids) => ({
      soql: `Id IN (${ids.map((id15) => `'${id15}'`).join(',')})`,
      holds: (row: Row) => ids.includes(row.id.slice(0, 15)),
    })),
  );
  const { condition } = fc.letrec<{ condition: Test }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      leaf,
      tie('condition').map((part) => ({ soql: `(NOT (${part.soql}))`, holds: (row: Row) => !part.holds(row) })),
      fc
        .tuple(tie('condition'), tie('condition'))
        .map(([a, b]) => ({ soql: `(${a.soql} AND ${b.soql})`, holds: (row: Row) => a.holds(row) && b.holds(row) })),
      fc
        .tuple(tie('condition'), tie('condition'))
        .map(([a, b]) => ({ soql: `(${a.soql} OR ${b.soql})`, holds: (row: Row) => a.holds(row) || b.holds(row) })),
    ),
  }));
  const step = fc.record({
    act: fc.constantFrom('create', 'update', 'remove', 'restore', 'roll back'),
    place: fc.nat({ max: 11 }),
    name,
    email: fc.option(name),
    waitMs: fc.constantFrom(0, 0, 400, 1500),
  });

  it('never change what a query finds, whatever was written before', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 25 }),
        condition,
        fc.boolean(),
        fc.boolean(),
        (steps, where, withDeleted, byStamp) => {
          const { org, ids, advance } = orgWith([]);
          for (const { act, place, name: LastName, email, waitMs } of steps) {
            advance(waitMs);
            const transaction = org.begin(author);
            const target = ids[place % Math.max(1, ids.length)] ?? '';
            const values = { LastName, Email: email === null ? null : `${email}@x.test` };
            try {
              if (act === 'create' || target === '') ids.push(transaction.create('Contact', values));
              else if (act === 'remove') transaction.remove('Contact', target);
              else if (act === 'restore') transaction.restore('Contact', target);
              else transaction.update('Contact', target, values);
            } catch (error) {
              if (!(error instanceof RowRefusal)) throw error;
            }
            if (act === 'roll back' && target !== '') org.abandon(transaction);
            else org.commit(transaction);
          }
          const all = ids.flatMap((rowId) => org.table('Contact')?.get(rowId) ?? []);
          const expected = all.filter((row) => (withDeleted || row.deletedAtMs === undefined) && where.holds(row));
          const inOrder = expected.toSorted((a, b) => (byStamp ? a.stampMs - b.stampMs : 0) || (a.id < b.id ? -1 : 1));
          const soql = `SELECT Id FROM Contact WHERE ${where.soql} ORDER BY ${byStamp ? 'SystemModstamp, Id' : 'Id'}`;
          expect(runSoql(org, soql, withDeleted).ids).toEqual(inOrder.map((row) => row.id));
          expect(runSoql(org, `${soql} LIMIT 2`, withDeleted).ids).toEqual(inOrder.slice(0, 2).map((row) => row.id));
        },
      ),
      { numRuns: 400 },
    );
  });
});
