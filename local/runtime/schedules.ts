import { Cron } from 'croner';

/** When a schedule fires next, epoch ms. docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html */
export function nextRun(expression: string, afterMs: number): number {
  const rate = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression);
  if (rate !== null)
    return (
      afterMs +
      Number(rate[1]) *
        { minute: 60_000, hour: 3_600_000, day: 86_400_000 }[rate[2] === 'hour' ? 'hour' : rate[2] === 'day' ? 'day' : 'minute']
    );
  const cron = /^cron\((\S+) (\S+) (\S+) (\S+) (\S+) \S+\)$/.exec(expression);
  if (cron === null) throw new Error(`not a schedule expression: ${expression}`);
  const [, minute, hour, dayOfMonth = '*', month, dayOfWeek = '*'] = cron;
  // EventBridge counts days of the week from 1 (Sunday); cron from 0.
  const days = dayOfWeek === '?' ? '*' : dayOfWeek.replace(/\b[1-7]\b/g, (day) => String(Number(day) - 1));
  const next = new Cron(`${minute} ${hour} ${dayOfMonth === '?' ? '*' : dayOfMonth} ${month} ${days}`, {
    timezone: 'UTC',
    paused: true,
  }).nextRun(new Date(afterMs));
  if (next === null) throw new Error(`${expression} never fires`);
  return next.getTime();
}

export interface Schedule {
  readonly name: string;
  /** Runs it now, after a run that is under way; resolves when it is through. */
  run(): Promise<void>;
  /** A run is under way. */
  busy(): boolean;
  close(): void;
}

/** Fires `act` by a schedule expression; a run that is still under way makes the next one wait for its turn, not pile up. */
export function startSchedule(
  name: string,
  expression: string,
  act: () => Promise<void>,
  now: () => number,
  mayRun: () => boolean,
): Schedule {
  let timer: NodeJS.Timeout | undefined;
  let current: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    while (current !== undefined) await current;
    current = act().finally(() => {
      current = undefined;
    });
    await current;
  };
  const arm = () => {
    timer = setTimeout(
      () => {
        if (mayRun() && current === undefined) void run();
        arm();
      },
      Math.min(Math.max(0, nextRun(expression, now()) - now()), 2 ** 31 - 1),
    );
  };
  arm();
  return { name, run, busy: () => current !== undefined, close: () => clearTimeout(timer) };
}
