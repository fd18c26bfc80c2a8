import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { type Clock, systemClock } from '../aws/clock.ts';
import { lockDataDir } from '../aws/data-dir-lock.ts';
import { type DynamoDb, startDynamoDb } from '../aws/dynamodb.ts';
import { type EventBus, type EventTarget, startEventBus } from '../aws/event-bus.ts';
import { type FunctionStats, type LocalFunction, localFunction } from './functions.ts';
import { type DeniedCall, type Gateway, startGateway } from '../aws/gateway.ts';
import { startHttpApi } from './http-api.ts';
import { LOCAL_ACCOUNT, queueNameOf, queueUrl } from '../aws/local-account.ts';
import { checkSupport, type SupportReport } from './resource-support.ts';
import { type Schedule, startSchedule } from './schedules.ts';
import { type SecretsManager, startSecretsManager } from '../aws/secrets-manager.ts';
import { type Sqs, startSqs } from '../aws/sqs.ts';
import { concurrencyOf, type EventSource, sqsEventSource } from './sqs-event-source.ts';
import { openCheckpoints, type StreamEventSource, streamEventSource } from './stream-event-source.ts';
import { type LocalTemplate, loadTemplate, TemplateError } from './template.ts';
import type { CallUsage } from '../aws/usage.ts';

/** Instances of a function that nothing else bounds. */
const INSTANCES_DEFAULT = 4;
const STREAM_POLL_MS = 5;
const TTL_SWEEP_MS = 60_000;
const QUIET_FOR_MS = 60;

export interface StackOptions {
  readonly assemblyDir: string;
  readonly stackName: string;
  /** Queues, table, checkpoints and secrets lie here; a restart resumes. */
  readonly dataDir: string;
  readonly ports?: { readonly api?: number; readonly gateway?: number };
  /** Initial values by the secret's name; a value that was changed since is kept. */
  readonly secrets?: Readonly<Record<string, unknown>>;
  readonly isolation?: 'worker' | 'process';
  readonly clock?: Clock;
  /** How soon a write to a table's stream is looked at, ms. */
  readonly streamPollMs?: number;
  readonly warn?: (message: string) => void;
}

export interface LogLine {
  readonly functionName: string; // logical id
  readonly line: string;
}

export interface StackStats {
  readonly functions: Readonly<Record<string, FunctionStats>>; // by logical id
  readonly calls: readonly CallUsage[];
  readonly sqsRequests: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly denied: readonly DeniedCall[];
  readonly deadLetters: Readonly<Record<string, number>>; // by queue
}

/** A synthesised stack, running. */
export interface LocalStack {
  readonly apiUrl: string;
  readonly gatewayUrl: string;
  readonly template: LocalTemplate;
  readonly sqs: Sqs;
  readonly dynamodb: DynamoDb;
  readonly gateway: Gateway;
  /** @throws Error when not exactly one queue's logical id begins so. */
  queueName(logicalIdPrefix: string): string;
  queueUrl(logicalIdPrefix: string): string;
  tableName(logicalIdPrefix: string): string;
  invoke(logicalIdPrefix: string, event: unknown): ReturnType<LocalFunction['invoke']>;
  /** Runs all schedules whose rule's logical id contains `match`, now, and waits for them. */
  runSchedules(match?: string): Promise<void>;
  /** Stops taking from queues, streams and schedules; what is in hand is finished. */
  pause(): void;
  resume(): void;
  isQuiet(): boolean;
  waitUntilQuiet(options: { timeoutMs: number }): Promise<void>;
  /** Ends all instances of the functions whose logical id contains `match`, in the middle of whatever they do. */
  kill(match: string): number;
  stats(): StackStats;
  resetStats(): void;
  onLog(listener: (line: LogLine) => void): () => void;
  report(): SupportReport;
  stop(): Promise<void>;
}

