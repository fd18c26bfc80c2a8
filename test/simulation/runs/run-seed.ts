import { Deployment } from '../engine/deployment.ts';
import { hearLog } from '../engine/silent-log.ts';
import { type RecordedChooser, recordingChooser, replayingChooser, type Tape } from '../kernel/choice-tape.ts';
import type { CallOutlook, Habitat, Incarnation } from '../kernel/incarnation.ts';
import { Scheduler } from '../kernel/scheduler.ts';
import { Story } from '../kernel/story.ts';
import { installTraps } from '../kernel/traps.ts';
import { ModelTable } from '../ports/model-table.ts';
import { drawSetup } from './plain/draw-config.ts';
import { KIND, type PlainFaults, PlainWorld } from './plain/plain-world.ts';
import type { FaultCount, RunReport, Violation } from './run-report.ts';
import { CALM, drawWeather, foresee } from './weather.ts';

const MINUTE_MS = 60_000;
export const START_MS = Date.UTC(2026, 0, 5, 8);
/** I12: 15 virtual minutes, and the longest back-off that is due when the faults end. */
const LIVENESS_MS = 15 * MINUTE_MS;
const BACKOFF_MAX_MS = 15 * MINUTE_MS;
const VISIBILITY_MS = 6 * MINUTE_MS;
const EVENTS_MAX = 400_000;
/** The faults go on for a while after the last edit. */
const AFTERMATH_MS = 5 * MINUTE_MS;
const FIXPOINT_MS = 12 * MINUTE_MS;

export interface RunOptions {
  /** Draws from a seed, or from a tape. */
  readonly from: { readonly seed: number } | { readonly tape: Tape };
  /** Lines of the story to keep; none where absent. */
  readonly storyLines?: number;
}

const traps = installTraps();

/** One whole run: faults and people, then faults off until all is quiet, then a full pass that must find nothing to do. */
export async function runSeed(options: RunOptions): Promise<RunReport> {
  const chooser = 'seed' in options.from ? recordingChooser(options.from.seed) : replayingChooser(options.from.tape);
  const run = new SeedRun(chooser, options);
  try {
    await run.play();
  } catch (error) {
    run.crashed(error);
  } finally {
    traps.disarm();
    hearLog(undefined);
  }
  return run.report();
}

class SeedRun {
  private readonly chooser: RecordedChooser;
  private readonly scheduler: Scheduler;
  private readonly story: Story;
  private readonly violations: Violation[] = [];
  private readonly coverage = new Map<string, FaultCount>();
  private world: PlainWorld | undefined;

  constructor(chooser: RecordedChooser, options: RunOptions) {
    this.chooser = chooser;
    this.scheduler = new Scheduler(chooser, START_MS);
    this.story = new Story(options.storyLines ?? 0);
  }

  async play(): Promise<void> {
    const { chooser, scheduler, story } = this;
    const setup = drawSetup(chooser);
    const stormy = drawWeather(chooser);
    let weather = stormy;
    const faults = drawFaults(chooser);
    const most = [30, 80, 200][chooser.choose(3, 'length')] ?? 0;
    const people = {
      edits: 1 + chooser.choose(most, 'length'),
      hot: 1 + chooser.choose(8, 'length'),
      pace: chooser.choose(4, 'length'),
    };
    const habitat: Habitat = {
      scheduler,
      story,
      outlook: (port: string, _: Incarnation): CallOutlook => foresee(weather, port, chooser, (fate) => this.count(fate)),
    };
    const table = new ModelTable({ now: () => scheduler.now() });
    const world = new PlainWorld(setup, people, faults, {
      scheduler,
      chooser,
      story,
      webhook: (system, event, answered) => deployment.callWebhook(system, event, answered),
      bus: (system, body) => deployment.putEvent(system, body),
    });
    this.world = world;
    const deployment = new Deployment({
      config: setup.config,
      syncs: setup.syncs,
      table,
      world,
      habitat,
      chooser,
      weather: () => weather.platform,
    });
    traps.arm(() => deployment.newId());
    if (story.isTold) {
      const told = (message: string, facts?: object) =>
        story.tell(scheduler.now(), 'log', () => `${message} ${JSON.stringify(facts)}`);
      hearLog({ error: told, warn: told });
    }

    const lastEditMs = world.start();
    deployment.start();
    await scheduler.runUntil(lastEditMs + AFTERMATH_MS, EVENTS_MAX);
    this.violations.push(...world.judgeNow());

    story.tell(scheduler.now(), 'run', () => 'the faults end');
    weather = { ...CALM, platform: { ...CALM.platform, concurrency: stormy.platform.concurrency } };
    world.calm();
    await this.untilQuiet(deployment, world, scheduler.now() + LIVENESS_MS + BACKOFF_MAX_MS + VISIBILITY_MS);
    this.judgeLiveness(deployment, world);

    const before = world.outboundWrites;
    world.tellAll();
    await scheduler.runUntil(scheduler.now() + FIXPOINT_MS, EVENTS_MAX);
    if (world.outboundWrites > before)
      this.say('I1', `a full pass after all was quiet made ${world.outboundWrites - before} writes`);
    this.violations.push(...world.judgeQuiet(table, setup.syncs));
  }

