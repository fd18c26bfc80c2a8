import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, DynamoDBRecord, SQSRecord } from 'aws-lambda';
import type { CompiledSync } from '../../../shared/config/compiled-sync.ts';
import type { ConcordConfig } from '../../../shared/config/define-sync.ts';
import { TABLE } from '../../../shared/store/table.ts';
import type { Chooser } from '../kernel/choice-tape.ts';
import type { Habitat, Incarnation } from '../kernel/incarnation.ts';
import { ModelQueue } from '../ports/model-queue.ts';
import type { ModelTable } from '../ports/model-table.ts';
import { FunctionPool, type FunctionSpec } from './function-pool.ts';
import {
  changesUrl,
  deliverFunction,
  deliveriesUrl,
  dispatchFunction,
  type Ground,
  pollFunction,
  processFunction,
  receiveFunction,
  sweepFunction,
} from './functions.ts';
import { type BatchAnswer, QueueTrigger } from './queue-trigger.ts';
import { useConfig } from './run-config.ts';
import { StreamTrigger } from './stream-trigger.ts';
import type { WorldFace } from './world-face.ts';

/** How unkind the platform is in a run. Probabilities in per mille. */
export interface PlatformWeather {
  /** Two batches of one function at once, and more. */
  readonly concurrency: number;
  readonly coldStart: number;
  /** A message that is in hand is shown to somebody else. */
  readonly showAgain: number;
  readonly streamRepeat: number;
  /** The clocks of containers differ by up to so much, ms. */
  readonly skewMaxMs: number;
  /** A scheduled run is skipped, or comes late. */
  readonly scheduleMiss: number;
}

export interface DeploymentOptions {
  readonly config: ConcordConfig;
  readonly syncs: ReadonlyMap<string, CompiledSync>;
  readonly table: ModelTable;
  readonly world: WorldFace;
  readonly habitat: Habitat;
  readonly chooser: Chooser;
  /** Asked anew each time: the weather clears up when the faults end. */
  readonly weather: () => PlatformWeather;
}

/** As infra/ sets them: six times the timeout of 60 s, and five receives. */
const VISIBILITY_MS = 6 * 60_000;
const RECEIVES_MAX = 5;
const SWEEP_EVERY_MS = 5 * 60_000;
const SHOW_AGAIN_WITHIN = [1_000, 20_000, 90_000, 200_000];
const TRIGGER_MS = [5, 20, 60, 150];

/** A whole deployment of Concord in one process: its queues, triggers and schedules around the functions' own code. */
export class Deployment {
  readonly queues: ReadonlyMap<string, ModelQueue>;
  readonly stream: StreamTrigger;
  private readonly options: DeploymentOptions;
  private readonly ground: Ground;
  private readonly triggers: readonly QueueTrigger[];
  private readonly receivers: ReadonlyMap<string, FunctionPool<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>>;
  private readonly polls: ReadonlyMap<string, FunctionPool<undefined, unknown>>;
  private readonly sweep: FunctionPool<undefined, unknown>;
  private readonly pools: { readonly busy: number; stuck(): Incarnation[] }[] = [];
  private ids = 0;

  constructor(options: DeploymentOptions) {
    const { config, syncs, table, world, habitat, chooser } = options;
    const { scheduler } = habitat;
    this.options = options;
    const systems = Object.keys(config.systems);
    useConfig(config);
    this.queues = new Map(
      systems
        .flatMap((system) => [changesUrl(system), deliveriesUrl(system)])
        .map((url) => [
          url,
          new ModelQueue({
            now: () => scheduler.now(),
            visibilityTimeoutMs: VISIBILITY_MS,
            maxReceiveCount: RECEIVES_MAX,
            order: (n) => chooser.choose(n, 'queue order'),
          }),
        ]),
    );
    this.ground = {
      tenant: config.tenant,
      syncs,
      systems,
      table,
      queues: this.queues,
      world,
      newId: () => this.newId(),
      random: () => chooser.choose(1_000, 'engine dice') / 1_000,
      waits: () => chooser.chance(50, 'waits for a turn'),
      stirred: (port) => this.stir(port),
    };
    this.triggers = systems.flatMap((system) => [
      this.trigger(changesUrl(system), this.pool(processFunction(system, this.ground))),
      this.trigger(deliveriesUrl(system), this.pool(deliverFunction(system, this.ground))),
    ]);
    this.stream = new StreamTrigger({
      pool: this.pool<readonly DynamoDBRecord[], unknown>(dispatchFunction(this.ground)),
      scheduler,
      readMs: () => this.triggerMs(),
      repeats: () => chooser.chance(options.weather().streamRepeat, 'stream repeat'),
      passes: (record) => record.dynamodb?.NewImage?.[TABLE.outbox]?.S !== undefined,
    });
    this.receivers = new Map(systems.map((system) => [system, this.pool(receiveFunction(system, this.ground), 20)]));
    this.polls = new Map(systems.map((system) => [system, this.pool(pollFunction(system, this.ground))]));
    this.sweep = this.pool(sweepFunction(this.ground));
  }

  /** Sets the schedules going. */
  start(): void {
    const { scheduler } = this.options.habitat;
    const startMs = scheduler.now();
    const everyMinutes = Math.min(...[...this.options.syncs.values()].map((sync) => sync.poll.everyMinutes));
    for (const [system, pool] of this.polls) this.every(everyMinutes * 60_000, startMs, `schedule poll ${system}`, pool);
    this.every(SWEEP_EVERY_MS, startMs + 60_000, 'schedule sweep', this.sweep);
  }

