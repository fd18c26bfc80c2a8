import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';

/** One structured line per step. Ids, counts, field names and codes only: values are people's details. */
export const log = new Logger();

/** Metrics as embedded log lines: no call, no wait. The alarms of infra/alarms.ts name these. */
export const metrics = new Metrics();
export { MetricUnit };

/** Adds a metric of one system: the alarms tell the systems apart. */
export function countFor(system: string, name: string, unit: (typeof MetricUnit)[keyof typeof MetricUnit], value: number): void {
  const single = metrics.singleMetric();
  single.addDimension('system', system);
  single.addMetric(name, unit, value);
}

/** Enough for a sentence or three: a mapping's faults are told all at once. */
const DETAIL_MAX = 1_000;

/** What a caught value is. `message` is Powertools' own key, so the error's goes by `detail`. */
export function errorFacts(error: unknown): { error: string; code?: string; detail?: string } {
  if (!(error instanceof Error)) return { error: typeof error };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { error: error.name, detail: error.message.slice(0, DETAIL_MAX), ...(code !== undefined && { code }) };
}