  crashed(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.say('I12', `the run broke: ${text}`);
  }

  report(): RunReport {
    for (const [name, times] of traps.sprung) {
      if (name !== 'randomUUID') this.say('I13', `${name} was used ${times} times past the ports`);
    }
    return {
      violations: this.violations,
      hash: this.scheduler.trace.text(),
      events: this.scheduler.executed,
      edits: this.world?.edits ?? 0,
      virtualMs: this.scheduler.now() - START_MS,
      coverage: Object.fromEntries([...this.coverage, ...(this.world?.coverage ?? [])]),
      tape: this.chooser.tape(),
      ...(this.story.isTold && { story: this.story.text(START_MS) }),
      sprung: Object.fromEntries(traps.sprung),
    };
  }

  private async untilQuiet(deployment: Deployment, world: PlainWorld, endMs: number): Promise<void> {
    const leastMs = this.scheduler.now() + LIVENESS_MS;
    while (this.scheduler.now() < endMs) {
      await this.scheduler.runUntil(this.scheduler.now() + MINUTE_MS, EVENTS_MAX);
      const quiet = deployment.isIdle && deployment.messagesWaiting === 0 && world.underway === 0;
      if (quiet && this.scheduler.now() >= leastMs) return;
    }
  }

  /** I12: nothing is left lying, nothing waits for what never comes. */
  private judgeLiveness(deployment: Deployment, world: PlainWorld): void {
    for (const stuck of deployment.stuck()) this.say('I12', `${stuck.actor} waits for something that is no port`);
    if (deployment.messagesWaiting > 0)
      this.say('I12', `${deployment.messagesWaiting} messages still wait after the faults ended`);
    if (world.underway > 0) this.say('I12', `${world.underway} notifications were never taken`);
    for (const { queue, body } of deployment.deadLetters)
      this.say('I12', `a dead letter lies on ${queue}: ${body.slice(0, 300)}`);
    if (deployment.stream.givenUp.length > 0)
      this.say('I12', `${deployment.stream.givenUp.length} records of the stream were given up`);
  }

  private say(invariant: string, message: string): void {
    this.violations.push({ invariant, message, atMs: this.scheduler.now() });
  }

  private count(fate: string): void {
    const known = this.coverage.get(fate) ?? { fired: 0, effective: 0 };
    this.coverage.set(fate, { fired: known.fired + 1, effective: known.effective + 1 });
  }
}

function drawFaults(chooser: RecordedChooser): PlainFaults {
  const strength = (strengths: readonly number[]): number =>
    chooser.chance(400, 'world faults') ? (strengths[chooser.choose(strengths.length, 'world faults')] ?? 0) : 0;
  return {
    ...KIND,
    drop: strength([20, 200, 1_000]),
    duplicate: strength([50, 300]),
    late: strength([20, 200]),
    readLag: strength([50, 500]),
    listLagMs: strength([1_000, 30_000]),
  };
}
