import { describe, expect, it } from 'vitest';
import { compiledMatchKey } from '../../shared/config/match-key.ts';

const fields = {
  name: { in: {} },
  email: { kind: 'email', in: {} },
  phone: { kind: 'phone', defaultCountry: 'AU', in: {} },
  born: { kind: 'date', in: {} },
  number: { kind: 'number', in: {} },
  member: { kind: 'boolean', in: {} },
} as const;
const keyOf = (name: keyof typeof fields) => (value: string | number | boolean | null) =>
  compiledMatchKey([name], fields).keyOf({ [name]: value });

describe('a match key', () => {
  it('is the same for two forms of one value', () => {
    expect(keyOf('email')(' Ada@Example.COM ')).toBe(keyOf('email')('ada@example.com'));
    expect(keyOf('phone')('(02) 5550 1234')).toBe(keyOf('phone')('+61255501234'));
    expect(keyOf('born')('315878400000')).toBe(keyOf('born')('1980-01-05'));
    expect(keyOf('name')('ZOË')).toBe(keyOf('name')('zoe\u0308'));
    expect(keyOf('number')('17.0')).toBe(keyOf('number')(17));
  });

  it('differs for two values', () => {
    expect(keyOf('number')('9007199254740993')).not.toBe(keyOf('number')('9007199254740992'));
    expect(keyOf('phone')('+61255501234')).not.toBe(keyOf('phone')('+61255501234 ext. 5'));
    expect(keyOf('email')('strasse@example.com')).not.toBe(keyOf('email')('straße@example.com'));
  });

  it.each([
    ['email', 'n/a'],
    ['email', 'none'],
    ['phone', 'ask for Bob'],
    ['phone', 'n/a'],
    ['born', 'unknown'],
    ['name', '  '],
    ['name', null],
    ['member', null],
  ] as const)('is none for a %s of %o: what tells nobody apart matches nobody', (name, value) => {
    expect(keyOf(name)(value)).toBeUndefined();
  });

  it('of several fields needs them all, and no value passes for two', () => {
    const key = compiledMatchKey(['name', 'born'], fields);
    expect(key.name).toBe('name+born');
    expect(key.keyOf({ name: 'Ada', born: '1980-01-05' })).toBeDefined();
    expect(key.keyOf({ name: 'Ada', born: null })).toBeUndefined();
    expect(key.keyOf({ name: 'Ada' })).toBeUndefined();
    const names = compiledMatchKey(['name', 'email'], fields);
    expect(names.keyOf({ name: 'a","b', email: 'c@d.e' })).not.toBe(names.keyOf({ name: 'a', email: 'b","c@d.e' }));
  });
});
