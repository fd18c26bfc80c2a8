import { type RecordedChooser, recordingChooser, replayingChooser, type Tape } from '../kernel/choice-tape.ts';
import { drawWorld } from '../world/draw-world.ts';
import { LivelyWorld } from './lively-world.ts';
import type { FaultCount, RunReport } from './run-report.ts';
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
  const options = drawWorld(chooser, { people: drawPeople(chooser) });
  let weather = stormy;
  const run = new Simulation({
    chooser,
    storyLines,
    setup: options.setup,
    world: (ports) => new LivelyWorld(options, ports),
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

/** Few or many; a lower number is a shorter run of the same beginning. */
function drawPeople(chooser: RecordedChooser) {
  const most = [30, 80, 200][chooser.choose(3, 'length')] ?? 0;
  return {
    edits: 1 + chooser.choose(most, 'length'),
    hot: 1 + chooser.choose(8, 'length'),
    seeded: chooser.choose(10, 'length'),
  };
}
