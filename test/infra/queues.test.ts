import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { pointsTo, type SynthesisedTemplate, salesforceEventSource, synthesised } from './synthesised.ts';

const workQueues = [
  { queue: 'SalesforceProcessingChanges', consumer: 'ProcessSalesforce', concurrency: 2 },
  { queue: 'HubspotProcessingChanges', consumer: 'ProcessHubspot', concurrency: 2 },
  { queue: 'DeliverySalesforceDeliveries', consumer: 'DeliverToSalesforce', concurrency: 2 },
  { queue: 'DeliveryHubspotDeliveries', consumer: 'DeliverToHubspot', concurrency: 2 },
];

const queueSchema = z.object({
  SqsManagedSseEnabled: z.boolean(),
  MessageRetentionPeriod: z.number(),
  VisibilityTimeout: z.number().optional(),
  RedrivePolicy: z.object({ deadLetterTargetArn: z.json(), maxReceiveCount: z.number() }).optional(),
});
const days = (count: number) => count * 24 * 3600;

let template: SynthesisedTemplate;
beforeAll(() => {
  template = synthesised({ salesforceEventSource });
});

const queue = (name: string) => queueSchema.parse(template.one('AWS::SQS::Queue', name).Properties);

describe.each(workQueues)('$queue', ({ queue: name, consumer, concurrency }) => {
  it('hides a message for at least six timeouts of its consumer', () => {
    const { Timeout } = z.object({ Timeout: z.number() }).parse(template.one('AWS::Lambda::Function', consumer).Properties);
    expect(queue(name).VisibilityTimeout).toBeGreaterThanOrEqual(6 * Timeout);
  });

  it('gives a message up after five tries, to dead letters that keep it for 14 days', () => {
    const redrive = queue(name).RedrivePolicy;
    expect(redrive?.maxReceiveCount).toBe(5);
    expect(pointsTo(redrive?.deadLetterTargetArn)).toBe(`${name}DeadLetters`);
    expect(queue(`${name}DeadLetters`).MessageRetentionPeriod).toBe(days(14));
  });

  it('outlives an outage of days', () => {
    expect(queue(name).MessageRetentionPeriod).toBe(days(14));
  });

  it('hands over full batches at once, takes failures back one by one, and never more at once than its system bears', () => {
    const mapping = template
      .all('AWS::Lambda::EventSourceMapping')
      .find(({ Properties }) => pointsTo(Properties.EventSourceArn) === name);
    expect(mapping?.Properties).toMatchObject({
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: concurrency },
    });
    expect(mapping?.Properties).not.toHaveProperty('MaximumBatchingWindowInSeconds');
    expect(pointsTo(mapping?.Properties.FunctionName)).toMatch(new RegExp(`${consumer}$`));
  });
});

describe('every queue', () => {
  it('is encrypted', () => {
    for (const { id, Properties } of template.all('AWS::SQS::Queue')) {
      expect(queueSchema.parse(Properties).SqsManagedSseEnabled, id).toBe(true);
    }
  });

  it('refuses whoever comes without TLS', () => {
    const statement = z.object({ Effect: z.string(), Action: z.json(), Condition: z.json().optional() });
    const policySchema = z.object({ Queues: z.array(z.json()), PolicyDocument: z.object({ Statement: z.array(statement) }) });
    const guarded = template.all('AWS::SQS::QueuePolicy').flatMap(({ Properties }) => {
      const { Queues, PolicyDocument } = policySchema.parse(Properties);
      const deniesPlain = PolicyDocument.Statement.some(
        ({ Effect, Action, Condition }) =>
          Effect === 'Deny' && Action === 'sqs:*' && JSON.stringify(Condition) === '{"Bool":{"aws:SecureTransport":"false"}}',
      );
      return deniesPlain ? Queues.map(pointsTo) : [];
    });
    expect(new Set(guarded)).toEqual(new Set(template.all('AWS::SQS::Queue').map(({ id }) => pointsTo({ Ref: id }))));
  });
});
