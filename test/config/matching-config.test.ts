import { describe, expect, it } from 'vitest';
import config from '../../concord.config.ts';
import { compileSync } from '../../shared/config/compile-sync.ts';
import type { ConcordConfig } from '../../shared/config/define-sync.ts';
import { comparableKindOf, type MatchingConfig } from '../../shared/config/matching-config.ts';

const withMatching = (matching: unknown): ConcordConfig => ({
  ...config,
  syncs: config.syncs.map((sync) => (sync.name === 'contacts' ? { ...sync, matching: matching as MatchingConfig } : sync)),
});
const scoredBy = (matching: unknown) => compileSync(withMatching(matching), 'contacts').scored;

describe('the scored match in the config', () => {
  it('is off unless asked for', () => {
    for (const matching of [undefined, {}, { scored: false }]) expect(scoredBy(matching)).toBeUndefined();
  });

  it('takes what each field tells from its kind and name', () => {
    const { fields, ...thresholds } = scoredBy({ scored: true }) ?? { fields: [] };
    expect(Object.fromEntries(fields.map(({ field, kind }) => [field, kind]))).toMatchObject({
      firstName: 'name',
      lastName: 'name',
      email: 'email',
      phone: 'phone',
      jobTitle: 'text',
      street: 'place',
      city: 'place',
      postalCode: 'place',
      state: 'place',
      dateOfBirth: 'date',
      personNumber: 'identifier',
    });
    expect(thresholds).toEqual({ link: 10, review: 0 });
  });

  it('takes what it is told instead', () => {
    const scored = scoredBy({ scored: { fields: { jobTitle: false, personNumber: 'text' }, link: 14 } });
    expect(scored?.fields.find(({ field }) => field === 'jobTitle')).toBeUndefined();
    expect(scored?.fields).toContainEqual({ field: 'personNumber', kind: 'text' });
    expect(scored).toMatchObject({ link: 14, review: 0 });
  });

  it.each([
    ['number', undefined],
    ['boolean', undefined],
    ['set', undefined],
    ['reference', undefined],
    ['picklist', 'category'],
  ])('goes by a field of kind %s as %s', (kind, comparable) => expect(comparableKindOf('lastName', kind)).toBe(comparable));

  it.each([
    [
      { scored: 'yes' },
      'syncs.contacts.matching.scored: "yes" is not a scored match; use true, false, or { fields, link, review }',
    ],
    [{ scored: { link: 1, review: 1 } }, 'syncs.contacts.matching.scored.link: 1 is not more than review (1)'],
    [{ scored: { link: 1_000 } }, 'matching.scored'],
    [{ scored: { fields: { lastNam: 'name' } } }, '"lastNam" is not a field of this sync; did you mean lastName?'],
    [{ scord: true }, '"scord" is no setting of matching; did you mean scored?'],
  ])('refuses %j', (matching, fault) => {
    expect(() => compileSync(withMatching(matching), 'contacts')).toThrow(fault);
  });
});
