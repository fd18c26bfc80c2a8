import type { Environment } from '../local/environment.ts';
import type { Edit } from '../local/simulators/busy-people.ts';
import type { WriteLogEntry } from '../local/simulators/simulator.ts';

/** The nearest-rank percentile. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))] ?? 0;
}

export interface Arrivals {
  readonly edits: number;
  readonly arrived: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Edits that never arrived though no later or contesting edit of the same field explains it. */
  readonly unexplained: readonly Edit[];
  /** Latency of the last tenth over the first tenth (medians): above 1, a backlog grew. */
  readonly lastOverFirst: number;
}

/** From a person's save in one CRM to our write of that very value in the other, by the CRMs' own logs. */
export function arrivalsOf(edits: readonly Edit[], writes: readonly WriteLogEntry[]): Arrivals {
  const arrivedAtMs = new Map<string, number>();
  for (const write of writes) {
    if (write.by.kind !== 'api') continue;
    for (const { to } of Object.values(write.fields)) {
      const key = `${write.system} ${String(to)}`;
      if (!arrivedAtMs.has(key)) arrivedAtMs.set(key, write.atMs);
    }
  }
  const other = { salesforce: 'hubspot', hubspot: 'salesforce' } as const;
  const latencies: number[] = [];
  const missing: Edit[] = [];
  for (const edit of edits) {
    const at = arrivedAtMs.get(`${other[edit.system]} ${edit.value}`);
    if (at === undefined) missing.push(edit);
    else latencies.push(at - edit.atMs);
  }
  const sorted = latencies.toSorted((a, b) => a - b);
  const tenth = Math.max(1, Math.floor(latencies.length / 10));
  const median = (some: readonly number[]) =>
    percentile(
      some.toSorted((a, b) => a - b),
      0.5,
    );
  return {
    edits: edits.length,
    arrived: latencies.length,
    p50Ms: percentile(sorted, 0.5),
    p95Ms: percentile(sorted, 0.95),
    p99Ms: percentile(sorted, 0.99),
    maxMs: sorted.at(-1) ?? 0,
    unexplained: missing.filter((edit) => !isExplained(edit, edits, Math.max(EXPLAINS_MS, sorted.at(-1) ?? 0))),
    lastOverFirst: median(latencies.slice(-tenth)) / Math.max(1, median(latencies.slice(0, tenth))),
  };
}

/** Values that gave way before they could travel: overwritten on the same side, or met by an edit of the same field on the other. */
function isExplained(edit: Edit, edits: readonly Edit[], withinMs: number): boolean {
  return edits.some(
    (rival) =>
      rival !== edit && rival.twin === edit.twin && rival.field === edit.field && Math.abs(rival.atMs - edit.atMs) < withinMs,
  );
}
/** Two edits of one field so close together may be decided before the first has travelled; where travel takes longer, longer. */
const EXPLAINS_MS = 10_000;

export interface Costs {
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly sqsRequests: number; // empty receives apart
  readonly emptyReceives: number;
  readonly invocations: number;
}

/** What AWS would bill for the functions' and event sources' work since the last reset. */
export function costsOf(environment: Environment): Costs {
  const { calls, sqsRequests, functions } = environment.stack.stats();
  const table = calls.filter((call) => call.service === 'dynamodb' && call.caller !== 'root');
  const requests = Object.values(sqsRequests);
  const count = (wanted: (operation: string) => boolean) =>
    requests.reduce(
      (sum, byOperation) =>
        sum + Object.entries(byOperation).reduce((all, [operation, times]) => all + (wanted(operation) ? times : 0), 0),
      0,
    );
  return {
    writeUnits: table.reduce((sum, call) => sum + call.writeUnits, 0),
    readUnits: table.reduce((sum, call) => sum + call.readUnits, 0),
    sqsRequests: count((operation) => operation !== 'EmptyReceive'),
    emptyReceives: count((operation) => operation === 'EmptyReceive'),
    invocations: Object.entries(functions).reduce(
      (sum, [name, one]) => sum + (name.startsWith('OperatorApi') ? 0 : one.invocations),
      0,
    ),
  };
}

/** Invocations and processor time by function, to see where the work goes. */
export function byFunction(environment: Environment, changes: number): Record<string, { invocations: number; cpuMs: number }> {
  return Object.fromEntries(
    Object.entries(environment.stack.stats().functions)
      .filter(([, one]) => one.invocations > 0)
      .map(([name, one]) => [
        name.replace(/[0-9A-F]{8}$/, ''),
        perChange({ invocations: one.invocations, cpuMs: one.cpuMs }, changes) as { invocations: number; cpuMs: number },
      ]),
  );
}

export function perChange<Numbers extends object>(numbers: Numbers, changes: number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(numbers).map(([name, value]) => [name, Math.round((Number(value) / Math.max(1, changes)) * 1_000) / 1_000]),
  );
}

/** Writes that changed nothing: what an echo looks like from outside. */
export function echoWrites(writes: readonly WriteLogEntry[]): number {
  return writes.filter((write) => write.by.kind === 'api' && write.kind === 'update' && Object.keys(write.fields).length === 0)
    .length;
}

export function doubledCreates(writes: readonly WriteLogEntry[]): number {
  const ids = writes
    .filter((write) => write.by.kind === 'api' && write.kind === 'create')
    .map((write) => `${write.system} ${String((write.fields.Concord_Id__c ?? write.fields.concord_id)?.to)}`);
  return ids.length - new Set(ids).size;
}
