import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { literalLists, soqlName, soqlText } from '../../../shared/connectors/salesforce/soql.ts';

const ESCAPED: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', '"': '"', "'": "'", '\\': '\\' };

/** Reads one SOQL string literal from the start of a query text, as the database's lexer does. */
function readLiteral(text: string): { value: string; rest: string } {
  if (text[0] !== "'") throw new Error('no literal');
  let value = '';
  for (let i = 1; i < text.length; i++) {
    const character = text.charAt(i);
    if (character === "'") return { value, rest: text.slice(i + 1) };
    if (character !== '\\') {
      value += character;
      continue;
    }
    const escaped = ESCAPED[text.charAt(++i)];
    if (escaped === undefined) throw new Error('unknown escape');
    value += escaped;
  }
  throw new Error('the literal does not end');
}

const corpus = [
  "' OR Name != '",
  "\\' OR 1=1 --",
  "\\\\'",
  "O'Brien",
  "') OR (Id != '",
  '\\',
  "'",
  '\n\r\t\b\f"',
  '%_',
  '/* x */ // y -- z',
  'Zoë 東京 🚀 ʼ＇‘’',
  '\u0000',
  '\u2028',
  "\ud800'",
];

describe('a value in a SOQL query', () => {
  it.each(corpus)('stays one literal: %j', (value) => {
    const query = `${soqlText(value)}) ORDER BY Id`;
    expect(readLiteral(query)).toEqual({ value: value.toWellFormed(), rest: ') ORDER BY Id' });
    expect(() => encodeURIComponent(query)).not.toThrow();
  });

  it('stays one literal whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (value) => {
        expect(readLiteral(`${soqlText(value)}!`)).toEqual({ value: value.toWellFormed(), rest: '!' });
      }),
      { numRuns: 500 },
    );
  });

  it.each(['Email; DROP', "Id'", 'a b', '', '__proto__', 'Account.Name', '(SELECT', '1abc', 'É'])(
    'is never named by %j',
    (name) => {
      expect(() => soqlName('salesforce', name)).toThrow(/no object or field name/);
    },
  );

  it('is cut into lists that fit a query URL, in order and complete', () => {
    const literals = Array.from({ length: 2_000 }, (_, i) => soqlText(`003000000000${String(i).padStart(6, '0')}`));
    const lists = literalLists(literals);
    expect(lists.flat()).toEqual(literals);
    for (const list of lists) expect(encodeURIComponent(list.join(',')).length).toBeLessThan(10_100);
    expect(literalLists([soqlText('x'.repeat(30_000)), "'a'"])).toHaveLength(2);
  });
});
