import { describe, expect, it } from 'vitest';
import { compileEventPattern } from '../../../local/aws/event-pattern.ts';

const event = {
  source: 'aws.partner/salesforce.com/00D/0YL',
  'detail-type': 'ContactChangeEvent',
  detail: { payload: { ChangeEventHeader: { changeType: 'UPDATE', changedFields: ['Email', 'Phone'], count: 5 }, Title: null } },
};
const header = (matcher: object) => ({ detail: { payload: { ChangeEventHeader: matcher } } });
const matches = (pattern: object) => compileEventPattern(pattern)(event);

// docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
describe('an event pattern', () => {
  it.each<[string, object, boolean]>([
    ['one of the exact values', { 'detail-type': ['AccountChangeEvent', 'ContactChangeEvent'] }, true],
    ['no such value', { 'detail-type': ['AccountChangeEvent'] }, false],
    ['all named fields', { 'detail-type': ['ContactChangeEvent'], source: ['other'] }, false],
    ['null', { detail: { payload: { Title: [null] } } }, true],
    ['an element of a list', header({ changedFields: ['Phone'] }), true],
    ['a prefix', { source: [{ prefix: 'aws.partner/salesforce.com/' }] }, true],
    ['a suffix', { 'detail-type': [{ suffix: 'ChangeEvent' }] }, true],
    ['any case', { 'detail-type': [{ 'equals-ignore-case': 'contactchangeevent' }] }, true],
    ['a prefix in any case', { 'detail-type': [{ prefix: { 'equals-ignore-case': 'CONTACT' } }] }, true],
    ['a wildcard', { source: [{ wildcard: 'aws.partner/*/00D/*' }] }, true],
    ['anything but a value', header({ changeType: [{ 'anything-but': ['DELETE'] }] }), true],
    ['anything but its own value', header({ changeType: [{ 'anything-but': 'UPDATE' }] }), false],
    ['anything but a prefix', header({ changeType: [{ 'anything-but': { prefix: 'GAP_' } }] }), true],
    ['a field that exists', header({ changeType: [{ exists: true }] }), true],
    ['a field that does not exist', header({ nulledFields: [{ exists: false }] }), true],
    ['existence of a nested object, which is no leaf', { detail: [{ exists: true }] }, false],
    ['a range of numbers', header({ count: [{ numeric: ['>', 0, '<=', 5] }] }), true],
    ['one of several patterns', { $or: [{ source: ['x'] }, { 'detail-type': ['ContactChangeEvent'] }] }, true],
    ['a field the event has not', { detail: { other: { deep: ['x'] } } }, false],
  ])('matches by %s', (_, pattern, expected) => {
    expect(matches(pattern)).toBe(expected);
  });

  it('with an unknown operator is refused at once', () => {
    expect(() => compileEventPattern({ source: [{ cidr: '10.0.0.0/24' }] })).toThrow(/cidr/);
    expect(() => compileEventPattern({ source: 'not a list' })).toThrow();
  });
});
