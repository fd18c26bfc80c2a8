import { describe, expect, it } from 'vitest';
import { compileRole } from '../../../local/aws/iam.ts';

const decide = (action: string, resource: string, ...Statement: object[]) =>
  compileRole([{ Statement }]).decide({ action, resource });
const queue = 'arn:aws:sqs:eu-west-1:000000000000:changes';

describe('identity policies', () => {
  it('deny by default, allow by a match, and let an explicit deny win', () => {
    const allow = { Effect: 'Allow', Action: ['sqs:SendMessage', 'sqs:Get*'], Resource: queue };
    expect(decide('sqs:SendMessage', queue, allow)).toBe('Allowed');
    expect(decide('sqs:GetQueueUrl', queue, allow)).toBe('Allowed');
    expect(decide('sqs:DeleteMessage', queue, allow)).toBe('ImplicitlyDenied');
    expect(decide('sqs:SendMessage', `${queue}-other`, allow)).toBe('ImplicitlyDenied');
    expect(decide('sqs:SendMessage', queue, allow, { Effect: 'Deny', Action: 'sqs:*', Resource: '*' })).toBe('ExplicitlyDenied');
  });

  it('compare actions without regard to case, and ARNs with it', () => {
    expect(decide('sqs:SendMessage', queue, { Effect: 'Allow', Action: 'SQS:sendmessage', Resource: queue })).toBe('Allowed');
    expect(decide('sqs:SendMessage', queue, { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: queue.toUpperCase() })).toBe(
      'ImplicitlyDenied',
    );
  });

  it('know NotAction and NotResource', () => {
    expect(decide('sqs:SendMessage', queue, { Effect: 'Allow', NotAction: 'sqs:Delete*', Resource: '*' })).toBe('Allowed');
    expect(decide('sqs:DeleteMessage', queue, { Effect: 'Allow', NotAction: 'sqs:Delete*', Resource: '*' })).toBe(
      'ImplicitlyDenied',
    );
    expect(decide('sqs:SendMessage', queue, { Effect: 'Allow', Action: 'sqs:*', NotResource: queue })).toBe('ImplicitlyDenied');
  });

  it('match one character by a question mark', () => {
    expect(
      decide('sqs:SendMessage', queue, { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: 'arn:aws:sqs:*:*:change?' }),
    ).toBe('Allowed');
  });
});

describe('conditions', () => {
  const allowIf = (Condition: object) =>
    compileRole([{ Statement: { Effect: 'Allow', Action: 'dynamodb:*', Resource: '*', Condition } }]);
  const ask = (role: ReturnType<typeof allowIf>, values?: string[]) =>
    role.decide({ action: 'dynamodb:GetItem', resource: '*', conditionValues: () => values });

  it('judge every value for ForAllValues, and pass when there is none', () => {
    const role = allowIf({ 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['a#*'] } });
    expect(ask(role, ['a#1', 'a#2'])).toBe('Allowed');
    expect(ask(role, ['a#1', 'b#1'])).toBe('ImplicitlyDenied');
    expect(ask(role, undefined)).toBe('Allowed'); // as IAM documents; a Scan is kept out by not granting it
  });

  it('judge a single value, which must be there', () => {
    const role = allowIf({ StringEquals: { 'dynamodb:EnclosingOperation': 'TransactWriteItems' } });
    expect(ask(role, ['TransactWriteItems'])).toBe('Allowed');
    expect(ask(role, ['TransactGetItems'])).toBe('ImplicitlyDenied');
    expect(ask(role, undefined)).toBe('ImplicitlyDenied');
  });

  it('take loopback for an encrypted transport', () => {
    const deny = { Effect: 'Deny', Action: 'sqs:*', Resource: '*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } };
    expect(decide('sqs:SendMessage', queue, deny, { Effect: 'Allow', Action: 'sqs:*', Resource: '*' })).toBe('Allowed');
  });

  it('that cannot be judged are an error at once, unless they are about services that are not here', () => {
    expect(() => allowIf({ StringEquals: { 'dynamodb:Select': 'COUNT' } })).toThrow(/dynamodb:Select/);
    expect(() => allowIf({ NumericLessThan: { 'dynamodb:LeadingKeys': '3' } })).toThrow(/NumericLessThan/);
    expect(() => allowIf({ StringEquals: { 'dynamodb:LeadingKeys': ['$', '{aws:username}'].join('') } })).toThrow(
      /policy variable/,
    );
    const metrics = {
      Effect: 'Allow',
      Action: 'cloudwatch:PutMetricData',
      Resource: '*',
      Condition: { StringEquals: { 'cloudwatch:namespace': 'X' } },
    };
    expect(() => compileRole([{ Statement: [metrics] }])).not.toThrow();
  });
});
