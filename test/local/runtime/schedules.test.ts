import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { movableClock } from '../../../local/aws/clock.ts';
import { nextRunOf, type Schedule, startSchedule } from '../../../local/runtime/schedules.ts';
import { until } from './scripted-function.ts';

const at = (text: string): number => Date.parse(text);
const next = (expression: string, after: string): string => new Date(nextRunOf(expression)(at(after))).toISOString();

// docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
describe('A schedule expression', () => {
  it.each([
    ['rate(1 minute)', '2026-01-05T10:00:30.000Z', '2026-01-05T10:01:30.000Z'],
    ['rate(5 minutes)', '2026-01-05T10:00:30.000Z', '2026-01-05T10:05:30.000Z'],
    ['rate(2 hours)', '2026-01-05T10:00:00.000Z', '2026-01-05T12:00:00.000Z'],
    ['rate(1 day)', '2026-01-05T10:00:00.000Z', '2026-01-06T10:00:00.000Z'],
    ['cron(0 12 * * ? *)', '2026-01-05T12:00:00.000Z', '2026-01-06T12:00:00.000Z'],
    ['cron(0/15 * * * ? *)', '2026-01-05T10:16:00.000Z', '2026-01-05T10:30:00.000Z'],
    // 5 January 2026 is a Monday, which EventBridge counts as 2.
    ['cron(0 8 ? * 2 *)', '2026-01-05T09:00:00.000Z', '2026-01-12T08:00:00.000Z'],
    ['cron(0 8 ? * 1 *)', '2026-01-05T09:00:00.000Z', '2026-01-11T08:00:00.000Z'],
    ['cron(0 8 ? * 2-6 *)', '2026-01-09T09:00:00.000Z', '2026-01-12T08:00:00.000Z'],
    ['cron(0 8 ? * MON-FRI *)', '2026-01-09T09:00:00.000Z', '2026-01-12T08:00:00.000Z'],
    ['cron(30 6 1 * ? *)', '2026-01-05T09:00:00.000Z', '2026-02-01T06:30:00.000Z'],
  ])('%s after %s fires at %s', (expression, after, expected) => {
    expect(next(expression, after)).toBe(expected);
  });

  it.each([
    ['no expression', 'every minute'],
    ['a wrong plural', 'rate(1 minutes)'],
    ['a wrong singular', 'rate(5 minute)'],
    ['a rate of nothing', 'rate(0 minutes)'],
    ['five fields', 'cron(0 12 * * ?)'],
    ['both days named', 'cron(0 12 * * * *)'],
    ['a year', 'cron(0 12 * * ? 2027)'],
    ['the last day', 'cron(0 12 L * ? *)'],
  ])('is refused with advice: %s', (_, expression) => {
    expect(() => nextRunOf(expression)).toThrow(/no schedule that runs here: write rate/);
  });
});

const started: Schedule[] = [];
afterEach(() => {
  for (const schedule of started.splice(0)) schedule.close();
});

function schedule(act: () => Promise<void>, mayRun: () => boolean = () => true) {
  const clock = movableClock();
  const subject = startSchedule({ name: 'EveryMinute', expression: 'rate(1 minute)', act, clock, mayRun });
  started.push(subject);
  return { subject, clock };
}

describe('A schedule', () => {
  it('fires when its time comes, and again', async () => {
    let runs = 0;
    const { clock } = schedule(async () => void runs++);
    await sleep(10);
    expect(runs).toBe(0);
    clock.advance(60_000);
    await until(() => runs === 1);
    clock.advance(60_000);
    await until(() => runs === 2);
  });

  it('fires once for all the times that a jump of the clock passed over', async () => {
    let runs = 0;
    const { clock } = schedule(async () => void runs++);
    clock.advance(10 * 60_000);
    await sleep(20);
    expect(runs).toBe(1);
  });

  it('does not fire while a run is under way', async () => {
    let runs = 0;
    const release = Promise.withResolvers<void>();
    const { subject, clock } = schedule(async () => {
      runs++;
      await release.promise;
    });
    clock.advance(60_000);
    await until(() => subject.busy());
    clock.advance(60_000);
    await sleep(10);
    expect(runs).toBe(1);
    release.resolve();
    await until(() => !subject.busy());
    clock.advance(60_000);
    await until(() => runs === 2);
  });

  it('runs on demand, one run after the other', async () => {
    const order: string[] = [];
    let number = 0;
    const { subject } = schedule(async () => {
      const own = ++number;
      order.push(`begin ${own}`);
      await sleep(10);
      order.push(`end ${own}`);
    });
    await Promise.all([subject.run(), subject.run()]);
    expect(order).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2']);
  });

  it('leaves firings out while the stack rests', async () => {
    let runs = 0;
    let resting = true;
    const { clock } = schedule(
      async () => void runs++,
      () => !resting,
    );
    clock.advance(60_000);
    await sleep(10);
    expect(runs).toBe(0);
    resting = false;
    clock.advance(60_000);
    await until(() => runs === 1);
  });

  it('goes on after a run that failed', async () => {
    let runs = 0;
    const { subject } = schedule(async () => {
      runs++;
      if (runs === 1) throw new Error('once');
    });
    await expect(subject.run()).rejects.toThrow('once');
    await subject.run();
    expect(runs).toBe(2);
    expect(subject.busy()).toBe(false);
  });
});
