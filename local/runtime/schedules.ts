import { Cron } from 'croner';
import type { Clock } from '../aws/clock.ts';

const UNIT_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
/** Node's timers take no more than this. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Gives, for an instant, when the schedule fires next after it. All epoch ms. */
export type NextRun = (afterMs: number) => number;

/**
 * Reads `rate(...)` and `cron(...)` as EventBridge does, in UTC.
 * docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 *
 * @throws Error when EventBridge would refuse the expression, or when it names a year or L, W, #, which are not run here.
 */
export function nextRunOf(expression: string): NextRun {
  const [, count = '', unit = '', plural = ''] = /^rate\((\d+) (minute|hour|day)(s?)\)$/.exec(expression) ?? [];
  const unitMs = UNIT_MS[unit];
  if (unitMs !== undefined) {
    // EventBridge takes "1 minute" and "2 minutes" only.
    if (Number(count) < 1 || (Number(count) === 1) !== (plural === '')) throw refusal(expression);
    return (afterMs) => afterMs + Number(count) * unitMs;
  }
  // Sloppy ranges: "0/15", every 15 from 0, which EventBridge has and cron has not.
  const cron = new Cron(cronPattern(expression), { timezone: 'UTC', paused: true, sloppyRanges: true });
  return (afterMs) => {
    const next = cron.nextRun(new Date(afterMs));
    if (next === null) throw new Error(`the schedule ${expression} never fires`);
    return next.getTime();
  };
}

/** EventBridge: minutes hours day-of-month month day-of-week year; one of the two days is `?`, and Sunday is 1. */
function cronPattern(expression: string): string {
  const [, fields = ''] = /^cron\((.+)\)$/.exec(expression) ?? [];
  const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = '', year = '', ...more] = fields.split(' ');
  const oneDayOpen = (dayOfMonth === '?') !== (dayOfWeek === '?');
  if (year !== '*' || more.length > 0 || !oneDayOpen || /[LW#]/.test(dayOfMonth + dayOfWeek.replace(/[A-Z]{3}/g, '')))
    throw refusal(expression);
  // In cron Sunday is 0; a step (the 2 of 2/2) is no day.
  const days = dayOfWeek.replace(/(\/)?\b([1-7])\b/g, (found, step, day) =>
    step === undefined ? String(Number(day) - 1) : found,
  );
  return [minute, hour, dayOfMonth, month, days].map((field) => (field === '?' ? '*' : field)).join(' ');
}

const refusal = (expression: string): Error =>
  new Error(
    `${expression} is no schedule that runs here: write rate(5 minutes), or cron(0 12 * * ? *) with any year and without L, W, #`,
  );

export interface Schedule {
  readonly name: string;
  /** Runs it now, after a run that is under way; settles when it is through. */
  run(): Promise<void>;
  /** A run is under way. */
  busy(): boolean;
  close(): void;
}

/**
 * Fires `act` by the expression. While a run is under way a firing is left out, where EventBridge would start another beside it:
 * on a slow machine they would pile up. While the stack rests, firings are left out too.
 */
export function startSchedule(options: {
  readonly name: string;
  readonly expression: string;
  /** Reports its own failures. */
  readonly act: () => Promise<void>;
  readonly clock: Clock;
  readonly mayRun: () => boolean;
}): Schedule {
  const { name, act, clock } = options;
  const nextRun = nextRunOf(options.expression);
  let timer: NodeJS.Timeout | undefined;
  let dueAtMs = nextRun(clock.now());
  let last: Promise<void> = Promise.resolve();
  let underWay = 0;

  function run(): Promise<void> {
    underWay += 1;
    last = last
      .catch(() => undefined)
      .then(act)
      .finally(() => {
        underWay -= 1;
      });
    return last;
  }

  /** Looks whether it is due, and sets the timer for the next time. */
  function tick(): void {
    clearTimeout(timer);
    const now = clock.now();
    if (now >= dueAtMs) {
      // However many firings a jump of the clock passed over, it fires once.
      dueAtMs = nextRun(now);
      if (options.mayRun() && underWay === 0) void run();
    }
    timer = setTimeout(tick, Math.min(Math.max(dueAtMs - now, 1), TIMER_MS_MAX));
  }

  tick();
  const stopListening = clock.onJump(tick);
  return {
    name,
    run,
    busy: () => underWay > 0,
    close() {
      clearTimeout(timer);
      stopListening();
    },
  };
}