/**
 * Runs a synthesised template on this machine: the same bundles, routes, queues with redrive, event source mappings, stream,
 * schedules, rules, environments and roles.
 *
 * @throws TemplateError when the template holds what would have to be passed over in silence.
 */
export async function startStack(options: StackOptions): Promise<LocalStack> {
  const { clock = systemClock, isolation = 'worker', warn = (message) => console.warn(message) } = options;
  const account = LOCAL_ACCOUNT;
  mkdirSync(options.dataDir, { recursive: true });
  const unlock = lockDataDir(options.dataDir);
  const file = (name: string) => path.join(options.dataDir, name);
  const sqs = startSqs({ file: file('sqs.sqlite'), clock });
  const dynamodb = await startDynamoDb({ dataDir: options.dataDir, clock, warn });
  const secrets = startSecretsManager({ file: file('secrets.json'), clock });
  const eventBus = startEventBus({ file: file('events.sqlite'), clock, warn });
  const gateway = await startGateway({ sqs, dynamodb, eventBus, secrets, port: options.ports?.gateway ?? 0, warn });
  const checkpoints = openCheckpoints(file('checkpoints.sqlite'));
  const listeners = new Set<(line: LogLine) => void>();

  const closeServices = async () => {
    await gateway.close();
    await eventBus.close();
    checkpoints.close();
    sqs.close();
    await dynamodb.close();
    unlock();
  };

  try {
    const template = loadTemplate({
      assemblyDir: options.assemblyDir,
      stackName: options.stackName,
      account,
      gatewayUrl: gateway.url,
    });
    const report = checkSupport(template);
    makeQueues(template, sqs);
    await makeTables(template, dynamodb, checkpoints.get.bind(checkpoints));
    makeSecrets(template, secrets, options.secrets ?? {});
    const functions = makeFunctions(template, { gateway, isolation, region: account.region }, (line) => {
      for (const listener of listeners) listener(line);
    });
    const functionByArn = (arn: string) =>
      functions.find((one) => arn === one.spec.arn || arn === one.spec.name || arn.startsWith(`${one.spec.arn}:`));

    let paused: Promise<void> | undefined;
    let unpause: () => void = () => undefined;
    const mayTake = () => paused ?? Promise.resolve();
    const sources: EventSource[] = [];
    const streams: StreamEventSource[] = [];
    for (const { logicalId, properties } of template.ofType('AWS::Lambda::EventSourceMapping')) {
      if (properties.Enabled === false) continue;
      const { EventSourceArn: arn, FunctionName: name } = z
        .object({ EventSourceArn: z.string(), FunctionName: z.string() })
        .parse(properties);
      const target = functionByArn(name);
      if (target === undefined) throw new TemplateError(`${logicalId} feeds ${name}, which is no function of this template.`);
      if (arn.includes(':sqs:')) {
        sources.push(sqsEventSource({ properties, target, sqs, region: account.region, mayTake, warn }));
        continue;
      }
      const stream = streamEventSource({
        mapping: logicalId,
        properties,
        tableName: arn.split('/')[1] ?? '',
        target,
        dynamodb,
        sqs,
        checkpoints,
        pollMs: options.streamPollMs ?? STREAM_POLL_MS,
        mayTake,
        warn,
      });
      sources.push(stream);
      streams.push(stream);
    }

    const schedules = wireRules(template, {
      eventBus,
      sqs,
      functionByArn,
      now: () => clock.now(),
      mayRun: () => paused === undefined,
      warn,
    });
    eventBus.resume();
    const api = await startHttpApi({
      template,
      functionByArn,
      port: options.ports?.api ?? 0,
      accountId: account.accountId,
      now: () => clock.now(),
      warn,
    });
    const sweep = setInterval(
      () => void dynamodb.sweepTtl().catch((error: unknown) => warn(`TTL sweep: ${String(error)}`)),
      TTL_SWEEP_MS,
    );

    const deadLetterQueues = deadLetterQueuesOf(template);
    const workQueues = sqs.queueNames().filter((name) => !deadLetterQueues.has(name));
    const isQuiet = () =>
      functions.every((one) => one.running() === 0) &&
      schedules.every((schedule) => !schedule.busy()) &&
      eventBus.pending() === 0 &&
      streams.every((stream) => stream.drained()) &&
      workQueues.every((name) => {
        const { visible, inFlight, delayed } = sqs.counts(name);
        return visible + inFlight + delayed === 0;
      });
    const one = <Item>(items: readonly Item[], idOf: (item: Item) => string, prefix: string): Item => {
      const found = items.filter((item) => idOf(item).startsWith(prefix));
      const exact = found.find((item) => idOf(item).replace(/[0-9A-F]{8}$/, '') === prefix);
      const [only] = found;
      if (exact !== undefined) return exact;
      if (only === undefined || found.length > 1)
        throw new Error(`${found.length} resources begin with ${prefix}: ${found.map(idOf).join(', ')}`);
      return only;
    };
    const resourceName = (types: readonly string[], prefix: string) =>
      template.nameOf(one(template.ofType(...types), (resource) => resource.logicalId, prefix).logicalId);

    return {
      apiUrl: api.url,
      gatewayUrl: gateway.url,
      template,
      sqs,
      dynamodb,
      gateway,
      queueName: (prefix) => resourceName(['AWS::SQS::Queue'], prefix),
      queueUrl: (prefix) => queueUrl(gateway.url, account, resourceName(['AWS::SQS::Queue'], prefix)),
      tableName: (prefix) => resourceName(['AWS::DynamoDB::GlobalTable', 'AWS::DynamoDB::Table'], prefix),
      invoke: (prefix, event) => one(functions, (each) => each.spec.logicalId, prefix).invoke(event),
      async runSchedules(match = '') {
        await Promise.all(schedules.filter((schedule) => schedule.name.includes(match)).map((schedule) => schedule.run()));
      },
      pause() {
        if (paused !== undefined) return;
        paused = new Promise((resolve) => {
          unpause = resolve;
        });
      },
      resume() {
        paused = undefined;
        unpause();
      },
      isQuiet,
      async waitUntilQuiet({ timeoutMs }) {
        const deadline = Date.now() + timeoutMs;
        let quietSince: number | undefined;
        for (;;) {
          quietSince = isQuiet() ? (quietSince ?? Date.now()) : undefined;
          if (quietSince !== undefined && Date.now() - quietSince >= QUIET_FOR_MS) return;
          if (Date.now() > deadline)
            throw new Error(`not quiet within ${timeoutMs} ms: ${whatIsLeft(workQueues, sqs, functions, eventBus)}`);
          await sleep(10);
        }
      },
      kill: (match) =>
        functions.filter((each) => each.spec.logicalId.includes(match)).reduce((killed, each) => killed + each.kill(), 0),
      stats: () => ({
        functions: Object.fromEntries(functions.map((each) => [each.spec.logicalId, each.stats()])),
        calls: gateway.usage(),
        sqsRequests: sqs.requests(),
        denied: [...gateway.denied],
        deadLetters: Object.fromEntries([...deadLetterQueues].map((name) => [name, sqs.counts(name).visible])),
      }),
      resetStats() {
        for (const each of functions) each.resetStats();
        gateway.resetUsage();
        sqs.resetRequests();
      },
      onLog(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      report: () => report,
      async stop() {
        clearInterval(sweep);
        for (const schedule of schedules) schedule.close();
        paused = undefined;
        unpause();
        await api.close();
        // What is in hand may finish; what hangs is ended, and comes back by visibility.
        await Promise.race([Promise.all(sources.map((source) => source.close())), sleep(5_000)]);
        await Promise.all(functions.map((each) => each.close()));
        await closeServices();
      },
    };
  } catch (error) {
    await closeServices();
    throw error;
  }
}

const queueSchema = z.record(z.string(), z.unknown());

/** Dead-letter queues first: the others name them. */
function makeQueues(template: LocalTemplate, sqs: Sqs): void {
  const queues = template
    .ofType('AWS::SQS::Queue')
    .sort((a, b) => Number('RedrivePolicy' in a.properties) - Number('RedrivePolicy' in b.properties));
  for (const { logicalId, properties } of queues) {
    const { QueueName: _, ...attributes } = queueSchema.parse(properties);
    const known = Object.entries(attributes).filter(([name]) => name !== 'Tags' && name !== 'SqsManagedSseEnabled');
    sqs.ensureQueue(
      template.nameOf(logicalId),
      Object.fromEntries(known.map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)])),
    );
  }
}

