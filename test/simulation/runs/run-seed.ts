import type { CompiledSync } from '../../../shared/config/compiled-sync.ts';
import type { ConcordConfig } from '../../../shared/config/define-sync.ts';
import { type RecordedChooser, recordingChooser, replayingChooser, type Tape } from '../kernel/choice-tape.ts';
import { drawWorld } from '../world/draw-world.ts';
import { LivelyWorld } from './lively-world.ts';
import { drawSetup } from './plain/draw-config.ts';
import { KIND, type PlainFaults, PlainWorld } from './plain/plain-world.ts';
import type { FaultCount, RunReport } from './run-report.ts';
import type { RunWorld, WorldPorts } from './run-world.ts';
import { MINUTE_MS, Simulation, START_MS } from './simulation.ts';
import { CALM, drawWeather, foresee } from './weather.ts';

/** The faults go on for a while after the last edit. */
const AFTERMATH_MS = 5 * MINUTE_MS;
const JUDGE_EVERY_MS = 17 * MINUTE_MS;

export interface RunOptions {
  /** Draws from a seed, or from a tape. */
  readonly from: { readonly seed: number } | { readonly tape: Tape };
  /** Lines of the story to keep; none where absent. */
  readonly storyLines?: number;
}

/** One whole run: faults and people, then faults off until all is quiet, then a full pass that must find nothing to do. */
export async function runSeed({ from, storyLines = 0 }: RunOptions): Promise<RunReport> {
  const chooser = 'seed' in from ? recordingChooser(from.seed) : replayingChooser(from.tape);
  const coverage = new Map<string, FaultCount>();
  const count = (fault: string): void => {
    const { fired, effective } = coverage.get(fault) ?? { fired: 0, effective: 0 };
    coverage.set(fault, { fired: fired + 1, effective: effective + 1 });
  };
  const stormy = drawWeather(chooser);
  const { setup, world: worldIn } = process.env.CONCORD_WORLD === 'plain' ? plainWorld(chooser) : livelyWorld(chooser);
  let weather = stormy;
  const run = new Simulation({
    chooser,
    storyLines,
    setup,
    world: worldIn,
    platform: () => weather.platform,
    outlook: (port) => foresee(weather, port, chooser, count),
  });
  const { world, scheduler, deployment, story } = run;
  try {
    const lastEditMs = world.start();
    deployment.start();
    run.startOperator(3 * MINUTE_MS);
    run.startJudging(JUDGE_EVERY_MS);
    await run.runUntil(lastEditMs + AFTERMATH_MS);
    story.tell(scheduler.now(), 'run', () => 'the faults end');
    weather = { ...CALM, platform: { ...CALM.platform, concurrency: stormy.platform.concurrency } };
    world.calm();
    for (let redriven = deployment.redrive((body) => world.isPoison(body)); redriven > 0; redriven -= 1) count('F75 redrive');
    await run.untilQuiet();
    await run.judge();
  } catch (error) {
    run.crashed(error);
  }
  const sprung = run.end();
  return {
    violations: run.violations,
    hash: scheduler.trace.text(),
    events: scheduler.executed,
    edits: world.edits,
    virtualMs: scheduler.now() - START_MS,
    coverage: Object.fromEntries([...coverage, ...world.coverage]),
    tape: chooser.tape(),
    ...(story.isTold && { story: story.text(START_MS) }),
    sprung: Object.fromEntries(sprung),
  };
}

interface DrawnWorld {
  readonly setup: { readonly config: ConcordConfig; readonly syncs: ReadonlyMap<string, CompiledSync> };
  readonly world: (ports: WorldPorts) => RunWorld;
}

function livelyWorld(chooser: RecordedChooser): DrawnWorld {
  const options = drawWorld(chooser, { people: drawPeople(chooser) });
  return { setup: options.setup, world: (ports) => new LivelyWorld(options, ports) };
}

/** Text fields and few faults: quick to run, and quick to read when it fails. */
function plainWorld(chooser: RecordedChooser): DrawnWorld {
  const setup = drawSetup(chooser);
  const faults = drawPlainFaults(chooser);
  const { edits, hot } = drawPeople(chooser);
  const people = { edits, hot, pace: chooser.choose(4, 'length') };
  return { setup, world: (ports) => new PlainWorld(setup, people, faults, ports) };
}

/** Few or many; a lower number is a shorter run of the same beginning. */
function drawPeople(chooser: RecordedChooser) {
  const most = [30, 80, 200][chooser.choose(3, 'length')] ?? 0;
  return {
    edits: 1 + chooser.choose(most, 'length'),
    hot: 1 + chooser.choose(8, 'length'),
    seeded: chooser.choose(10, 'length'),
  };
}

function drawPlainFaults(chooser: RecordedChooser): PlainFaults {
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
