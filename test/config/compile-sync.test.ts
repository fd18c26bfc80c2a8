import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import config from '../../concord.config.ts';
import { compileSync } from '../../shared/config/compile-sync.ts';
import type { CompiledSide } from '../../shared/config/compiled-sync.ts';
import { brokenConfig, wrong } from './broken-config.ts';

const sync = compileSync(config, 'contacts');

function sideIn(system: string, compiled = sync): CompiledSide {
  const side = compiled.sides[system];
  if (side === undefined) throw new Error(`no side in ${system}`);
  return side;
}

describe('the default config, compiled', () => {
  it('asks each system for its mapped fields, the external id and its references', () => {
    expect(sideIn('salesforce').nativeFields).toEqual([
      'FirstName',
      'LastName',
      'Email',
      'Phone',
      'Title',
      'MailingStreet',
      'MailingCity',
      'MailingPostalCode',
      'MailingState',
      'Birthdate',
      'Person_Number__c',
      'Concord_Id__c',
      'AccountId',
    ]);
  });

  it('knows the stamps of its connectors, and lets the config say otherwise', () => {
    expect(sync.rules.systems).toMatchObject({
      salesforce: { rank: 0, stampResolutionMs: 1_000, readLagMs: 0 },
      hubspot: { rank: 1, stampResolutionMs: 1, readLagMs: 0 },
    });
    const slow = brokenConfig({
      systems: { hubspot: { connector: 'hubspot', readLagMs: 500 }, salesforce: { connector: 'salesforce' } },
    });
    expect(compileSync(slow, 'contacts').rules.systems).toMatchObject({
      hubspot: { rank: 0, readLagMs: 500 },
      salesforce: { rank: 1 },
    });
  });

  it('makes the same contact of both systems’ forms of it', () => {
    const canonical = {
      firstName: 'Zoë',
      lastName: 'Lovelace',
      email: 'zoe@example.com',
      phone: '+61255501234',
      dateOfBirth: '1980-01-05',
    };
    expect(
      sideIn('salesforce').toCanonical({
        FirstName: 'Zoë',
        LastName: 'Lovelace',
        Email: 'Zoe@Example.com',
        Phone: '(02) 5550 1234',
        Birthdate: '1980-01-05',
      }),
    ).toEqual(canonical);
    expect(
      sideIn('hubspot').toCanonical({
        firstname: 'Zoë',
        lastname: 'Lovelace',
        email: 'zoe@example.com',
        phone: '+61 2 5550 1234',
        birthdate: '315878400000',
      }),
    ).toEqual(canonical);
  });

  it('writes days as days, and null for what is to be cleared', () => {
    expect(sideIn('hubspot').toNative({ dateOfBirth: '1980-01-05', phone: null }, {})).toEqual({
      birthdate: '1980-01-05',
      phone: null,
    });
  });

  it('takes an absent field for unread and an empty one for cleared', () => {
    expect(sideIn('hubspot').toCanonical({ firstname: '', lastname: null })).toEqual({ firstName: null, lastName: null });
  });

  it('says which canonical field a native one feeds, and none for what is not mapped', () => {
    expect(sideIn('hubspot').canonicalOf('zip')).toEqual(['postalCode']);
    expect(sideIn('hubspot').canonicalOf('concord_id')).toEqual([]);
    expect(sideIn('hubspot').canonicalOf('constructor')).toEqual([]);
  });

  it('survives whatever a system may answer: no throw, no empty text, nothing undefined', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('', ' ', '\u0000', '\ud83d', '\udc00x', 'e1e1', '1'.repeat(5_000), ';;;', '+', '+61', '١٢٣', 'NaN', '-0'),
      fc.double(),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
    );
    for (const side of Object.values(sync.sides)) {
      const row = fc.record(Object.fromEntries(side.nativeFields.map((name) => [name, hostile])));
      fc.assert(
        fc.property(row, (native) => {
          const values = side.toCanonical(native);
          for (const [field, value] of Object.entries(values)) {
            expect(value === '' || value === undefined).toBe(false);
            expect(typeof value === 'string' ? value.isWellFormed() : true).toBe(true);
            const canon = sync.rules.fields[field]?.canon(value);
            expect(canon === '' || canon === undefined).toBe(false);
          }
          for (const written of Object.values(side.toNative(values, values))) expect(written).not.toBeUndefined();
        }),
        { numRuns: 200 },
      );
    }
  });

  it('does not slow down on text that is too long to be anything', () => {
    const long = '1 '.repeat(500_000);
    const beganAtMs = performance.now();
    sideIn('hubspot').toCanonical({ phone: long, birthdate: long, email: long, firstname: long });
    expect(performance.now() - beganAtMs).toBeLessThan(1_000);
  });
});

