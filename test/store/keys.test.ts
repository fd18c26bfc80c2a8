import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keysOf, partsOf } from '../../shared/store/keys.ts';

const part = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('#', 'a#b', '%23', 'acme#R', 'other#R#1', '%'));

describe('keys (T10)', () => {
  it('begin with the tenant, whatever a foreign system calls its objects', () => {
    fc.assert(
      fc.property(part, part, part, fc.nat(), (a, b, c, version) => {
        const keys = keysOf('acme');
        const all = [
          keys.record(a).pk.S,
          keys.ledger(a, version).pk.S,
          keys.identity({ system: a, object: b, objectId: c }).pk.S,
          keys.matchKey({ sync: a, name: b, value: c }).pk.S,
          keys.poll(a, b).pk.S,
          keys.seenRows(a, b),
          keys.firstSync(a),
          keys.listed(a, 'none'),
          keys.reviews(a),
          keys.budget(a, b).pk.S,
          keys.dirtyShard(1),
          keys.attention(),
        ];
        for (const key of all) expect(partsOf(key ?? '')[0]).toBe('acme');
        for (const key of all) expect(key?.startsWith('acme#')).toBe(true);
      }),
    );
  });

  it('of different things never meet', () => {
    const ref = fc.record({ system: part, object: part, objectId: part });
    fc.assert(
      fc.property(ref, ref, (one, other) => {
        const [a, b] = [one, other].map((each) => keysOf('acme').identity(each).pk.S);
        expect(a === b).toBe(JSON.stringify(Object.values(one)) === JSON.stringify(Object.values(other)));
      }),
    );
  });

  it('refuse a tenant whose name could pass for part of another one', () => {
    for (const tenant of ['', 'acme#R', 'a%23', 'acme ', '#']) expect(() => keysOf(tenant)).toThrow(RangeError);
  });

  it('show no match-key value, which is a person’s address', () => {
    const key = keysOf('acme').matchKey({ sync: 'contacts', name: 'email', value: 'ada@example.com' });
    expect(JSON.stringify(key)).not.toContain('ada');
  });
});
