import { type RecordedChooser, recordingChooser, replayingChooser, type Tape } from '../kernel/choice-tape.ts';
import { drawSetup } from './plain/draw-config.ts';
import { KIND, type PlainFaults, PlainWorld } from './plain/plain-world.ts';
import type { FaultCount, RunReport } from './run-report.ts';
import { MINUTE_MS, Simulation, START_MS } from './simulation.ts';
import { CALM, drawWeather, foresee } from './weather.ts';

/** The faults go on for a while after the last edit. */
const AFTERMATH_MS = 5 * MINUTE_MS;

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
  const setup = drawSetup(chooser);
  const stormy = drawWeather(chooser);
  const faults = drawFaults(chooser);
  const people = drawPeople(chooser);
  let weather = stormy;
  const run = new Simulation({
    chooser,
    storyLines,
    setup,
    world: (ports) => new PlainWorld(setup, people, faults, ports),
    platform: () => weather.platform,
    outlook: (port) => foresee(weather, port, chooser, count),
  });
  const { world, scheduler, deployment, story } = run;
  try {
    const lastEditMs = world.start();
    deployment.start();
    await run.runUntil(lastEditMs + AFTERMATH_MS);
    story.tell(scheduler.now(), 'run', () => 'the faults end');
    weather = { ...CALM, platform: { ...CALM.platform, concurrency: stormy.platform.concurrency } };
    world.calm();
    for (let redriven = deployment.redrive(); redriven > 0; redriven -= 1) count('F75 redrive');
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

function drawPeople(chooser: RecordedChooser) {
  const most = [30, 80, 200][chooser.choose(3, 'length')] ?? 0;
  return { edits: 1 + chooser.choose(most, 'length'), hot: 1 + chooser.choose(8, 'length'), pace: chooser.choose(4, 'length') };
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
