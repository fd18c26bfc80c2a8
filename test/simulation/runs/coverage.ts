import type { FaultCount } from './run-report.ts';

/** Adds up how often each fault came up over many runs. */
export class Coverage {
  private readonly counts = new Map<string, { fired: number; effective: number; seeds: number }>();

  add(coverage: Readonly<Record<string, FaultCount>>): void {
    for (const [fault, { fired, effective }] of Object.entries(coverage)) {
      const known = this.counts.get(fault) ?? { fired: 0, effective: 0, seeds: 0 };
      known.fired += fired;
      known.effective += effective;
      known.seeds += 1;
      this.counts.set(fault, known);
    }
  }

  /** By fault, in the order of their names. */
  table(): Readonly<Record<string, { readonly fired: number; readonly effective: number; readonly seeds: number }>> {
    return Object.fromEntries([...this.counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
