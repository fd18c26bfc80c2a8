import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { refusedOutcome } from '../../../shared/connectors/hubspot/write-outcome.ts';

const { responses } = z
  .object({ responses: z.record(z.string(), z.unknown()) })
  .parse(JSON.parse(readFileSync(new URL('../../fixtures/hubspot/examples.json', import.meta.url), 'utf8')));

describe('what a HubSpot error means for a write', () => {
  it.each([
    ['error409', { outcome: 'duplicate', existingObjectId: '501' }],
    ['error400', { outcome: 'rejected', code: 'PROPERTY_DOESNT_EXIST', fields: ['nope'] }],
    ['error429burst', { outcome: 'retry', retryAfterMs: 10_000 }],
  ])('%s', (name, expected) => {
    expect(refusedOutcome(responses[name])).toMatchObject(expected);
  });

  it('finds the properties where only the message lists them', () => {
    const message =
      'Property values were not valid: [{"isValid":false,"message":"bad","error":"INVALID_EMAIL","name":"email"},{"error":"INVALID_OPTION","name":"tier"}]';
    expect(refusedOutcome({ category: 'VALIDATION_ERROR', message })).toMatchObject({
      outcome: 'rejected',
      code: 'INVALID_EMAIL',
      fields: ['email', 'tier'],
    });
  });

  it.each([
    [{ category: 'OBJECT_NOT_FOUND', message: 'x' }, 'gone'],
    [{ category: 'VALIDATION_ERROR', message: 'Property values were not valid: [{broken' }, 'rejected'],
    [{ category: 'INTERNAL_ERROR' }, 'unknown'],
    [undefined, 'rejected'],
    ['text', 'rejected'],
  ])('%j', (error, outcome) => {
    expect(refusedOutcome(error).outcome).toBe(outcome);
  });
});
