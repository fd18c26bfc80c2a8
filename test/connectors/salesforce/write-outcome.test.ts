import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { outcomeOf, refusedOutcome } from '../../../shared/connectors/salesforce/write-outcome.ts';

const responses = z
  .record(z.string(), z.unknown())
  .parse(JSON.parse(readFileSync(new URL('../../fixtures/salesforce/rest-responses.json', import.meta.url), 'utf8')));
const errorOf = (name: string) => z.object({ body: z.array(z.unknown()) }).parse(responses[name]).body[0];
const ID = '003Sim000000001IAA';

describe('the outcome of one written row', () => {
  it.each([
    ['create-duplicate-value-400', { outcome: 'duplicate', existingObjectId: ID }],
    ['create-duplicates-detected-400', { outcome: 'duplicate', existingObjectId: ID }],
    ['lock-row-400', { outcome: 'retry', code: 'UNABLE_TO_LOCK_ROW' }],
    ['deleted-404', { outcome: 'gone' }],
  ])('%s', (name, expected) => {
    expect(refusedOutcome(errorOf(name))).toMatchObject(expected);
  });

  it.each([
    [{ statusCode: 'INVALID_CROSS_REFERENCE_KEY', message: 'invalid cross reference id', fields: [] }, { outcome: 'gone' }],
    [
      { statusCode: 'INVALID_CROSS_REFERENCE_KEY', message: 'no such account', fields: ['AccountId'] },
      { outcome: 'rejected', fields: ['AccountId'] },
    ],
    [
      { statusCode: 'STRING_TOO_LONG', message: 'too long', fields: ['FirstName'] },
      { outcome: 'rejected', code: 'STRING_TOO_LONG', fields: ['FirstName'] },
    ],
    [
      { statusCode: 'DUPLICATE_VALUE', message: 'Duplikat', fields: [] },
      { outcome: 'duplicate', existingObjectId: undefined },
    ],
    ['nonsense', { outcome: 'rejected', code: 'UNKNOWN' }],
  ])('%j', (error, expected) => {
    expect(refusedOutcome(error)).toMatchObject(expected);
  });

  it('is unknown where the result is missing or about another row', () => {
    expect(outcomeOf({ id: ID, success: true, errors: [] }, ID)).toEqual({ outcome: 'written', objectId: ID });
    expect(outcomeOf({ id: ID, success: true, errors: [] }, '003Sim000000002IAA').outcome).toBe('unknown');
    expect(outcomeOf(undefined, ID).outcome).toBe('unknown');
  });
});
