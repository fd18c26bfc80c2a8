import type { CallCounts, SimulatorSettings } from '../simulator.ts';
import type { OrgSettings } from './org-settings.ts';

/** Counts API calls, for the test that asks and for the daily limit. */
export interface CallMeter {
  /** The number of the call that begins now: 1, 2, 3 ... over the life of the simulator. */
  begin(): number;
  end(endpoint: string, outcome: string): void;
  /** Counts a call that the org bills. @returns false when the limit is used up. */
  bill(): boolean;
  /** `Sforce-Limit-Info` and `/limits`. */
  usage(): { readonly used: number; readonly max: number };
  counts(): CallCounts;
  resetCounts(): void;
  /** Forgets today's use as well. */
  clear(): void;
}

const HOUR_MS = 3_600_000;
const UNREACHABLE_LIMIT = 1_000_000_000;

export function callMeter(settings: SimulatorSettings, orgSettings: OrgSettings, now: () => number): CallMeter {
  let began = 0;
  let byEndpoint: Record<string, number> = {};
  let byStatus: Record<string, number> = {};
  let total = 0;
  // The limit rolls over 24 h; whole hours are fine enough and keep the list at 24 entries.
  const byHour = new Map<number, number>();

  const used = () => {
    const hour = Math.floor(now() / HOUR_MS);
    for (const past of byHour.keys()) if (past <= hour - 24) byHour.delete(past);
    return [...byHour.values()].reduce((sum, count) => sum + count, 0);
  };
  const max = () => (settings.limits ? orgSettings.dailyApiCalls : UNREACHABLE_LIMIT);

  return {
    begin() {
      began += 1;
      return began;
    },
    end(endpoint, outcome) {
      total += 1;
      byEndpoint[endpoint] = (byEndpoint[endpoint] ?? 0) + 1;
      byStatus[outcome] = (byStatus[outcome] ?? 0) + 1;
    },
    bill() {
      if (used() >= max()) return false;
      const hour = Math.floor(now() / HOUR_MS);
      byHour.set(hour, (byHour.get(hour) ?? 0) + 1);
      return true;
    },
    usage: () => ({ used: used(), max: max() }),
    counts: () => ({ total, byEndpoint: { ...byEndpoint }, byStatus: { ...byStatus } }),
    resetCounts() {
      total = 0;
      byEndpoint = {};
      byStatus = {};
    },
    clear() {
      this.resetCounts();
      byHour.clear();
    },
  };
}
