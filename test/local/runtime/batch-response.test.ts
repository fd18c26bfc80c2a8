import { describe, expect, it } from 'vitest';
import { failedItems } from '../../../local/runtime/batch-response.ts';

const BATCH = ['a', 'b', 'c'];

// docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html, "Success and failure conditions"
describe('The answer of a function that reports batch item failures', () => {
  it.each([
    ['nothing', null],
    ['an empty answer', {}],
    ['an empty list', { batchItemFailures: [] }],
    ['no list', { batchItemFailures: null }],
  ])('is a complete success: %s', (_, answer) => {
    expect(failedItems(answer, BATCH)).toEqual(new Set());
  });

  it.each([
    ['an empty identifier', { batchItemFailures: [{ itemIdentifier: '' }] }],
    ['a null identifier', { batchItemFailures: [{ itemIdentifier: null }] }],
    ['another key', { batchItemFailures: [{ messageId: 'a' }] }],
    ['an identifier that is not in the batch', { batchItemFailures: [{ itemIdentifier: 'a' }, { itemIdentifier: 'x' }] }],
    ['a list that is none', { batchItemFailures: 'a' }],
    ['a text', 'ok'],
  ])('is a complete failure: %s', (_, answer) => {
    expect(failedItems(answer, BATCH)).toBe('all');
  });

  it('names what failed', () => {
    expect(failedItems({ batchItemFailures: [{ itemIdentifier: 'b' }] }, BATCH)).toEqual(new Set(['b']));
  });
});
