import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canons } from '../../../shared/sync/canon.ts';
import { ambiguousChoices, choiceTableTransform } from '../../../shared/sync/mapping/choice-table.ts';

describe('a table of choices', () => {
  const role = choiceTableTransform({ customer: 'Kunde', lead: ['Interessent', 'Lead'] });

  it('reads every native choice, and writes the first', () => {
    expect(['Kunde', 'Lead', ' Interessent '].map(role.toCanonical)).toEqual(['customer', 'lead', 'lead']);
    expect(['customer', 'lead'].map(role.toNative)).toEqual(['Kunde', 'Interessent']);
  });

  it('passes on what it leaves out, and empties', () => {
    expect([role.toCanonical('partner'), role.toNative('partner'), role.toCanonical(''), role.toNative(null)]).toEqual([
      'partner',
      'partner',
      null,
      null,
    ]);
  });

  it('takes several choices one by one, and never begins with a semicolon, which appends in HubSpot', () => {
    expect(role.toCanonical(';Lead;Kunde;Interessent')).toBe('lead;customer');
    expect(role.toNative('customer;partner')).toBe('Kunde;partner');
    expect(role.toCanonical(';')).toBeNull();
  });

  it('names what stands for more than one choice', () => {
    expect(ambiguousChoices({ mr: 'Mx.', dr: ['Dr.', 'Mx.'] })).toEqual([['Mx.', ['mr', 'dr']]]);
    expect(ambiguousChoices({ mr: 'Mr.', dr: 'Dr.' })).toEqual([]);
  });

  it('has a way back wherever each choice has a partner of its own', () => {
    const word = fc.stringMatching(/^[a-z]{1,4}$/);
    const partners = fc.uniqueArray(fc.tuple(word, word), {
      maxLength: 6,
      selector: ([canonical]) => canonical,
    });
    fc.assert(
      fc.property(partners, fc.array(word, { minLength: 1, maxLength: 3 }), (entries, chosen) => {
        const table = Object.fromEntries(entries.map(([canonical, native]) => [canonical, `N-${native}-${canonical}`]));
        const { toCanonical, toNative } = choiceTableTransform(table);
        const value = chosen.join(';');
        expect(canons.picklist(toCanonical(toNative(value)))).toBe(canons.picklist(value));
      }),
    );
  });
});
