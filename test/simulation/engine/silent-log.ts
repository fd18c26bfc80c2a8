/** Takes the place of shared/telemetry/log.ts during simulated runs: no output, and no look at the clock. */
const nothing = (): void => undefined;

type Told = (message: string, facts?: object) => void;

let listener: { readonly error: Told; readonly warn: Told } | undefined;

/** Who hears what the functions log as a warning or an error. */
export function hearLog(told: { readonly error: Told; readonly warn: Told } | undefined): void {
  listener = told;
}

export const log = {
  info: nothing,
  debug: nothing,
  warn: (message: string, facts?: object) => listener?.warn(message, facts),
  error: (message: string, facts?: object) => listener?.error(message, facts),
  addContext: nothing,
};

export const metrics = {
  addMetric: nothing,
  hasStoredMetrics: () => false,
  publishStoredMetrics: nothing,
};

export const MetricUnit = { Count: 'Count', Percent: 'Percent', Seconds: 'Seconds' } as const;

export const countFor = nothing;

export function errorFacts(error: unknown): { error: string; detail?: string } {
  return error instanceof Error ? { error: error.name, detail: error.message } : { error: typeof error };
}
