import { describe, expect, it } from 'vitest';
import { readStatement } from '../../../local/aws/partiql.ts';

const forServer = (text: string) => readStatement(text).forServer;

describe('an UPDATE in the form that DynamoDB documents', () => {
  it('is joined for the server, the SETs first', () => {
    expect(forServer('UPDATE "T" SET a=? SET b=? REMOVE c REMOVE d WHERE pk=? AND sk=? AND v=?')).toBe(
      'UPDATE "T" SET a=?, b=? REMOVE c, d WHERE pk=? AND sk=? AND v=?',
    );
    expect(forServer('UPDATE T REMOVE c SET a=? SET b=? WHERE pk=?')).toBe('UPDATE T SET a=?, b=? REMOVE c WHERE pk=?');
  });

  it('may have keywords in names and texts, and commas inside values', () => {
    const text = `UPDATE "T" SET "set"=? SET a={'remove': 'SET, WHERE it''s', 'list': [1, 2]} SET f.where=list_append(f, ?) REMOVE "a.b"[0] WHERE pk='x SET y'`;
    expect(forServer(text)).toBe(
      `UPDATE "T" SET "set"=?, a={'remove': 'SET, WHERE it''s', 'list': [1, 2]}, f.where=list_append(f, ?) REMOVE "a.b"[0] WHERE pk='x SET y'`,
    );
  });

  it('is refused when it uses the form that only the server knows', () => {
    expect(() => forServer('UPDATE "T" SET a=?, b=? WHERE pk=?')).toThrow(/repeat the keyword/);
  });

  it('is refused without WHERE, or without anything to change', () => {
    expect(() => forServer('UPDATE "T" SET a=?')).toThrow(/WHERE/);
    expect(() => forServer('UPDATE "T" WHERE pk=?')).toThrow(/SET path/);
    expect(() => forServer('UPDATE "T" REMOVE ? WHERE pk=?')).toThrow(/no parameter/);
  });
});

describe('any statement', () => {
  it('names its table, its index and what it does', () => {
    expect(readStatement('SELECT a, b FROM "Contacts"."byOwner" WHERE owner=?')).toMatchObject({
      verb: 'Select',
      tableName: 'Contacts',
      indexName: 'byOwner',
    });
    expect(readStatement(`INSERT INTO "T" VALUE {'pk': ?, 'sk': 'x'}`)).toMatchObject({
      verb: 'Insert',
      tableName: 'T',
      indexName: undefined,
    });
    expect(readStatement('DELETE FROM T WHERE pk=?')).toMatchObject({ verb: 'Delete', tableName: 'T' });
    expect(() => readStatement('DROP TABLE T')).toThrow(/wasn't well formed/);
  });

  it('tells which parameter is a key', () => {
    expect(readStatement('UPDATE T SET a=? SET b=? WHERE "pk"=? AND sk=\'s\'').equals).toEqual(
      new Map<string, object>([
        ['pk', { parameter: 2 }],
        ['sk', { literal: 's' }],
      ]),
    );
    expect(readStatement(`INSERT INTO T VALUE {'a': ?, 'pk': ?}`).equals.get('pk')).toEqual({ parameter: 1 });
  });
});
