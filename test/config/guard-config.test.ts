import { describe, expect, it } from 'vitest';
import { compileSync } from '../../shared/config/compile-sync.ts';
import { brokenConfig, faultsOf, wrong } from './broken-config.ts';

const compiled = (sync: Readonly<Record<string, unknown>> = {}) => compileSync(brokenConfig({ sync }), 'contacts');

describe('the guards of a sync', () => {
  it('are on where the config says nothing', () => {
    const { guards, rules, canary } = compiled();
    expect(guards).toEqual({ deletesPercent: 5, altersPercent: 30, firstSyncApproval: 'auto' });
    expect(rules.loopLimits).toEqual({ sameValuePerHour: 5, reactionsPerDay: 20 });
    expect(canary).toBeUndefined();
  });

  it('take each limit by itself', () => {
    const { guards, rules } = compiled({
      guards: { altersPercent: 60, firstSyncApproval: 'ask', loop: { reactionsPerDay: 50 } },
    });
    expect(guards).toEqual({ deletesPercent: 5, altersPercent: 60, firstSyncApproval: 'ask' });
    expect(rules.loopLimits).toEqual({ sameValuePerHour: 5, reactionsPerDay: 50 });
  });

  it.each([
    [{ deletesPercent: 0 }, 'deletesPercent: 0 is not a percentage above 0 and up to 50'],
    [{ deletesPercent: 51 }, 'deletesPercent: 51 is not a percentage above 0 and up to 50'],
    [{ altersPercent: '30' }, 'altersPercent: "30" is not a percentage above 0 and up to 100'],
    [{ firstSyncApproval: 'never' }, 'firstSyncApproval: "never" is not a way to begin; use one of auto, ask'],
    [{ loop: { sameValuePerHour: 0 } }, 'loop.sameValuePerHour: 0 is not a whole number of writes from 1 to 100'],
    [{ off: true }, '"off" is no setting of guards'],
  ])('cannot be %j', (guards, fault) => {
    expect(faultsOf({ sync: { guards } })).toEqual([expect.stringContaining(fault)]);
  });
});

describe('a canary', () => {
  const objects = { salesforce: '003A', hubspot: '7' };

  it('is a text field of one object per system', () => {
    expect(compiled({ canary: { field: 'lastName', objects } }).canary).toEqual({ field: 'lastName', objects });
  });

  it.each([
    [{ field: 'lastNam', objects }, '"lastNam" is not a field of this sync; did you mean lastName?'],
    [{ field: 'email', objects }, '"email" is of kind email and cannot hold a token; name a text field'],
    [{ field: 'lastName', objects: { hubspot: '7' } }, 'names 1 of the systems; a token has to travel between two'],
    [{ field: 'lastName', objects: { ...objects, erp: '1' } }, '"erp" takes no part in this sync'],
    [{ field: 'lastName', objects: { ...objects, hubspot: '' } }, 'is empty; copy the id from the CRM'],
  ])('cannot be %j', (canary, fault) => {
    expect(faultsOf({ sync: { canary } })).toEqual([expect.stringContaining(fault)]);
  });

  it('needs a field that travels both ways', () => {
    const fields = wrong('title', { in: { salesforce: 'Title', hubspot: { field: 'jobtitle', direction: 'out' } } });
    expect(faultsOf({ sync: { fields, canary: { field: 'title', objects } } })).toEqual([
      'syncs.contacts.canary.field: "title" does not travel both ways in hubspot; name a field that does',
    ]);
  });
});