async function makeTables(
  template: LocalTemplate,
  dynamodb: DynamoDb,
  checkpointOf: (mapping: string) => string | undefined,
): Promise<void> {
  for (const { logicalId, properties } of template.ofType('AWS::DynamoDB::GlobalTable', 'AWS::DynamoDB::Table')) {
    const name = template.nameOf(logicalId);
    await dynamodb.ensureTable(name, properties);
    const readers = template
      .ofType('AWS::Lambda::EventSourceMapping')
      .filter((mapping) => String(mapping.properties.EventSourceArn).includes(`table/${name}/`));
    const positions = readers.map((mapping) => checkpointOf(mapping.logicalId));
    // What every reader is past is of no use to anybody.
    const [position] = positions;
    if (positions.length === 1 && position !== undefined) await dynamodb.trimStream(name, position);
  }
}

function makeSecrets(template: LocalTemplate, secrets: SecretsManager, values: Readonly<Record<string, unknown>>): void {
  for (const { logicalId } of template.ofType('AWS::SecretsManager::Secret')) {
    const name = template.nameOf(logicalId);
    const value = values[name];
    if (value === undefined) secrets.ensureSecret(name, '{}');
    else secrets.put(name, JSON.stringify(value));
  }
}

const functionSchema = z.object({
  Code: z.object({ S3Key: z.string() }),
  Handler: z.string(),
  Role: z.string(),
  Timeout: z.coerce.number().default(3),
  MemorySize: z.coerce.number().default(128),
  ReservedConcurrentExecutions: z.coerce.number().optional(),
  Environment: z.object({ Variables: z.record(z.string(), z.coerce.string()) }).default({ Variables: {} }),
});