describe('a one-way field', () => {
  const compiled = compileSync(
    brokenConfig({
      sync: {
        fields: wrong('salutation', {
          kind: 'picklist',
          in: {
            salesforce: {
              field: 'Salutation',
              direction: 'out',
              transform: { kind: 'picklist', table: { mx: 'Mx.', none: 'Mx.' } },
            },
            hubspot: 'salutation',
          },
        }),
      },
    }),
    'contacts',
  );

  it('travels that way only', () => {
    expect(compiled.rules.systems.salesforce?.fields.salutation).toBe('out');
    expect(compiled.rules.systems.hubspot?.fields.salutation).toBe('both');
  });

  it('may lose what has no way back, and then says beforehand how it will be shown', () => {
    expect(sideIn('salesforce', compiled).toNative({ salutation: 'none' }, {})).toEqual({ Salutation: 'Mx.' });
    expect(compiled.rules.systems.salesforce?.shownAs?.({ salutation: 'none', lastName: 'x' })).toEqual({ salutation: 'mx' });
    expect(compiled.rules.systems.hubspot?.shownAs).toBeUndefined();
  });
});

describe('a full name', () => {
  const parts = { firstName: { in: { salesforce: 'FirstName' } }, lastName: { in: { salesforce: 'LastName' } } };
  const email = { kind: 'email', in: { salesforce: 'Email', hubspot: 'email' } };
  const full = (direction: string) => ({
    system: 'hubspot',
    field: 'full_name',
    first: 'firstName',
    last: 'lastName',
    direction,
  });

  it('that is only read is split at its last space', () => {
    const compiled = compileSync(brokenConfig({ sync: { fields: { ...parts, email }, fullNames: [full('in')] } }), 'contacts');
    expect(sideIn('hubspot', compiled).toCanonical({ full_name: 'Ada King Lovelace' })).toEqual({
      firstName: 'Ada King',
      lastName: 'Lovelace',
    });
    expect(sideIn('hubspot', compiled).toNative({ firstName: 'Ada' }, {})).toEqual({});
    expect(compiled.rules.systems.hubspot?.fields).toMatchObject({ firstName: 'in', lastName: 'in' });
  });

  it('that is only written is joined from the part that changed and the one that did not', () => {
    const compiled = compileSync(brokenConfig({ sync: { fields: { ...parts, email }, fullNames: [full('out')] } }), 'contacts');
    const values = { firstName: 'Ada', lastName: 'van Lovelace' };
    expect(sideIn('hubspot', compiled).toNative({ firstName: 'Ada' }, values)).toEqual({ full_name: 'Ada van Lovelace' });
    expect(sideIn('hubspot', compiled).toNative({ lastName: null }, values)).toEqual({ full_name: 'Ada' });
    expect(sideIn('hubspot', compiled).toNative({ email: 'x@y.z' }, values)).toEqual({ email: 'x@y.z' });
    expect(compiled.rules.systems.hubspot?.shownAs?.(values)).toEqual({ firstName: 'Ada van', lastName: 'Lovelace' });
  });

  it('is for show only where its parts have fields of their own', () => {
    const own = {
      firstName: { in: { salesforce: 'FirstName', hubspot: 'firstname' } },
      lastName: { in: { salesforce: 'LastName', hubspot: 'lastname' } },
    };
    const compiled = compileSync(brokenConfig({ sync: { fields: { ...own, email }, fullNames: [full('out')] } }), 'contacts');
    const side = sideIn('hubspot', compiled);
    expect(side.toNative({ firstName: 'Eda' }, { firstName: 'Eda', lastName: 'King' })).toEqual({
      firstname: 'Eda',
      full_name: 'Eda King',
    });
    expect(side.toCanonical({ full_name: 'somebody else', firstname: 'Eda' })).toEqual({ firstName: 'Eda' });
    expect(compiled.rules.systems.hubspot?.fields).toMatchObject({ firstName: 'both', lastName: 'both' });
  });
});
