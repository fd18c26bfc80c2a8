import { mkdirSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { type Clock, systemClock } from '../aws/clock.ts';
import { lockDataDir } from '../aws/data-dir-lock.ts';
import { type DynamoDb, startDynamoDb } from '../aws/dynamodb.ts';
import { startEventBus } from '../aws/event-bus.ts';
import { type DeniedCall, type Gateway, startGateway } from '../aws/gateway.ts';
import { LOCAL_ACCOUNT, queueUrl } from '../aws/local-account.ts';
import { startSecretsManager } from '../aws/secrets-manager.ts';
import { type Sqs, startSqs } from '../aws/sqs.ts';
import type { CallUsage } from '../aws/usage.ts';
import { openCheckpoints } from './checkpoints.ts';
import type { Isolation } from './function-instance.ts';
import { type FunctionStats, type InvocationResult, type LocalFunction, localFunction } from './functions.ts';
import { makeSecrets } from './given-secrets.ts';
import { portError, startHttpApi } from './http-api.ts';
import { httpRoutes, throttlingOf } from './http-routes.ts';
import { type EventSource, intake } from './intake.ts';
import { deadLetterQueues, makeQueues, makeTables } from './provisioning.ts';
import { activity, type Workplaces, waitUntilQuiet, workLeft } from './quiet.ts';
import { checkSupport, type SupportReport } from './resource-support.ts';
import { wireRules } from './rules.ts';
import { sqsEventSource } from './sqs-event-source.ts';
import { type StreamEventSource, streamEventSource } from './stream-event-source.ts';
import { type LocalTemplate, loadTemplate, tableOfStream } from './template.ts';
import { TemplateError } from './template-error.ts';
import { templateFunctions } from './template-functions.ts';

const STREAM_POLL_MS = 15;
const TTL_SWEEP_MS = 60_000;
/** What is in hand may finish within this time; what hangs is ended, and comes back by visibility or from the checkpoint. */
const STOP_GRACE_MS = 5_000;

export interface StackOptions {
  readonly assemblyDir: string;
  readonly stackName: string;
  /** Queues, table, checkpoints and secrets lie here; a restart resumes. */
  readonly dataDir: string;
  readonly ports?: { readonly api?: number; readonly gateway?: number };
  /** Values by the secret's name. One that was changed here since it was given is kept, until another is given. */
  readonly secrets?: Readonly<Record<string, unknown>>;
  readonly isolation?: Isolation;
  readonly clock?: Clock;
  /** How long writes to a table's stream are gathered, ms. */
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
  invoke(logicalIdPrefix: string, event: unknown): Promise<InvocationResult>;
  /** Runs all schedules whose rule's logical id contains `match`, now, and waits for them. */
  runSchedules(match?: string): Promise<void>;
  /** Stops taking from queues, streams and schedules; what is in hand is finished. HTTP calls are still answered. */
  pause(): void;
  resume(): void;
  isPaused(): boolean;
  /** Nothing under way, and nothing waiting but dead letters. */
  isQuiet(): boolean;
  /** Grows with everything that happens: two equal numbers mean that nothing did in between. */
  activity(): number;
  /** @throws Error naming what is left when it is not quiet in time. */
  waitUntilQuiet(options: { timeoutMs: number }): Promise<void>;
  /** Ends all instances of the functions whose logical id contains `match`, in the middle of whatever they do. */
  kill(match: string): number;
  stats(): StackStats;
  resetStats(): void;
  onLog(listener: (line: LogLine) => void): () => void;
  report(): SupportReport;
  /** What is in hand may finish, within 5 s. */
  stop(): Promise<void>;
}

/**
 * Runs a synthesised template on this machine: the same bundles, routes, queues with redrive, event source mappings, stream,
 * schedules, rules, environments and roles.
 *
 * @throws TemplateError when the template holds what would have to be passed over in silence.
 * @throws Error when a port or the data directory is in use.
 */
export async function startStack(options: StackOptions): Promise<LocalStack> {
  // Closed in the opposite order, also when the start fails half-way.
  await using starting = new AsyncDisposableStack();
  const stack = await start(options, starting);
  const running = starting.move();
  let stopped: Promise<void> | undefined;
  return {
    ...stack,
    async stop() {
      stopped ??= stack.finishWork().then(() => running.disposeAsync());
      await stopped;
    },
  };
}

type StartedStack = Omit<LocalStack, 'stop'> & { finishWork(): Promise<void> };

async function start(options: StackOptions, closing: AsyncDisposableStack): Promise<StartedStack> {
  const { clock = systemClock, isolation = 'worker', warn = (message) => console.warn(message) } = options;
  const account = LOCAL_ACCOUNT;
  const file = (name: string) => path.join(options.dataDir, name);
  mkdirSync(options.dataDir, { recursive: true });
  closing.defer(lockDataDir(options.dataDir));

  const sqs = startSqs({ file: file('sqs.sqlite'), clock });
  closing.defer(() => sqs.close());
  const dynamodb = await startDynamoDb({ dataDir: options.dataDir, clock, warn });
  closing.defer(() => dynamodb.close());
  void dynamodb.exited.then(warn);
  const secrets = startSecretsManager({ file: file('secrets.json'), clock });
  const eventBus = startEventBus({ file: file('events.sqlite'), clock, warn });
  closing.defer(() => eventBus.close());
  const gatewayPort = options.ports?.gateway ?? 0;
  const gateway = await startGateway({ sqs, dynamodb, eventBus, secrets, port: gatewayPort, warn }).catch((error: unknown) => {
    throw portError(error, gatewayPort);
  });
  closing.defer(() => gateway.close());
  const checkpoints = openCheckpoints(file('checkpoints.sqlite'));
  closing.defer(() => checkpoints.close());
  const api = await startHttpApi({
    port: options.ports?.api ?? 0,
    accountId: account.accountId,
    now: () => clock.now(),
    warn,
  });
  closing.defer(() => api.close(0));

  const template = loadTemplate({
    assemblyDir: options.assemblyDir,
    stackName: options.stackName,
    account,
    gatewayUrl: gateway.url,
    apiUrl: api.url,
  });
  const report = checkSupport(template);
  makeQueues(template, sqs);
  await makeTables(template, dynamodb, checkpoints);
  makeSecrets({ template, secrets, given: options.secrets ?? {}, digestFile: file('given-secrets.json') });

  const logListeners = new Set<(line: LogLine) => void>();
  const functions = templateFunctions(template, { gateway, region: account.region }).map((spec) =>
    localFunction(spec, isolation, (line) => {
      for (const listener of logListeners) listener({ functionName: spec.logicalId, line });
    }),
  );
  closing.defer(async () => {
    await Promise.all(functions.map((each) => each.close()));
  });
  const functionByArn = (nameOrArn: string) =>
    functions.find(({ spec }) => nameOrArn === spec.arn || nameOrArn === spec.name || nameOrArn === `${spec.arn}:$LATEST`);

  const taking = intake();
  const schedules = wireRules(template, {
    account,
    clock,
    eventBus,
    sqs,
    functionByArn,
    mayRun: () => taking.isOpen(),
    warn,
  });
  closing.defer(() => {
    for (const schedule of schedules) schedule.close();
  });
  const routes = httpRoutes(template, functionByArn);
  const throttling = throttlingOf(template);

  // From here on work is taken: whatever may fail about the template has been looked at, but for the sources themselves.
  closing.defer(() => taking.close());
  const sources: EventSource[] = [];
  const streams: StreamEventSource[] = [];
  for (const { logicalId, properties } of template.ofType('AWS::Lambda::EventSourceMapping')) {
    const { EventSourceArn, FunctionName, Enabled } = sourceSchema.parse(properties);
    if (!Enabled) continue;
    const target = functionByArn(FunctionName);
    if (target === undefined)
      throw new TemplateError(`${logicalId} feeds ${FunctionName}, which is no function of the template.`);
    const common = { logicalId, properties, target, sqs, intake: taking, warn };
    const tableName = tableOfStream(EventSourceArn, account);
    if (EventSourceArn.includes(':sqs:')) {
      sources.push(sqsEventSource({ ...common, region: account.region }));
    } else if (tableName !== undefined) {
      const pollMs = options.streamPollMs ?? STREAM_POLL_MS;
      streams.push(streamEventSource({ ...common, tableName, dynamodb, checkpoints, pollMs }));
    } else {
      throw new TemplateError(`${logicalId} reads ${EventSourceArn}, which is neither a queue nor a table's stream.`);
    }
  }
  api.serve(routes, throttling);
  eventBus.resume();
  const sweep = setInterval(
    () => void dynamodb.sweepTtl().catch((error: unknown) => warn(`TTL sweep: ${String(error)}`)),
    TTL_SWEEP_MS,
  );
  closing.defer(() => clearInterval(sweep));

  const deadLetters = deadLetterQueues(template);
  const workQueues = sqs.queueNames().filter((name) => !deadLetters.has(name));
  const places: Workplaces = { api, functions, schedules, streams, eventBus, sqs, workQueues };
  const queueName = (prefix: string) => template.nameOf(only(template.ofType('AWS::SQS::Queue'), prefix).logicalId);

  return {
    apiUrl: api.url,
    gatewayUrl: gateway.url,
    template,
    sqs,
    dynamodb,
    gateway,
    queueName,
    queueUrl: (prefix) => queueUrl(gateway.url, account, queueName(prefix)),
    tableName: (prefix) =>
      template.nameOf(only(template.ofType('AWS::DynamoDB::GlobalTable', 'AWS::DynamoDB::Table'), prefix).logicalId),
    invoke: (prefix, event) => functionNamed(functions, prefix).invoke(event),
    async runSchedules(match = '') {
      await Promise.all(schedules.filter((schedule) => schedule.name.includes(match)).map((schedule) => schedule.run()));
    },
    pause: taking.pause,
    resume: taking.resume,
    isPaused: () => !taking.isOpen(),
    isQuiet: () => workLeft(places).length === 0,
    activity: () => activity(places),
    waitUntilQuiet: ({ timeoutMs }) => waitUntilQuiet(places, timeoutMs),
    kill: (match) =>
      functions.filter((each) => each.spec.logicalId.includes(match)).reduce((killed, each) => killed + each.kill(), 0),
    stats: () => ({
      functions: Object.fromEntries(functions.map((each) => [each.spec.logicalId, each.stats()])),
      calls: gateway.usage(),
      sqsRequests: sqs.requests(),
      denied: [...gateway.denied],
      deadLetters: Object.fromEntries([...deadLetters].map((name) => [name, heldIn(sqs, name)])),
    }),
    resetStats() {
      for (const each of functions) each.resetStats();
      gateway.resetUsage();
      sqs.resetRequests();
    },
    onLog(listener) {
      logListeners.add(listener);
      return () => logListeners.delete(listener);
    },
    report: () => report,
    async finishWork() {
      clearInterval(sweep);
      for (const schedule of schedules) schedule.close();
      taking.close();
      const done = Promise.all([api.close(STOP_GRACE_MS), ...[...sources, ...streams].map((source) => source.ended)]);
      let timer: NodeJS.Timeout | undefined;
      const graceOver = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, STOP_GRACE_MS);
      });
      await Promise.race([done, graceOver]);
      clearTimeout(timer);
    },
  };
}

const sourceSchema = z.object({ EventSourceArn: z.string(), FunctionName: z.string(), Enabled: z.boolean().default(true) });

function heldIn(sqs: Sqs, queue: string): number {
  const { visible, inFlight, delayed } = sqs.counts(queue);
  return visible + inFlight + delayed;
}

/** CDK ends a logical id with a hash, which callers need not know. */
function only<Item extends { readonly logicalId: string }>(items: readonly Item[], prefix: string): Item {
  const found = items.filter((item) => item.logicalId.startsWith(prefix));
  const exact = found.find((item) => item.logicalId === prefix || item.logicalId.replace(/[0-9A-F]{8}$/, '') === prefix);
  const [first] = found;
  if (exact !== undefined) return exact;
  if (first !== undefined && found.length === 1) return first;
  const names = items.map((item) => item.logicalId).join(', ');
  throw new Error(`${found.length} resources begin with ${prefix}; there are: ${names}`);
}

function functionNamed(functions: readonly LocalFunction[], prefix: string): LocalFunction {
  return only(
    functions.map((each) => ({ logicalId: each.spec.logicalId, each })),
    prefix,
  ).each;
}
