import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { runbookSections } from '../../infra/runbook.ts';
import { pointsTo, type SynthesisedTemplate, salesforceEventSource, synthesised } from './synthesised.ts';

const alarmSchema = z.object({
  AlarmDescription: z.string(),
  Namespace: z.string(),
  MetricName: z.string(),
  Dimensions: z.array(z.object({ Name: z.string(), Value: z.json() })),
  Threshold: z.number(),
  ComparisonOperator: z.literal('GreaterThanThreshold'),
  Period: z.number(),
  EvaluationPeriods: z.number(),
  TreatMissingData: z.enum(['breaching', 'notBreaching']),
  AlarmActions: z.array(z.json()),
  OKActions: z.array(z.json()),
});
type Alarm = z.infer<typeof alarmSchema>;

const runbook = readFileSync(path.resolve(import.meta.dirname, '../../docs/runbook.md'), 'utf8');

let template: SynthesisedTemplate;
beforeAll(() => {
  template = synthesised({ salesforceEventSource, alarmEmail: 'on-call@example.test' });
});

const alarms = (): Alarm[] => template.all('AWS::CloudWatch::Alarm').map(({ Properties }) => alarmSchema.parse(Properties));
const on = (metric: string) => alarms().filter(({ MetricName }) => MetricName === metric);
const watched = (metric: string) =>
  new Set(on(metric).flatMap(({ Dimensions }) => Dimensions.map(({ Value }) => pointsTo(Value))));
const ids = (type: string) => template.all(type).map(({ id }) => pointsTo({ Ref: id }));

/** The anchor that GitHub and others give a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');

describe('every alarm', () => {
  it('says what to do: its description ends with a section of the runbook that exists', () => {
    const anchors = new Set([...runbook.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => anchorOf(heading)));
    for (const { AlarmDescription } of alarms()) {
      const anchor = /docs\/runbook\.md#([a-z-]+)$/.exec(AlarmDescription)?.[1];
      expect(anchors, AlarmDescription).toContain(anchor);
    }
  });

  it('leaves no section of the runbook without an alarm that leads to it', () => {
    const named = new Set(alarms().map(({ AlarmDescription }) => AlarmDescription.split('#').at(-1)));
    expect(named).toEqual(new Set(runbookSections));
  });

  it('rings on the topic, and tells when it is over', () => {
    for (const { AlarmActions, OKActions } of alarms()) {
      expect([...AlarmActions, ...OKActions].map(pointsTo)).toEqual(['AlarmsTopic', 'AlarmsTopic']);
    }
    const [subscription] = template.all('AWS::SNS::Subscription');
    expect(subscription?.Properties).toMatchObject({ Protocol: 'email', Endpoint: 'on-call@example.test' });
  });
});

describe('the runbook', () => {
  it.each(runbookSections)('%s tells the meaning, where to look and what to do', (section) => {
    const text = runbook.split(/^## /m).find((part) => anchorOf(part.split('\n', 1)[0] ?? '') === section);
    expect(text).toMatch(/\*\*Meaning\.\*\*[\s\S]*\*\*Where to look\.\*\*[\s\S]*\*\*What to do\.\*\*/);
  });
});

describe('an alarm rings', () => {
  it('as soon as anything was given up', () => {
    const deadLetters = ids('AWS::SQS::Queue').filter((name) => /DeadLetters$|Failures$|Undeliverable$/.test(name));
    expect(watched('ApproximateNumberOfMessagesVisible')).toEqual(new Set(deadLetters.map((name) => name)));
    for (const alarm of on('ApproximateNumberOfMessagesVisible')) expect(alarm.Threshold).toBe(0);
  });

  it('when changes or deliveries wait for too long', () => {
    const workQueues = ids('AWS::SQS::Queue').filter((name) => /(Changes|Deliveries)$/.test(name));
    expect(watched('ApproximateAgeOfOldestMessage')).toEqual(new Set(workQueues));
  });

  it('when any function fails', () => {
    const errors = alarms().filter(({ MetricName, Namespace }) => MetricName === 'Errors' && Namespace === 'AWS/Lambda');
    expect(new Set(errors.flatMap(({ Dimensions }) => Dimensions.map(({ Value }) => pointsTo(Value))))).toEqual(
      new Set(ids('AWS::Lambda::Function')),
    );
  });

  it('when the stream falls behind', () => {
    expect(on('IteratorAge')).toHaveLength(1);
  });

  it.each([
    'PollLagSeconds',
    'ApiBudgetUsedPercent',
    'AuthRejected',
    'WritesStopped',
    'CanaryAgeSeconds',
    'Quarantined',
    'FieldsPaused',
  ])('for each system on %s', (metric) => {
    expect(on(metric).map(({ Namespace, Dimensions }) => ({ Namespace, Dimensions }))).toEqual(
      ['salesforce', 'hubspot'].map((system) => ({
        Namespace: 'Concord',
        Dimensions: [
          { Name: 'service', Value: 'concord-main' },
          { Name: 'system', Value: system },
        ],
      })),
    );
  });

  it('when a system is polled late, or not at all', () => {
    for (const { TreatMissingData, Threshold } of on('PollLagSeconds')) {
      expect(TreatMissingData).toBe('breaching');
      expect(Threshold).toBe(15 * 60); // three polls of five minutes
    }
  });

  it('when 70 % of the API calls are spent', () => {
    for (const { Threshold } of on('ApiBudgetUsedPercent')) expect(Threshold).toBe(70);
  });

  it('while a guard holds writes back, or a record is frozen: each telling is heard until the next', () => {
    const standing = [...on('WritesStopped'), ...on('RecordsFrozen')];
    expect(standing).toHaveLength(3);
    for (const { Threshold, Period } of standing) expect({ Threshold, Period }).toEqual({ Threshold: 0, Period: 30 * 60 });
  });

  it('when polls find what no change event announced, where events are expected', () => {
    expect(on('ChangeEventsMissing')).toHaveLength(1);
    expect(
      synthesised()
        .all('AWS::CloudWatch::Alarm')
        .filter(({ Properties }) => Properties.MetricName === 'ChangeEventsMissing'),
    ).toEqual([]);
  });

  it('on silence only where silence is the fault', () => {
    const breaching = alarms().filter(({ TreatMissingData }) => TreatMissingData === 'breaching');
    expect(new Set(breaching.map(({ MetricName }) => MetricName))).toEqual(new Set(['PollLagSeconds']));
  });
});
