import { packTape, unpackTape } from '../kernel/choice-tape.ts';
import { shrink } from '../kernel/shrink.ts';
import { isPlanted } from './mutants/plant.ts';
import { runSeed } from './run-seed.ts';
import { walkScenario } from './walk.ts';
import { type Answer, seedReport, type Task } from './worker-messages.ts';

// One of the processes that simulate: takes a task, answers, takes the next.

const STORY_LINES = 400;
const TRIALS_MAX = 3_000;
const mutant = process.env.CONCORD_MUTANT;

process.on('message', (task: Task) => {
  work(task).then(
    (answer) => process.send?.(answer),
    (error: unknown) =>
      process.send?.({
        did: 'failed',
        problem: error instanceof Error ? (error.stack ?? error.message) : String(error),
      } satisfies Answer),
  );
});
process.on('disconnect', () => process.exit(0));

async function work(task: Task): Promise<Answer> {
  if (mutant !== undefined && !isPlanted(mutant)) throw new Error(`mutant ${mutant} was not planted: nothing loads its module`);
  switch (task.do) {
    case 'seed':
      return { did: 'seed', seed: task.seed, report: await seedOnceOrTwice(task.seed, task.twice) };
    case 'tell': {
      const from = 'tape' in task.from ? { tape: unpackTape(task.from.tape) } : task.from;
      return { did: 'tell', report: seedReport(await runSeed({ from, storyLines: task.storyLines })) };
    }
    case 'shrink':
      return { did: 'shrink', ...(await shrunk(task.seed, task.invariant, task.budgetMs)) };
    case 'walk':
      return { did: 'walk', ...(await walkScenario(task.scenario, task.part, task.parts)) };
  }
}

/** I13: a run that cannot be repeated proves nothing. */
async function seedOnceOrTwice(seed: number, twice: boolean) {
  const report = seedReport(await runSeed({ from: { seed } }));
  if (!twice) return report;
  const again = await runSeed({ from: { seed } });
  if (again.hash === report.hash) return report;
  const violation = { invariant: 'I13', message: `the same seed ran twice, to ${report.hash} and ${again.hash}`, atMs: 0 };
  return { ...report, violations: [...report.violations, violation] };
}

async function shrunk(seed: number, invariant: string, budgetMs: number) {
  const first = await runSeed({ from: { seed } });
  const endMs = performance.now() + budgetMs;
  const { tape, trials, isMinimal } = await shrink(first.tape, {
    fails: async (candidate) => {
      const { violations } = await runSeed({ from: { tape: candidate } });
      return violations.some((violation) => violation.invariant === invariant);
    },
    trialsMax: TRIALS_MAX,
    isTimeUp: () => performance.now() > endMs,
  });
  const report = seedReport(await runSeed({ from: { tape }, storyLines: STORY_LINES }));
  return { tape: packTape(tape), report, trials, isMinimal };
}