function makeFunctions(
  template: LocalTemplate,
  around: { gateway: Gateway; isolation: 'worker' | 'process'; region: string },
  onLine: (line: LogLine) => void,
): LocalFunction[] {
  return template.ofType('AWS::Lambda::Function').map(({ logicalId, properties }) => {
    const spec = functionSchema.parse(properties);
    const name = template.nameOf(logicalId);
    const arn = template.arnOf(logicalId);
    const [module = 'index', handler = 'handler'] = spec.Handler.split('.');
    const dir = template.assetDir(spec.Code.S3Key);
    const entry = ['.mjs', '.js', '.cjs']
      .map((extension) => path.resolve(dir, module + extension))
      .find((candidate) => existsSync(candidate));
    if (entry === undefined) throw new TemplateError(`${logicalId}: there is no ${module}.mjs in ${dir}; synthesise again.`);
    const accessKey = `FN${logicalId}`;
    around.gateway.admit(accessKey, { name: logicalId, documents: policiesOf(template, spec.Role) });
    return localFunction(
      {
        logicalId,
        name,
        arn,
        entry,
        handler,
        timeoutMs: spec.Timeout * 1_000,
        memoryMb: spec.MemorySize,
        instancesMax: spec.ReservedConcurrentExecutions ?? instancesOf(template, name, arn),
        environment: {
          ...spec.Environment.Variables,
          AWS_REGION: around.region,
          AWS_DEFAULT_REGION: around.region,
          AWS_ACCESS_KEY_ID: accessKey,
          AWS_SECRET_ACCESS_KEY: 'local',
          AWS_SESSION_TOKEN: 'local',
          AWS_ENDPOINT_URL: around.gateway.url,
          AWS_EC2_METADATA_DISABLED: 'true',
          AWS_LAMBDA_FUNCTION_NAME: name,
          AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
          AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.MemorySize),
          AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
          TZ: 'UTC',
        },
      },
      around.isolation,
      (line) => onLine({ functionName: logicalId, line }),
    );
  });
}

