import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileSync } from '../../shared/config/compile-sync.ts';
import { defineConfig, defineSync, lastWriteWins, manual } from '../../shared/config/define-sync.ts';
import type { QualityConfig } from '../../shared/config/quality-config.ts';
import { assess } from '../../shared/sync/quality/assess.ts';
import { faultsOf } from './broken-config.ts';

const mapped = { in: { salesforce: 'A__c', hubspot: 'a' } } as const;

function compiledWith(quality: QualityConfig<'email' | 'country' | 'closed'>) {
  const config = defineConfig({
    tenant: 'main',
    systems: { salesforce: { connector: 'salesforce' }, hubspot: { connector: 'hubspot' } },
    syncs: [
      defineSync({
        name: 'deals',
        objects: {
          salesforce: { type: 'Opportunity', externalId: 'Concord_Id__c' },
          hubspot: { type: 'deals', externalId: 'concord_id' },
        },
        fields: {
          email: { kind: 'email', in: { salesforce: 'Email__c', hubspot: 'email' } },
          country: { ignoreCase: true, ...mapped },
          closed: { kind: 'date', in: { salesforce: 'CloseDate', hubspot: 'closedate' } },
        },
        matchKeys: [],
        strategy: lastWriteWins(),
        firstSync: manual(),
        onDelete: 'archive',
        quality,
        poll: { everyMinutes: 1, overlapMinutes: 10 },
      }),
    ],
  });
  const { quality: rules } = compileSync(config, 'deals');
  if (rules === undefined) throw new Error('the sync asks nothing of its objects');
  return rules;
}

const faultsOfQuality = (quality: unknown) => faultsOf({ sync: { quality } });

describe('the quality of a sync', () => {
  it('is ready to run: what fails waits in quarantine, and a possible duplicate is told', () => {
    const rules = compiledWith({
      schema: { email: { required: true, pattern: /@/g } },
      duplicates: { within: ['email'] },
    });
    expect(assess(rules, { email: null }).verdict).toBe('quarantine');
    expect(assess(rules, { email: 'ada@example.test' }, ['17'])).toMatchObject({
      verdict: 'pass',
      failures: [{ onFail: 'warn' }],
    });
  });

  it('asks every object the same: an expression does not remember where it stopped', () => {
    const rules = compiledWith({ schema: { email: { pattern: /@/g } } });
    const verdicts = Array.from({ length: 3 }, () => assess(rules, { email: 'ada@example.test' }).verdict);
    expect(verdicts).toEqual(['pass', 'pass', 'pass']);
  });

  it('takes the aliases of a reference list, compared as the field compares', () => {
    const rules = compiledWith({ reference: { country: { allowed: { DE: ['Germany', 'Deutschland'] }, onFail: 'drop-field' } } });
    expect(assess(rules, { country: 'germany' }).dropped).toEqual([]);
    expect(assess(rules, { country: 'Atlantis' }).dropped).toEqual(['country']);
  });

  it('is told by its docs, key by key', () => {
    const docs = readFileSync(path.join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
    const section = docs.split(/^## /m).find((part) => part.startsWith('Quality')) ?? '';
    for (const key of ['schema', 'rules', 'reference', 'duplicates', 'score', 'required', 'maxLength', 'pattern', 'min', 'max'])
      expect(section).toContain(`\`${key}`);
    for (const key of ['oneOf', 'holds', 'allowed', 'within', 'weights', 'minimum', 'onFail', 'quarantine', 'warn', 'drop-field'])
      expect(section).toContain(key);
  });
});

describe('a quality that cannot be used', () => {
  it.each<[unknown, RegExp]>([
    [
      { schema: { emial: { required: true } } },
      /quality\.schema\.emial: "emial" is not a field of this sync; did you mean email\?/,
    ],
    [{ schema: { email: { maxLenght: 5 } } }, /"maxLenght" is no setting of a field's quality; did you mean maxLength\?/],
    [{ schema: { email: { pattern: '@' } } }, /pattern: "@" is not a regular expression/],
    [{ schema: { email: { min: 5, max: 1 } } }, /nothing is at least 5 and at most 1/],
    [{ schema: { email: { min: 5, max: 'x' } } }, /min is a number and max a string/],
    [{ schema: { email: { onFail: 'explode' } } }, /use one of quarantine, warn, drop-field/],
    [{ rules: [{ name: 'a', fields: ['email'], holds: 'yes' }] }, /holds: "yes" is not a function/],
    [{ rules: [{ name: 'a', fields: [], holds: () => true }] }, /fields: is an empty list/],
    [{ rules: [rule('a'), rule('a')] }, /rules\.1\.name: "a" is there already/],
    [{ reference: { email: { allowed: [] } } }, /allowed/],
    [{ duplicates: { within: ['email'], onFail: 'drop-field' } }, /use one of quarantine, warn/],
    [{ duplicates: { within: ['name'] } }, /duplicates\.within: "name" is not a field/],
    [{ score: { weights: { email: 0 }, minimum: 0.5 } }, /weights\.email: 0 is not a weight/],
    [{ score: { weights: { email: 1 }, minimum: 2 } }, /minimum: 2 is not a minimum; give a number from 0 to 1/],
  ])('%o is refused with what would be right', (quality, fault) => {
    expect(faultsOfQuality(quality).join('\n')).toMatch(fault);
  });
});

function rule(name: string) {
  return { name, fields: ['email'], holds: () => true };
}
