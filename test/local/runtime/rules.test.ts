import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_ACCOUNT } from '../../../local/aws/local-account.ts';
import { wireRules } from '../../../local/runtime/rules.ts';
import type { Schedule } from '../../../local/runtime/schedules.ts';
import { loadTemplate } from '../../../local/runtime/template.ts';
import { type EmbeddedAws, embeddedAws } from '../aws/embedded-aws.ts';
import { type ResourceText, writeAssembly } from './assembly.ts';
import { FUNCTION_ARN, type ScriptedFunction, scriptedFunction, until } from './scripted-function.ts';

let aws: EmbeddedAws;
const started: Schedule[] = [];
beforeAll(async () => {
  aws = await embeddedAws();
  for (const queue of ['Small-Queue', 'Small-Dead']) aws.sqs.ensureQueue(queue);
});
afterEach(() => {
  for (const schedule of started.splice(0)) schedule.close();
});
afterAll(() => aws.close());

const QUEUE_ARN = 'arn:aws:sqs:eu-west-1:000000000000:Small-Queue';

function wired(rule: object, target: ScriptedFunction, more: Record<string, ResourceText> = {}) {
  const warnings: string[] = [];
  const assembly = writeAssembly({ Rule: { Type: 'AWS::Events::Rule', Properties: rule }, ...more });
  const template = loadTemplate({ ...assembly, account: LOCAL_ACCOUNT, gatewayUrl: '', apiUrl: '' });
  assembly.remove();
  const schedules = wireRules(template, {
    account: LOCAL_ACCOUNT,
    clock: aws.clock,
    eventBus: aws.eventBus,
    sqs: aws.sqs,
    functionByArn: (arn) => (arn === FUNCTION_ARN ? target : undefined),
    mayRun: () => true,
    warn: (message) => warnings.push(message),
  });
  started.push(...schedules);
  return { schedules, warnings };
}

const retries = (MaximumRetryAttempts: number): Record<string, ResourceText> => ({
  Retries: {
    Type: 'AWS::Lambda::EventInvokeConfig',
    Properties: { FunctionName: 'scripted', Qualifier: '$LATEST', MaximumRetryAttempts, MaximumEventAgeInSeconds: 60 },
  },
});
const failing = (): ScriptedFunction =>
  scriptedFunction(() => {
    throw new Error('not now');
  });

describe('A rule with a schedule', () => {
  const everyMinute = { ScheduleExpression: 'rate(1 minute)', Targets: [{ Id: 'Function', Arn: FUNCTION_ARN }] };

  it('gives its function a scheduled event', async () => {
    const target = scriptedFunction(() => null);
    const { schedules } = wired(everyMinute, target);
    await schedules[0]?.run();
    expect(target.events).toEqual([
      {
        version: '0',
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        'detail-type': 'Scheduled Event',
        source: 'aws.events',
        account: '000000000000',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        region: 'eu-west-1',
        resources: ['arn:aws:events:eu-west-1:000000000000:rule/Small-Rule'],
        detail: {},
      },
    ]);
  });

  it('gives the input that the template wrote instead', async () => {
    const target = scriptedFunction(() => null);
    const { schedules } = wired(
      { ScheduleExpression: 'rate(1 minute)', Targets: [{ Id: 'Function', Arn: FUNCTION_ARN, Input: '{"full":true}' }] },
      target,
    );
    await schedules[0]?.run();
    expect(target.events).toEqual([{ full: true }]);
  });

  // docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
  it.each([
    [0, 1],
    [1, 2],
  ])('tries a failing function again %i times, as its invoke config says', async (attempts, invocations) => {
    const target = failing();
    const { schedules, warnings } = wired(everyMinute, target, retries(attempts));
    await schedules[0]?.run();
    expect(target.events).toHaveLength(invocations);
    expect(warnings).toHaveLength(invocations);
  });

  it('can send to a queue', async () => {
    const { schedules } = wired({ ScheduleExpression: 'rate(1 minute)', Targets: [{ Id: 'Queue', Arn: QUEUE_ARN }] }, failing());
    await schedules[0]?.run();
    expect(aws.sqs.peek('Small-Queue', 10).map((message) => JSON.parse(message.body)['detail-type'])).toContain(
      'Scheduled Event',
    );
  });

  it('does nothing when it is disabled', () => {
    expect(wired({ ...everyMinute, State: 'DISABLED' }, failing()).schedules).toEqual([]);
  });
});

describe('A rule with a pattern', () => {
  it('gives its function the event once when that may not be tried again', async () => {
    const target = failing();
    wired({ EventPattern: { source: ['concord'] }, Targets: [{ Id: 'Function', Arn: FUNCTION_ARN }] }, target, retries(0));
    await aws.eventBus.put('default', [{ source: 'concord', detailType: 'PollRequested', detail: '{"systems":["hubspot"]}' }]);
    await until(() => target.events.length > 0 && aws.eventBus.pending() === 0, 'the delivery');
    expect(target.events).toEqual([expect.objectContaining({ source: 'concord', detail: { systems: ['hubspot'] } })]);
  });

  it('is refused with a target that nothing here can serve, and with one that would be changed on the way', () => {
    const target = (more: object) => ({ EventPattern: { source: ['x'] }, Targets: [{ Id: 'T', Arn: FUNCTION_ARN, ...more }] });
    expect(() => wired(target({ Arn: 'arn:aws:sns:eu-west-1:0:Topic' }), failing())).toThrow(
      /The rule Rule has the target arn:aws:sns.*neither a function of the template nor a queue/,
    );
    expect(() => wired(target({ InputPath: '$.detail' }), failing())).toThrow(/Rule is not run here[\s\S]*InputPath/);
  });
});
