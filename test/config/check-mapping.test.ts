import { describe, expect, it } from 'vitest';
import config from '../../concord.config.ts';
import { checkMapping } from '../../shared/config/check-mapping.ts';
import { compileSync } from '../../shared/config/compile-sync.ts';
import type { FieldDescription } from '../../shared/connectors/connector.ts';
import { brokenConfig, wrong } from './broken-config.ts';

const sync = compileSync(config, 'contacts');

function described(changes: Record<string, Partial<FieldDescription> | undefined> = {}, of = sync): FieldDescription[] {
  const side = of.sides.salesforce;
  if (side === undefined) throw new Error('no side in salesforce');
  return side.nativeFields.flatMap((name) => {
    if (name in changes && changes[name] === undefined) return [];
    return [{ name, type: 'string', writable: true, unique: name === side.externalIdField, ...changes[name] }];
  });
}

function sentences(fields: FieldDescription[], of = sync): string[] {
  return checkMapping(of, { salesforce: fields }).map((problem) => problem.message);
}

describe('the check of a mapping against a system', () => {
  it('finds nothing wrong where all is there', () => {
    expect(sentences(described())).toEqual([]);
  });

  it('names a missing field and the one that was probably meant', () => {
    expect(sentences(described({ MailingCity: { name: 'Mailing_City__c' } }))).toEqual([
      'Contact.MailingCity does not exist in salesforce; did you mean Mailing_City__c?',
    ]);
  });

  it('minds upper and lower case: an answer names its fields in one way only', () => {
    expect(sentences(described({ FirstName: { name: 'firstname' } }))).toEqual([
      'Contact.FirstName does not exist in salesforce; did you mean firstname?',
    ]);
  });

  it('says what to do where nothing is near', () => {
    expect(sentences(described({ Person_Number__c: undefined }))).toEqual([
      'Contact.Person_Number__c does not exist in salesforce; create it, let the integration user see it, or take it out of concord.config.ts.',
    ]);
  });

  it('refuses a field that cannot be written, unless it is only read', () => {
    expect(sentences(described({ Title: { writable: false } }))).toEqual([
      "Contact.Title cannot be written: map it with direction 'in', or give the integration user the right to edit it.",
    ]);
    const reading = compileSync(
      brokenConfig({
        sync: { fields: wrong('score', { in: { salesforce: { field: 'Score__c', direction: 'in' }, hubspot: 'score' } }) },
      }),
      'contacts',
    );
    expect(sentences(described({ Score__c: { writable: false } }, reading), reading)).toEqual([]);
  });

  it('refuses an external id that is not unique, or cannot be written', () => {
    expect(sentences(described({ Concord_Id__c: { unique: false } }))).toEqual([
      "Contact.Concord_Id__c must be unique: it carries the record's id, so that no create is doubled (docs/deploy.md).",
    ]);
    expect(sentences(described({ Concord_Id__c: { unique: true, writable: false } }))).toEqual([
      "Contact.Concord_Id__c cannot be written, and it has to carry the record's id: give the integration user the right to edit it.",
    ]);
  });

  it('names all problems at once, and checks no system it knows nothing of', () => {
    expect(sentences(described({ Title: undefined, Email: { writable: false } }))).toHaveLength(2);
    expect(checkMapping(sync, {})).toEqual([]);
  });
});
