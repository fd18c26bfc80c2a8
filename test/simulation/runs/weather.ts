import type { PlatformWeather } from '../engine/deployment.ts';
import type { Chooser } from '../kernel/choice-tape.ts';
import type { CallFate, CallOutlook } from '../kernel/incarnation.ts';

/** What calls of one kind of port meet, in per mille of the calls. */
export type CallWeather = Readonly<Record<Exclude<CallFate, 'proceed'> | 'slow', number>>;

export type PortKind = 'table' | 'queue' | 'crm';

export interface Weather {
  readonly calls: Readonly<Record<PortKind, CallWeather>>;
  readonly platform: PlatformWeather;
}

const FAIR: CallWeather = { fail: 0, lose: 0, repeat: 0, late: 0, 'kill-before': 0, 'kill-after': 0, slow: 0 };

/** No faults. Two invocations of a function may still run at once. */
export const CALM: Weather = {
  calls: { table: FAIR, queue: FAIR, crm: FAIR },
  platform: { concurrency: 2, coldStart: 0, showAgain: 0, streamRepeat: 0, skewMaxMs: 0, scheduleMiss: 0 },
};

const STRENGTHS = [2, 5, 15, 40];

/** Swarm: which faults are on, and how strong, so that rare pairs meet and mild runs exist too. */
export function drawWeather(chooser: Chooser): Weather {
  const strength = (): number =>
    chooser.chance(350, 'weather') ? (STRENGTHS[chooser.choose(STRENGTHS.length, 'weather')] ?? 0) : 0;
  const calls = (kind: PortKind): CallWeather => ({
    fail: strength(),
    lose: strength(),
    // The AWS clients send a call again by themselves; those of the CRMs never repeat a write.
    repeat: kind === 'crm' ? 0 : strength(),
    late: strength(),
    'kill-before': strength(),
    'kill-after': strength(),
    slow: strength(),
  });
  return {
    calls: { table: calls('table'), queue: calls('queue'), crm: calls('crm') },
    platform: {
      concurrency: 1 + chooser.choose(4, 'weather'),
      coldStart: strength() * 5,
      showAgain: strength(),
      streamRepeat: strength() * 3,
      skewMaxMs: chooser.chance(200, 'weather') ? ([50, 400, 1_500][chooser.choose(3, 'weather')] ?? 0) : 0,
      scheduleMiss: strength() * 5,
    },
  };
}

const FATES = ['fail', 'lose', 'repeat', 'late', 'kill-before', 'kill-after', 'slow'] as const;

interface PortTimes {
  readonly travelMs: readonly number[];
  readonly slowMs: readonly number[];
  readonly giveUpMs: number;
  /** After its caller gave up. */
  readonly lateByMs: readonly number[];
}

const TIMES: Readonly<Record<PortKind, PortTimes>> = {
  table: { travelMs: [3, 6, 12, 30], slowMs: [200, 1_000, 2_500], giveUpMs: 3_000, lateByMs: [100, 1_500, 4_000] },
  queue: { travelMs: [4, 9, 20, 60], slowMs: [300, 2_000], giveUpMs: 3_000, lateByMs: [100, 1_500, 4_000] },
  // The last of them outlives the lease of a claim.
  crm: {
    travelMs: [40, 90, 200, 600],
    slowMs: [2_000, 8_000, 15_000],
    giveUpMs: 20_000,
    lateByMs: [500, 8_000, 60_000, 95_000, 240_000],
  },
};

/** Foresees one call: whether it meets a fault, and how long it takes. */
export function foresee(weather: Weather, port: string, chooser: Chooser, count: (fate: string) => void): CallOutlook {
  const kind = kindOf(port);
  const calls = weather.calls[kind];
  const times = TIMES[kind];
  const total = FATES.reduce((sum, fate) => sum + calls[fate], 0);
  const travelMs = pick(times.travelMs, chooser, `${kind} travel`);
  if (!chooser.chance(total, `${kind} fault`)) return { fate: 'proceed', travelMs };
  let rest = chooser.choose(total, `${kind} fate`);
  const fate = FATES.find((one) => {
    rest -= calls[one];
    return rest < 0;
  });
  count(`${kind} ${fate}`);
  const giveUpMs = times.giveUpMs;
  switch (fate) {
    case undefined:
      return { fate: 'proceed', travelMs };
    case 'slow':
      return { fate: 'proceed', travelMs: pick(times.slowMs, chooser, `${kind} slow`) };
    case 'late':
      return { fate, giveUpMs, travelMs: giveUpMs + pick(times.lateByMs, chooser, `${kind} late`) };
    default:
      return { fate, travelMs, giveUpMs };
  }
}

export function kindOf(port: string): PortKind {
  if (port.startsWith('table')) return 'table';
  return port.startsWith('queue') ? 'queue' : 'crm';
}

function pick(values: readonly number[], chooser: Chooser, label: string): number {
  return values[chooser.choose(values.length, label)] ?? 0;
}
