import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import type { Task } from '../worker-messages.ts';
import { Workers } from '../workers.ts';
import { MUTANTS, type Mutant } from './mutants.ts';

// npm run simulate:mutants -- [--only ID,ID] [--seeds N] [--from S] [--world plain] [--json]
// Plants each bug in turn and counts the seeds until the simulator sees it.

const { values: args } = parseArgs({
  options: {
    only: { type: 'string' },
    seeds: { type: 'string', default: '2000' },
    from: { type: 'string', default: '1' },
    world: { type: 'string', default: 'lively' },
    json: { type: 'boolean', default: false },
  },
});
const count = z.coerce.number().int().nonnegative();
const seedsMax = count.parse(args.seeds);
const from = count.parse(args.from);
const only = args.only?.split(',');
const ROOT = new URL('../../../../', import.meta.url);
/** Where the engine itself still fails some seeds, a mutant has to fail clearly more. */
const BASELINE_SEEDS = 200;

interface Drill {
  readonly mutant: Mutant;
  /** How many seeds it took; undefined when it survived them all. */
  readonly seeds: number | undefined;
  readonly broke?: { readonly seed: number; readonly invariant: string; readonly message: string };
  readonly problem?: string;
}

for (const { id, file, find } of MUTANTS) {
  const times = readFileSync(new URL(file, ROOT), 'utf8').split(find).length - 1;
  if (times !== 1) throw new Error(`mutant ${id}: what it replaces occurs ${times} times in ${file}; bring it up to date`);
}

const baseline = await failingOf(undefined, BASELINE_SEEDS);
const rate = baseline.size / BASELINE_SEEDS;
process.stderr.write(`without a mutant ${baseline.size} of ${BASELINE_SEEDS} seeds fail\n`);
const drills: Drill[] = [];
for (const mutant of MUTANTS) {
  if (only !== undefined && !only.includes(mutant.id)) continue;
  const drill = await drillOf(mutant);
  drills.push(drill);
  if (!args.json) process.stdout.write(`${lineOf(drill)}\n`);
}
const caught = drills.flatMap(({ seeds }) => seeds ?? []).sort((a, b) => a - b);
const survivors = drills.filter(({ seeds }) => seeds === undefined).map(({ mutant }) => mutant.id);
const summary = { mutants: drills.length, caught: caught.length, medianSeeds: caught[Math.floor(caught.length / 2)], survivors };
process.stdout.write(`${JSON.stringify(args.json ? { ...summary, drills } : summary)}\n`);
process.exitCode = survivors.length > 0 ? 1 : 0;

function* seedTasks(seeds: number): Generator<Task> {
  for (let seed = from; seed < from + seeds; seed += 1) yield { do: 'seed', seed, twice: false };
}

async function failingOf(mutant: string | undefined, seeds: number): Promise<Set<number>> {
  const failing = new Set<number>();
  const workers = new Workers(undefined, { mutant, world: args.world });
  try {
    await workers.run(seedTasks(seeds), (answer) => {
      if (answer.did !== 'seed') throw new Error(answer.did === 'failed' ? answer.problem : `unexpected answer ${answer.did}`);
      if (answer.report.violations.length > 0) failing.add(answer.seed);
      return true;
    });
  } finally {
    workers.close();
  }
  return failing;
}

async function drillOf(mutant: Mutant): Promise<Drill> {
  const workers = new Workers(undefined, { mutant: mutant.id, world: args.world });
  let done = 0;
  let failing = 0;
  let drill: Drill = { mutant, seeds: undefined };
  try {
    await workers.run(seedTasks(seedsMax), (answer) => {
      if (answer.did !== 'seed') throw new Error(answer.did === 'failed' ? answer.problem : `unexpected answer ${answer.did}`);
      done += 1;
      const [first] = answer.report.violations;
      if (first === undefined || baseline.has(answer.seed)) return true;
      failing += 1;
      // Four times what chance brings, and one at least.
      if (failing < 1 + Math.ceil(4 * rate * done)) return true;
      drill = { mutant, seeds: done, broke: { seed: answer.seed, invariant: first.invariant, message: first.message } };
      return false;
    });
  } catch (error) {
    // A mutant that breaks the run outright is seen too, but by nothing that the oracle did.
    drill = { mutant, seeds: done + 1, problem: error instanceof Error ? error.message.slice(0, 200) : String(error) };
  } finally {
    workers.close();
  }
  return drill;
}

function lineOf({ mutant, seeds, broke, problem }: Drill): string {
  const head = `${mutant.id.padEnd(32)} ${mutant.invariant.padEnd(4)}`;
  if (seeds === undefined) return `${head} SURVIVED ${seedsMax} seeds`;
  return `${head} ${String(seeds).padStart(5)} seeds  ${broke === undefined ? `broke the run: ${problem}` : `${broke.invariant} ${broke.message.slice(0, 110)}`}`;
}