  /** A CRM calls our webhook. @param answered - told the status; undefined when none came. */
  callWebhook(system: string, event: APIGatewayProxyEventV2, answered: (status: number | undefined) => void): void {
    const pool = this.receivers.get(system);
    if (pool === undefined || !pool.hasRoom) {
      answered(429);
      return;
    }
    pool.invoke(event, (invoked) => answered(invoked.ended === 'done' ? (invoked.result.statusCode ?? 200) : undefined));
  }

  /** An event from the bus comes onto a changes queue, with nothing between. */
  putEvent(system: string, body: string): void {
    this.queues.get(changesUrl(system))?.send({ body });
    this.stir('queue');
  }

  newId(): string {
    this.ids += 1;
    // A bijection of 32-bit words, so that the first 8 digits are as good as the whole.
    let word = Math.imul(this.ids, 0x9e3779b1) >>> 0;
    word = Math.imul(word ^ (word >>> 16), 0x85ebca6b) >>> 0;
    return `${word.toString(16).padStart(8, '0')}-0000-4000-8000-${this.ids.toString(16).padStart(12, '0')}`;
  }

  /** Nothing is on its way any more: what there is to do, a schedule or a delayed message will say. */
  get isIdle(): boolean {
    return this.stream.backlog === 0 && this.pools.every((pool) => pool.busy === 0);
  }

  get messagesWaiting(): number {
    return [...this.queues.values()].reduce((sum, queue) => sum + queue.length, 0);
  }

  /** The beginnings of some messages that wait. */
  messageTexts(count: number): string {
    const bodies = [...this.queues.values()].flatMap((queue) => queue.bodies());
    return bodies
      .slice(0, count)
      .map((body) => body.slice(0, 200))
      .join(' | ');
  }

  get deadLetters(): { readonly queue: string; readonly body: string }[] {
    return [...this.queues].flatMap(([url, queue]) => queue.deadLetters.map(({ body }) => ({ queue: url, body })));
  }

  /** An operator puts dead letters back, as the runbook says, but for those that nobody could handle. @returns how many. */
  redrive(isPoison: (body: string) => boolean = () => false): number {
    let count = 0;
    for (const queue of this.queues.values()) {
      const { deadLetterQueue } = queue;
      for (let taken = deadLetterQueue?.receive(10) ?? []; taken.length > 0; taken = deadLetterQueue?.receive(10) ?? []) {
        for (const { id, receipt, body } of taken) {
          if (isPoison(body)) continue; // it stays, out of sight for a while
          queue.send({ body });
          deadLetterQueue?.delete(id, receipt);
          count += 1;
        }
      }
    }
    if (count > 0) this.stir('queue');
    return count;
  }

  stuck(): Incarnation[] {
    return this.pools.flatMap((pool) => pool.stuck());
  }

  private every(everyMs: number, startMs: number, label: string, pool: FunctionPool<undefined, unknown>): void {
    const { scheduler } = this.options.habitat;
    const { chooser, weather } = this.options;
    const tick = (atMs: number): void =>
      scheduler.at(atMs, label, () => {
        if (pool.hasRoom && !chooser.chance(weather().scheduleMiss, 'schedule missed'))
          pool.invoke(undefined, () => this.stir('queue'));
        tick(atMs + everyMs);
      });
    tick(startMs);
  }

  private pool<Event, Result>(spec: FunctionSpec<Event, Result>, concurrency?: number): FunctionPool<Event, Result> {
    const { habitat, chooser, weather } = this.options;
    const pool = new FunctionPool(spec, {
      habitat,
      concurrency: concurrency ?? weather().concurrency,
      startsCold: () => chooser.chance(weather().coldStart, 'cold start'),
      skewMs: () => {
        const drawn = chooser.choose(2 * weather().skewMaxMs + 1, 'function clock');
        return drawn % 2 === 0 ? drawn / 2 : -(drawn + 1) / 2; // 0, -1, 1, -2 ...: the smallest first
      },
    });
    this.pools.push(pool);
    return pool;
  }

  private trigger(url: string, pool: FunctionPool<readonly SQSRecord[], BatchAnswer>): QueueTrigger {
    const { chooser, habitat, weather } = this.options;
    const { scheduler } = habitat;
    const queue = this.queues.get(url);
    if (queue === undefined) throw new Error(`there is no queue ${url}`);
    const trigger = new QueueTrigger({
      name: url.slice(url.lastIndexOf('/') + 1),
      queue,
      pool,
      scheduler,
      pollMs: () => this.triggerMs(),
      batchSize: () => {
        if (chooser.chance(weather().showAgain, 'shown again')) {
          const afterMs = SHOW_AGAIN_WITHIN[chooser.choose(SHOW_AGAIN_WITHIN.length, 'shown again after')] ?? 0;
          scheduler.at(scheduler.now() + afterMs, 'shown again', () => {
            if (queue.showAgain((n) => chooser.choose(n, 'shown again'))) trigger.poke();
          });
        }
        return 10 - chooser.choose(10, 'batch size');
      },
    });
    return trigger;
  }

  private triggerMs(): number {
    return TRIGGER_MS[this.options.chooser.choose(TRIGGER_MS.length, 'trigger')] ?? 0;
  }

  /** What was written or sent may be work for a trigger. */
  private stir(port: string): void {
    if (port.startsWith('table')) {
      for (;;) {
        const records = this.options.table.drainStream();
        if (records.length === 0) break;
        this.stream.add(records);
      }
      return;
    }
    if (port.startsWith('queue')) for (const trigger of this.triggers) trigger.poke();
  }
}