/** As many as its event sources ask for at once. */
function instancesOf(template: LocalTemplate, name: string, arn: string): number {
  const mappings = template
    .ofType('AWS::Lambda::EventSourceMapping')
    .filter(({ properties }) => properties.FunctionName === name || properties.FunctionName === arn);
  const wanted = mappings.map(({ properties }) =>
    String(properties.EventSourceArn).includes(':sqs:') ? concurrencyOf(properties) : 1,
  );
  return wanted.length === 0 ? INSTANCES_DEFAULT : Math.max(...wanted);
}

const roleSchema = z.object({
  Policies: z.array(z.object({ PolicyDocument: z.unknown() })).default([]),
  ManagedPolicyArns: z.array(z.string()).default([]),
});
const policySchema = z.object({ PolicyDocument: z.unknown(), Roles: z.array(z.string()).default([]) });
/** Only the right to write log lines, which needs none here. */
const LOGGING_POLICY = /AWSLambdaBasicExecutionRole$/;

function policiesOf(template: LocalTemplate, roleArn: string): unknown[] {
  const role = template.ofType('AWS::IAM::Role').find((candidate) => template.arnOf(candidate.logicalId) === roleArn);
  if (role === undefined) throw new TemplateError(`${roleArn} is no role of this template.`);
  const { Policies: inline, ManagedPolicyArns: managed } = roleSchema.parse(role.properties);
  const unknownPolicy = managed.find((arn) => !LOGGING_POLICY.test(arn));
  if (unknownPolicy !== undefined)
    throw new TemplateError(
      `${role.logicalId} uses ${unknownPolicy}, whose statements are not known here: write the grants out.`,
    );
  const roleName = template.nameOf(role.logicalId);
  const attached = template.ofType('AWS::IAM::Policy').map(({ properties }) => policySchema.parse(properties));
  return [...inline, ...attached.filter((policy) => policy.Roles.includes(roleName))].map((policy) => policy.PolicyDocument);
}

const ruleSchema = z.object({
  EventPattern: z.unknown().optional(),
  ScheduleExpression: z.string().optional(),
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  EventBusName: z.string().optional(),
  Targets: z.array(
    z.strictObject({
      Arn: z.string(),
      Id: z.string(),
      Input: z.string().optional(),
      DeadLetterConfig: z.object({ Arn: z.string() }).optional(),
      RetryPolicy: z
        .object({ MaximumRetryAttempts: z.coerce.number().optional(), MaximumEventAgeInSeconds: z.coerce.number().optional() })
        .optional(),
    }),
  ),
});

interface RuleSurroundings {
  readonly eventBus: EventBus;
  readonly sqs: Sqs;
  readonly functionByArn: (arn: string) => LocalFunction | undefined;
  readonly now: () => number;
  readonly mayRun: () => boolean;
  readonly warn: (message: string) => void;
}

function wireRules(template: LocalTemplate, around: RuleSurroundings): Schedule[] {
  for (const { logicalId } of template.ofType('AWS::Events::EventBus')) around.eventBus.ensureBus(template.nameOf(logicalId));
  const schedules: Schedule[] = [];
  for (const { logicalId, properties } of template.ofType('AWS::Events::Rule')) {
    const rule = ruleSchema.parse(properties);
    if (rule.State === 'DISABLED') continue;
    if (rule.EventPattern !== undefined) {
      const busName = rule.EventBusName?.split('event-bus/').at(-1) ?? 'default';
      around.eventBus.setRule({
        name: logicalId,
        busName,
        pattern: rule.EventPattern,
        targets: rule.Targets.map((target) => eventTarget(target, logicalId, around)),
      });
    }
    if (rule.ScheduleExpression !== undefined) {
      const act = async () => {
        await Promise.all(rule.Targets.map((target) => runScheduled(target, logicalId, around)));
      };
      schedules.push(startSchedule(logicalId, rule.ScheduleExpression, act, around.now, around.mayRun));
    }
  }
  return schedules;
}

