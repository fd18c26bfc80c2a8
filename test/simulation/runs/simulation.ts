import type { CompiledSync } from '../../../shared/config/compiled-sync.ts';
import type { ConcordConfig } from '../../../shared/config/define-sync.ts';
import { guardStore } from '../../../shared/store/guard-store.ts';
import { Deployment, type PlatformWeather } from '../engine/deployment.ts';
import { TABLE_NAME } from '../engine/functions.ts';
import { hearLog } from '../engine/silent-log.ts';
import type { Chooser } from '../kernel/choice-tape.ts';
import type { CallOutlook, Incarnation } from '../kernel/incarnation.ts';
import { Scheduler } from '../kernel/scheduler.ts';
import { Story } from '../kernel/story.ts';
import { installTraps } from '../kernel/traps.ts';
import { ModelTable } from '../ports/model-table.ts';
import { atOnce } from '../ports/port-call.ts';
import { tableClient } from '../ports/table-client.ts';
import type { Violation } from './run-report.ts';
import type { RunWorld, WorldPorts } from './run-world.ts';

export const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
export const START_MS = Date.UTC(2026, 0, 5, 8);
/** I12: 15 virtual minutes, and the longest back-off that is due when the faults end. */
const LIVENESS_MS = 15 * MINUTE_MS;
const BACKOFF_MAX_MS = 15 * MINUTE_MS;
const VISIBILITY_MS = 6 * MINUTE_MS;
const FIXPOINT_MS = 12 * MINUTE_MS;
const EVENTS_MAX = 400_000;

const traps = installTraps();

export interface SimulationOptions<World extends RunWorld> {
  readonly chooser: Chooser;
  readonly storyLines: number;
  readonly setup: { readonly config: ConcordConfig; readonly syncs: ReadonlyMap<string, CompiledSync> };
  readonly world: (ports: WorldPorts) => World;
  readonly platform: () => PlatformWeather;
  readonly outlook: (port: string, incarnation: Incarnation) => CallOutlook;
}

/** A deployment, its table and the systems around it, under one virtual clock. One at a time in a process. */
export class Simulation<World extends RunWorld> {
  readonly scheduler: Scheduler;
  readonly story: Story;
  readonly world: World;
  readonly deployment: Deployment;
  readonly violations: Violation[] = [];
  private readonly table: ModelTable;
  private readonly syncs: ReadonlyMap<string, CompiledSync>;
  private readonly tenant: string;

  constructor({ chooser, storyLines, setup, world, platform, outlook }: SimulationOptions<World>) {
    const scheduler = new Scheduler(chooser, START_MS);
    const story = new Story(storyLines);
    this.scheduler = scheduler;
    this.story = story;
    this.syncs = setup.syncs;
    this.tenant = setup.config.tenant;
    this.table = new ModelTable({ now: () => scheduler.now() });
    this.world = world({
      scheduler,
      chooser,
      story,
      webhook: (system, event, answered) => this.deployment.callWebhook(system, event, answered),
      bus: (system, body) => this.deployment.putEvent(system, body),
    });
    this.deployment = new Deployment({
      config: setup.config,
      syncs: setup.syncs,
      table: this.table,
      world: this.world,
      habitat: { scheduler, story, outlook },
      chooser,
      weather: platform,
    });
    traps.arm(() => this.deployment.newId());
    if (story.isTold) {
      const told = (message: string, facts?: object) =>
        story.tell(scheduler.now(), 'log', () => `${message} ${JSON.stringify(facts)}`);
      hearLog({ error: told, warn: told });
    }
  }

  /** An operator looks now and then whether writes are stopped, and approves of what people did. */
  startOperator(everyMs: number): void {
    const { scheduler } = this;
    scheduler.at(scheduler.now() + everyMs, 'operator', () => {
      void this.approveStops();
      this.startOperator(everyMs);
    });
  }

  private async approveStops(): Promise<void> {
    const { scheduler, story, table } = this;
    const now = () => scheduler.now();
    const client = tableClient(table, atOnce);
    const guards = guardStore({ client, tableName: TABLE_NAME, tenant: this.tenant, now });
    for (const sync of this.syncs.keys()) {
      for (const [system, { stops }] of await guards.ofSync(sync)) {
        for (const stop of stops) {
          story.tell(now(), 'operator', () => `approves ${stop.id}: ${stop.reason}`);
          const approval = { by: 'operator', reason: 'people did this', allow: 'run', untilMs: now() + DAY_MS } as const;
          await guards.approve({ sync, system }, stop.id, approval);
        }
      }
    }
  }

  /** Looks now and then whether all holds that must hold at any time. */
  startJudging(everyMs: number): void {
    const { scheduler } = this;
    scheduler.at(scheduler.now() + everyMs, 'judge', () => {
      this.violations.push(...this.world.judgeNow(this.table));
      if (this.violations.length === 0) this.startJudging(everyMs);
    });
  }

  runUntil(ms: number): Promise<void> {
    return this.scheduler.runUntil(ms, EVENTS_MAX);
  }

  /** Faults are off: runs until nothing is on its way, for a bounded time, and judges what is left then (I12). */
  async untilQuiet(leastMs = LIVENESS_MS): Promise<void> {
    const { scheduler, deployment, world } = this;
    const fromMs = scheduler.now();
    const endMs = fromMs + LIVENESS_MS + BACKOFF_MAX_MS + VISIBILITY_MS;
    while (scheduler.now() < endMs) {
      await this.runUntil(scheduler.now() + MINUTE_MS);
      // What the faults had all but given up dies now; an operator puts it back.
      if (scheduler.now() < fromMs + LIVENESS_MS) deployment.redrive((body) => world.isPoison(body));
      const quiet = deployment.isIdle && deployment.messagesWaiting === 0 && world.underway === 0;
      if (quiet && scheduler.now() >= fromMs + leastMs) break;
    }
    for (const stuck of deployment.stuck()) this.say('I12', `${stuck.actor} waits for something that is no port`);
    if (deployment.messagesWaiting > 0)
      this.say('I12', `${deployment.messagesWaiting} messages still wait after the faults ended: ${deployment.messageTexts(3)}`);
    if (world.underway > 0) this.say('I12', `${world.underway} notifications were never taken`);
    for (const { queue, body } of deployment.deadLetters)
      if (!world.isPoison(body)) this.say('I12', `a dead letter lies on ${queue}: ${body.slice(0, 300)}`);
    if (deployment.stream.givenUp.length > 0)
      this.say('I12', `${deployment.stream.givenUp.length} records of the stream were given up`);
  }

  /** A full pass that must find nothing to do, and the verdict on everything. */
  async judge(passMs = FIXPOINT_MS): Promise<void> {
    const { scheduler, story, world, table } = this;
    world.fullPass(table);
    await this.runUntil(scheduler.now() + passMs);
    this.violations.push(...world.judgePass(table), ...world.judgeQuiet(table, this.syncs));
    if (story.isTold && this.violations.length > 0)
      for (const history of world.histories(table)) story.tell(scheduler.now(), 'table', () => history);
  }

  say(invariant: string, message: string): void {
    this.violations.push({ invariant, message, atMs: this.scheduler.now() });
  }

  crashed(error: unknown): void {
    this.say('I12', `the run broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }

  /** Lets the clocks and dice of this process go again. @returns what was used past the ports. */
  end(): ReadonlyMap<string, number> {
    traps.disarm();
    hearLog(undefined);
    const sprung = new Map(traps.sprung);
    traps.forget();
    for (const [name, times] of sprung)
      if (name !== 'randomUUID') this.say('I13', `${name} was used ${times} times past the ports`);
    return sprung;
  }
}
