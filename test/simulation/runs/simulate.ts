import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { Coverage } from './coverage.ts';
import type { Violation } from './run-report.ts';
import type { KeptTape, Task } from './worker-messages.ts';
import { Workers } from './workers.ts';

const USAGE = `npm run simulate -- [options]
  --seeds N      how many seeds to run (200)
  --from S       the first seed (1)
  --world NAME   lively (all faults, all kinds of fields) or plain (few faults, text fields; quick to read)
  --minutes M    stop after so long
  --stop N       stop after so many failing seeds (20)
  --json         a summary as JSON on stdout
  --story        with --seeds 1 or --tape: tell what happened
  --tape FILE    replay a tape
  --shrink       with --seeds 1: make the tape small, tell its story
  --seconds N    with --shrink: time for it (60)
  --keep NAME    with --shrink: keep it as test/simulation/tapes/<invariant>-NAME.json
`;
const TAPES = new URL('../tapes/', import.meta.url);
const STORY_LINES = 3_000;
/** A second run of every fiftieth seed must agree with the first. */
const TWICE_EVERY = 50;

const { values: args } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    minutes: { type: 'string' },
    stop: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
    story: { type: 'boolean', default: false },
    tape: { type: 'string' },
    shrink: { type: 'boolean', default: false },
    keep: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    world: { type: 'string', default: 'lively' },
    help: { type: 'boolean', default: false },
  },
});
const count = z.coerce.number().int().nonnegative();
const keptTape = z.object({ world: z.string(), tape: z.record(z.string(), z.array(z.tuple([z.number(), z.number()]))) });

if (args.help) process.stdout.write(USAGE);
else if (args.tape !== undefined) {
  const { tape, world } = keptTape.parse(JSON.parse(readFileSync(args.tape, 'utf8')));
  await tell({ tape }, world);
} else if (args.shrink) await shrinkSeed(count.parse(args.from));
else if (args.story) await tell({ seed: count.parse(args.from) });
else await simulate();

async function simulate(): Promise<void> {
  const seeds = count.parse(args.seeds);
  const from = count.parse(args.from);
  const stopAt = Math.max(1, count.parse(args.stop));
  const startedMs = performance.now();
  const endMs = args.minutes === undefined ? Number.POSITIVE_INFINITY : startedMs + count.parse(args.minutes) * 60_000;
  const coverage = new Coverage();
  const violations: (Violation & { readonly seed: number })[] = [];
  const failing = new Set<number>();
  let done = 0;
  let events = 0;
  let edits = 0;
  let virtualMs = 0;
  let toldMs = startedMs;

  function* tasks(): Generator<Task> {
    for (let seed = from; seed < from + seeds && performance.now() < endMs; seed += 1)
      yield { do: 'seed', seed, twice: seed % TWICE_EVERY === 0 };
  }
  const workers = new Workers(undefined, { world: args.world });
  try {
    await workers.run(tasks(), (answer) => {
      if (answer.did !== 'seed') throw new Error(answer.did === 'failed' ? answer.problem : `unexpected answer ${answer.did}`);
      const { seed, report } = answer;
      done += 1;
      events += report.events;
      edits += report.edits;
      virtualMs += report.virtualMs;
      coverage.add(report.coverage);
      for (const violation of report.violations) violations.push({ seed, ...violation });
      if (report.violations.length > 0) {
        failing.add(seed);
        const [first] = report.violations;
        process.stderr.write(`seed ${seed}: ${first?.invariant} ${first?.message.slice(0, 400)}\n`);
      }
      if (performance.now() - toldMs > 5_000) {
        toldMs = performance.now();
        process.stderr.write(
          `${done} seeds, ${failing.size} failing, ${Math.round((events / (toldMs - startedMs)) * 1000)} events/s\n`,
        );
      }
      return failing.size < stopAt;
    });
  } finally {
    workers.close();
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const summary = {
    seeds: done,
    failing: [...failing].sort((a, b) => a - b),
    violations: violations.map(({ seed, invariant, message }) => ({ seed, invariant, message })),
    edits,
    events,
    seconds: Math.round(seconds),
    virtualHours: Math.round(virtualMs / 3_600_000),
    eventsPerSecond: Math.round(events / seconds),
    coverage: coverage.table(),
  };
  if (args.json) process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
  else {
    const { coverage: faults, violations: _, ...short } = summary;
    process.stdout.write(`${JSON.stringify(short)}\n`);
    for (const [fault, { fired, seeds: inSeeds }] of Object.entries(faults))
      process.stdout.write(`  ${fault.padEnd(24)} ${fired} times in ${inSeeds} seeds\n`);
  }
  for (const seed of summary.failing.slice(0, 5))
    process.stderr.write(
      `replay: npm run simulate -- --from ${seed} --story      make it small: npm run simulate -- --from ${seed} --shrink\n`,
    );
  process.exitCode = failing.size > 0 ? 1 : 0;
}

async function tell(from: Extract<Task, { do: 'tell' }>['from'], world = args.world): Promise<void> {
  const workers = new Workers(1, { world });
  try {
    const answer = await workers.one({ do: 'tell', from, storyLines: STORY_LINES });
    if (answer.did !== 'tell') throw new Error(answer.did === 'failed' ? answer.problem : `unexpected answer ${answer.did}`);
    const { story = '', violations, ...rest } = answer.report;
    process.stdout.write(`${story}\n${JSON.stringify({ ...rest, coverage: undefined })}\n`);
    for (const { invariant, message } of violations) process.stdout.write(`${invariant}: ${message}\n`);
    process.exitCode = violations.length > 0 ? 1 : 0;
  } finally {
    workers.close();
  }
}

async function shrinkSeed(seed: number): Promise<void> {
  const workers = new Workers(1, { world: args.world });
  try {
    const found = await workers.one({ do: 'seed', seed, twice: false });
    if (found.did !== 'seed') throw new Error(found.did === 'failed' ? found.problem : `unexpected answer ${found.did}`);
    const [violation] = found.report.violations;
    if (violation === undefined) {
      process.stderr.write(`seed ${seed} breaks nothing\n`);
      return;
    }
    const { invariant } = violation;
    process.stderr.write(`seed ${seed}: ${invariant} ${violation.message}\n`);
    const small = await workers.one({ do: 'shrink', seed, invariant, budgetMs: count.parse(args.seconds) * 1_000 });
    if (small.did !== 'shrink') throw new Error(small.did === 'failed' ? small.problem : `unexpected answer ${small.did}`);
    process.stdout.write(`${small.report.story}\n`);
    const broken = small.report.violations.filter((one) => one.invariant === invariant);
    for (const one of small.report.violations) process.stdout.write(`${one.invariant}: ${one.message}\n`);
    process.stderr.write(
      `${small.trials} trials, ${small.isMinimal ? 'one-minimal' : 'time was up'}; tape ${JSON.stringify(small.tape)}\n`,
    );
    if (args.keep === undefined) return;
    const kept: KeptTape = {
      invariant,
      name: args.keep,
      message: broken[0]?.message ?? violation.message,
      world: args.world,
      seed,
      mended: false,
      tape: small.tape,
    };
    mkdirSync(TAPES, { recursive: true });
    const file = new URL(`${invariant}-${args.keep}.json`, TAPES);
    writeFileSync(file, `${JSON.stringify(kept)}\n`);
    process.stderr.write(`kept as ${file.pathname}\n`);
  } finally {
    workers.close();
  }
}
