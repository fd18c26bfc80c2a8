import { parseArgs } from 'node:util';
import { SCENARIO_NAMES } from './scenarios/scenario-names.ts';
import type { Task, WalkReport } from './worker-messages.ts';
import { WORKERS, Workers } from './workers.ts';

// npm run simulate:walk -- [--scenario NAME] [--json]: every scenario with a death at each of its calls, before and after its effect.

const { values: args } = parseArgs({
  options: { scenario: { type: 'string' }, json: { type: 'boolean', default: false } },
});
const names = args.scenario === undefined ? SCENARIO_NAMES : [args.scenario];

function* tasks(): Generator<Task> {
  for (const scenario of names)
    for (let part = 0; part < WORKERS; part += 1) yield { do: 'walk', scenario, part, parts: WORKERS };
}

const reports = new Map<string, WalkReport>();
const startedMs = performance.now();
const workers = new Workers();
try {
  await workers.run(tasks(), (answer) => {
    if (answer.did !== 'walk') throw new Error(answer.did === 'failed' ? answer.problem : `unexpected answer ${answer.did}`);
    const known = reports.get(answer.scenario) ?? { scenario: answer.scenario, walked: 0, violations: [] };
    reports.set(answer.scenario, {
      ...known,
      walked: known.walked + answer.walked,
      violations: [...known.violations, ...answer.violations],
    });
    return true;
  });
} finally {
  workers.close();
}
const all = [...reports.values()];
const broken = all.reduce((sum, { violations }) => sum + violations.length, 0);
if (args.json) process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
else {
  for (const { scenario, walked, violations } of all) {
    process.stdout.write(
      `${scenario.padEnd(32)} ${String(walked).padStart(5)} deaths  ${violations.length === 0 ? 'clean' : `${violations.length} violations`}\n`,
    );
    for (const { killed, invariant, message } of violations.slice(0, 5))
      process.stdout.write(`    ${killed}: ${invariant} ${message}\n`);
  }
  process.stdout.write(`${Math.round((performance.now() - startedMs) / 1000)} s\n`);
}
process.exitCode = broken > 0 ? 1 : 0;
