import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import type { Clock } from '../aws/clock.ts';
import type { EventBus, EventTarget } from '../aws/event-bus.ts';
import { type LocalAccount, queueNameOf } from '../aws/local-account.ts';
import type { Sqs } from '../aws/sqs.ts';
import { type AsyncRetry, asyncRetries } from './async-invocation.ts';
import type { LocalFunction } from './functions.ts';
import { type Schedule, startSchedule } from './schedules.ts';
import type { LocalTemplate } from './template.ts';
import { TemplateError } from './template-error.ts';

/** Lambda waits a minute before it tries an event again; nobody wants to sit through that here. */
const RETRY_MS = 1_000;

const targetSchema = z.strictObject({
  Arn: z.string(),
  Id: z.string(),
  Input: z.string().optional(),
  DeadLetterConfig: z.strictObject({ Arn: z.string() }).optional(),
  RetryPolicy: z
    .strictObject({
      MaximumRetryAttempts: z.coerce.number().int().min(0).max(185).optional(),
      MaximumEventAgeInSeconds: z.coerce.number().int().min(60).max(86_400).optional(),
    })
    .optional(),
});
type Target = z.infer<typeof targetSchema>;
const ruleSchema = z.object({
  EventPattern: z.unknown().optional(),
  ScheduleExpression: z.string().optional(),
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  EventBusName: z.string().optional(),
  Targets: z.array(targetSchema).default([]),
});

export interface RuleSurroundings {
  readonly account: LocalAccount;
  readonly clock: Clock;
  readonly eventBus: EventBus;
  readonly sqs: Sqs;
  readonly functionByArn: (arn: string) => LocalFunction | undefined;
  /** Schedules may fire. */
  readonly mayRun: () => boolean;
  readonly warn: (message: string) => void;
}

/** Sets the template's rules on their buses, and starts its schedules. */
export function wireRules(template: LocalTemplate, around: RuleSurroundings): Schedule[] {
  for (const { logicalId } of template.ofType('AWS::Events::EventBus')) around.eventBus.ensureBus(template.nameOf(logicalId));
  const retryOf = asyncRetries(template);
  const schedules: Schedule[] = [];
  for (const { logicalId, properties } of template.ofType('AWS::Events::Rule')) {
    const parsed = ruleSchema.safeParse(properties);
    if (!parsed.success) throw new TemplateError(`${logicalId} is not run here as it stands: ${z.prettifyError(parsed.error)}`);
    const { EventPattern, ScheduleExpression, State, EventBusName, Targets } = parsed.data;
    if (State === 'DISABLED') continue;
    const targets = Targets.map((target) => recipientOf(target, logicalId, around, retryOf));
    if (EventPattern !== undefined) {
      const busName = busNameOf(EventBusName);
      if (!around.eventBus.busNames().includes(busName))
        throw new TemplateError(`The rule ${logicalId} listens to the bus ${busName}, which is none of this template.`);
      around.eventBus.setRule({ name: logicalId, busName, pattern: EventPattern, targets: targets.map(asEventTarget) });
    }
    if (ScheduleExpression !== undefined)
      schedules.push(scheduleOf(logicalId, template.arnOf(logicalId), ScheduleExpression, targets, around));
  }
  return schedules;
}

/** A bus may be given by its ARN. Partner names have slashes of their own. */
function busNameOf(nameOrArn = 'default'): string {
  const [, name] = /:event-bus\/(.+)$/.exec(nameOrArn) ?? [];
  return name ?? nameOrArn;
}

/** A target, and how often it is tried. */
interface Recipient {
  readonly target: Target;
  readonly retry: AsyncRetry;
  deliver(eventText: string): Promise<void>;
  readonly deadLetter: ((eventText: string) => Promise<void>) | undefined;
}

/** EventBridge's own defaults, for targets that are no functions. */
const QUEUE_RETRY: AsyncRetry = { attemptsMax: 186, ageSecondsMax: 86_400 };

function recipientOf(
  target: Target,
  rule: string,
  { functionByArn, sqs }: RuleSurroundings,
  retryOf: (functionName: string) => AsyncRetry,
): Recipient {
  const { Input, RetryPolicy, DeadLetterConfig } = target;
  const toQueue = (arn: string) => async (eventText: string) => {
    await sqs.send(queueNameOf(arn), [{ body: Input ?? eventText }]);
  };
  const handler = functionByArn(target.Arn);
  if (handler !== undefined) {
    // A function's failed events go to the function's own destination, of which there is none here, not to the rule's dead letters.
    const retry = retryOf(handler.spec.name);
    return { target, retry, deadLetter: undefined, deliver: (eventText) => invoke(handler, Input ?? eventText) };
  }
  if (!target.Arn.includes(':sqs:'))
    throw new TemplateError(
      `The rule ${rule} has the target ${target.Arn}, which is neither a function of the template nor a queue.`,
    );
  return {
    target,
    retry: {
      attemptsMax:
        RetryPolicy?.MaximumRetryAttempts === undefined ? QUEUE_RETRY.attemptsMax : RetryPolicy.MaximumRetryAttempts + 1,
      ageSecondsMax: RetryPolicy?.MaximumEventAgeInSeconds ?? QUEUE_RETRY.ageSecondsMax,
    },
    deliver: toQueue(target.Arn),
    deadLetter: DeadLetterConfig && toQueue(DeadLetterConfig.Arn),
  };
}

async function invoke(handler: LocalFunction, eventText: string): Promise<void> {
  const result = await handler.invoke(JSON.parse(eventText));
  if (!result.ok) throw new Error(`${handler.spec.name}: ${result.error.type}: ${result.error.message}`);
}

function asEventTarget({ target, retry, deliver, deadLetter }: Recipient): EventTarget {
  return {
    id: target.Id,
    deliver,
    maxAttempts: retry.attemptsMax,
    maxAgeSeconds: retry.ageSecondsMax,
    ...(deadLetter !== undefined && { deadLetter }),
  };
}

function scheduleOf(
  rule: string,
  ruleArn: string,
  expression: string,
  recipients: readonly Recipient[],
  { account, clock, mayRun, warn }: RuleSurroundings,
): Schedule {
  const act = async () => {
    const event = {
      version: '0',
      id: randomUUID(),
      'detail-type': 'Scheduled Event',
      source: 'aws.events',
      account: account.accountId,
      time: new Date(clock.now()).toISOString().replace(/\.\d{3}Z$/, 'Z'),
      region: account.region,
      resources: [ruleArn],
      detail: {},
    };
    await Promise.all(recipients.map((recipient) => tried(recipient, JSON.stringify(event), warn)));
  };
  try {
    return startSchedule({ name: rule, expression, act, clock, mayRun });
  } catch (error) {
    throw new TemplateError(`${rule}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

async function tried({ retry, deliver }: Recipient, eventText: string, warn: (message: string) => void): Promise<void> {
  const until = performance.now() + retry.ageSecondsMax * 1_000;
  for (let attempt = 1; ; attempt++) {
    try {
      return await deliver(eventText);
    } catch (error) {
      warn(error instanceof Error ? error.message : String(error));
      if (attempt >= retry.attemptsMax || performance.now() > until) return;
      await sleep(RETRY_MS);
    }
  }
}