type RuleTarget = z.infer<typeof ruleSchema>['Targets'][number];

async function runScheduled(target: RuleTarget, rule: string, around: RuleSurroundings): Promise<void> {
  const handler = around.functionByArn(target.Arn);
  if (handler === undefined)
    throw new TemplateError(`rule ${rule} has the target ${target.Arn}; a schedule runs functions only here.`);
  const event =
    target.Input === undefined
      ? {
          version: '0',
          id: rule,
          'detail-type': 'Scheduled Event',
          source: 'aws.events',
          time: new Date(around.now()).toISOString(),
          resources: [rule],
          detail: {},
        }
      : JSON.parse(target.Input);
  const result = await handler.invoke(event);
  if (!result.ok) around.warn(`${handler.spec.name}: ${result.error.type}: ${result.error.message}`);
}

function eventTarget(target: RuleTarget, rule: string, around: RuleSurroundings): EventTarget {
  const handler = around.functionByArn(target.Arn);
  const deadLetter = target.DeadLetterConfig;
  return {
    id: target.Id,
    async deliver(eventText) {
      if (handler === undefined) {
        if (!target.Arn.includes(':sqs:'))
          throw new TemplateError(`rule ${rule} has the target ${target.Arn}, which is neither a function nor a queue.`);
        await around.sqs.send(queueNameOf(target.Arn), [{ body: eventText }]);
        return;
      }
      const result = await handler.invoke(JSON.parse(eventText));
      if (!result.ok) throw new Error(`${result.error.type}: ${result.error.message}`);
    },
    ...(deadLetter !== undefined && {
      deadLetter: async (eventText: string) => {
        await around.sqs.send(queueNameOf(deadLetter.Arn), [{ body: eventText }]);
      },
    }),
    ...(target.RetryPolicy?.MaximumRetryAttempts !== undefined && { maxAttempts: target.RetryPolicy.MaximumRetryAttempts + 1 }),
    ...(target.RetryPolicy?.MaximumEventAgeInSeconds !== undefined && {
      maxAgeSeconds: target.RetryPolicy.MaximumEventAgeInSeconds,
    }),
  };
}

/** Queues that other queues, rules or mappings send to when they give up: what lies there waits for a person. */
function deadLetterQueuesOf(template: LocalTemplate): Set<string> {
  const names = new Set<string>();
  for (const { properties } of template.resources) {
    for (const arn of JSON.stringify([properties.RedrivePolicy, properties.DestinationConfig, properties.Targets]).matchAll(
      /"(?:deadLetterTargetArn|Destination|DeadLetterConfig":\{"Arn)":"(arn:aws:sqs:[^"]+)"/g,
    )) {
      if (arn[1] !== undefined) names.add(queueNameOf(arn[1]));
    }
  }
  return names;
}

function whatIsLeft(queues: readonly string[], sqs: Sqs, functions: readonly LocalFunction[], eventBus: EventBus): string {
  const waiting = queues.flatMap((name) => {
    const { visible, inFlight, delayed } = sqs.counts(name);
    return visible + inFlight + delayed === 0 ? [] : [`${name} holds ${visible} + ${inFlight} in flight + ${delayed} delayed`];
  });
  const busy = functions.filter((one) => one.running() > 0).map((one) => `${one.spec.logicalId} runs`);
  return (
    [...waiting, ...busy, ...(eventBus.pending() > 0 ? [`${eventBus.pending()} events are on their way`] : [])].join('; ') ||
    'the stream is not drained'
  );
}
