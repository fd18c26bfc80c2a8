import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { changeEventOf } from '../../infra/salesforce-events.ts';
import { contacts, pointsTo, type SynthesisedTemplate, salesforceEventSource, synthesised } from './synthesised.ts';

const ruleSchema = z.object({
  EventBusName: z.json().optional(),
  ScheduleExpression: z.string().optional(),
  EventPattern: z.json().optional(),
  Targets: z.tuple([
    z.object({
      Arn: z.json(),
      DeadLetterConfig: z.object({ Arn: z.json() }).optional(),
      RetryPolicy: z.object({ MaximumRetryAttempts: z.number(), MaximumEventAgeInSeconds: z.number() }),
    }),
  ]),
});

let template: SynthesisedTemplate;
beforeAll(() => {
  template = synthesised({ salesforceEventSource });
});

const rule = (name: string) => ruleSchema.parse(template.one('AWS::Events::Rule', name).Properties);

describe('the change events of Salesforce', () => {
  it('arrive on the bus that bears the name of their source', () => {
    expect(template.one('AWS::Events::EventBus', 'SalesforceEventsBus').Properties).toMatchObject({
      EventSourceName: salesforceEventSource,
      Name: salesforceEventSource,
    });
  });

  it('go straight to the changes queue of Salesforce, those of synced objects only', () => {
    const { EventBusName, EventPattern, Targets } = rule('SalesforceEventsChanges');
    expect(pointsTo(EventBusName)).toBe('SalesforceEventsBus');
    expect(EventPattern).toEqual({ source: [{ prefix: 'aws.partner/salesforce.com/' }], 'detail-type': ['ContactChangeEvent'] });
    expect(pointsTo(Targets[0].Arn)).toBe('SalesforceProcessingChanges');
  });

  it('are tried for a day, then kept where a person finds them', () => {
    const [target] = rule('SalesforceEventsChanges').Targets;
    expect(target.RetryPolicy).toEqual({ MaximumEventAgeInSeconds: 24 * 3600, MaximumRetryAttempts: 185 });
    expect(pointsTo(target.DeadLetterConfig?.Arn)).toBe('SalesforceEventsUndeliverable');
  });

  it('are let into both queues by this rule alone', () => {
    const allows = template
      .all('AWS::SQS::QueuePolicy')
      .map(({ Properties }) => JSON.stringify(Properties.PolicyDocument))
      .filter((policy) => policy.includes('events.amazonaws.com'));
    expect(allows).toHaveLength(2);
    for (const policy of allows) expect(policy).toContain('aws:SourceArn');
  });

  it('are announced under the name of their object', () => {
    expect(changeEventOf('Contact')).toBe('ContactChangeEvent');
    expect(changeEventOf('Shipment__c')).toBe('Shipment__ChangeEvent');
  });

  it('are not missed where no event source is given: no bus is made, and the operator is told that polling carries the load', () => {
    const without = synthesised();
    expect(without.all('AWS::Events::EventBus')).toEqual([]);
    expect(without.assembly.messages.map(({ level, entry }) => `${level}: ${entry.data}`)).toEqual([
      expect.stringMatching(/^info: No salesforceEventSource is given.*polling alone.*docs\/deploy\.md/),
    ]);
  });
});

describe.each([
  { system: 'salesforce', prefix: 'Salesforce' },
  { system: 'hubspot', prefix: 'Hubspot' },
])('polling of $system', ({ system, prefix }) => {
  it('follows the most impatient sync', () => {
    const hourly = { ...contacts, name: 'rarely', poll: { everyMinutes: 60, overlapMinutes: 10 } };
    const fast = synthesised({}, { syncs: [hourly, contacts] });
    const { ScheduleExpression } = ruleSchema.parse(fast.one('AWS::Events::Rule', `${prefix}PollingSchedule`).Properties);
    expect(ScheduleExpression).toBe('rate(5 minutes)');
  });

  it('can be asked for, by a request that names the system or names none', () => {
    const { EventBusName, EventPattern } = rule(`${prefix}PollingRequested`);
    expect(EventBusName).toBeUndefined(); // the default bus
    expect(EventPattern).toEqual({
      source: ['concord'],
      'detail-type': ['PollRequested'],
      detail: { systems: [system, { exists: false }] },
    });
  });

  it.each(['PollingSchedule', 'PollingRequested'])(
    'is never repeated nor late (%s): the next one lists the same and more',
    (name) => {
      const [target] = rule(`${prefix}${name}`).Targets;
      expect(pointsTo(target.Arn)).toMatch(new RegExp(`Poll${prefix}$`));
      expect(target.RetryPolicy).toEqual({ MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 });
      const invocation = template.one('AWS::Lambda::EventInvokeConfig', `Poll${prefix}EventInvokeConfig`).Properties;
      expect(invocation).toMatchObject({ MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 });
    },
  );
});

it('a sweep runs every five minutes', () => {
  expect(rule('SweepSchedule').ScheduleExpression).toBe('rate(5 minutes)');
});

it.each(['Salesforce', 'Hubspot'])(
  'the canaries of %s are probed every 15 minutes, so that a token has one run to arrive',
  (prefix) => {
    const { ScheduleExpression, Targets } = rule(`${prefix}CanariesSchedule`);
    expect(ScheduleExpression).toBe('rate(15 minutes)');
    expect(Targets.map(({ Arn }) => pointsTo(Arn))).toEqual([expect.stringMatching(new RegExp(`Probe${prefix}$`))]);
  },
);

describe('the stream of the table', () => {
  const mapping = () => {
    const found = template
      .all('AWS::Lambda::EventSourceMapping')
      .find(({ Properties }) => pointsTo(Properties.EventSourceArn) === 'RecordsTable');
    return found?.Properties;
  };

  it('feeds dispatch with the items that have an outbox', () => {
    const { Filters } = z.object({ Filters: z.tuple([z.object({ Pattern: z.string() })]) }).parse(mapping()?.FilterCriteria);
    // `exists` sees leaves only: the outbox is a string, so the leaf is its S.
    expect(JSON.parse(Filters[0].Pattern)).toEqual({ dynamodb: { NewImage: { o: { S: [{ exists: true }] } } } });
    expect(pointsTo(mapping()?.FunctionName)).toMatch(/Dispatch$/);
  });

  it('waits for nothing and loses nothing from before the deployment', () => {
    expect(mapping()).toMatchObject({ BatchSize: 100, MaximumBatchingWindowInSeconds: 0, StartingPosition: 'TRIM_HORIZON' });
  });

  it('does not stand still for a poison batch: it is halved, tried for a bounded time, and reported', () => {
    expect(mapping()).toMatchObject({
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 50,
      MaximumRecordAgeInSeconds: 6 * 3600,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    const failures = z.object({ OnFailure: z.object({ Destination: z.json() }) }).parse(mapping()?.DestinationConfig);
    expect(pointsTo(failures.OnFailure.Destination)).toBe('DeliveryStreamFailures');
  });
});
