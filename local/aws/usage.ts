import * as z from 'zod';
import type { ServiceName } from './access-requests.ts';

/** What one caller asked of one operation since the last reset. */
export interface CallUsage {
  readonly caller: string;
  readonly service: ServiceName;
  readonly operation: string;
  readonly calls: number;
  readonly errors: number;
  readonly readUnits: number; // DynamoDB request units, as AWS would bill them
  readonly writeUnits: number;
  /** Units by table (`Records`) and index (`Records/index/byOwner`). */
  readonly unitsByResource: Readonly<Record<string, number>>;
}

const unitsSchema = z.object({ CapacityUnits: z.number() });
const consumedSchema = z.object({
  TableName: z.string(),
  CapacityUnits: z.number(),
  Table: unitsSchema.optional(),
  GlobalSecondaryIndexes: z.record(z.string(), unitsSchema).optional(),
  LocalSecondaryIndexes: z.record(z.string(), unitsSchema).optional(),
});
const answerSchema = z.object({
  ConsumedCapacity: z.union([consumedSchema.transform((one) => [one]), z.array(consumedSchema)]).optional(),
});

export interface UsageBook {
  note(call: { caller: string; service: ServiceName; operation: string; failed: boolean; units?: ConsumedUnits }): void;
  list(): CallUsage[];
  reset(): void;
}

export interface ConsumedUnits {
  readonly kind: 'read' | 'write';
  readonly byResource: ReadonlyMap<string, number>;
}

/** Reads the units out of a DynamoDB answer. */
export function consumedUnits(answer: unknown, kind: 'read' | 'write'): ConsumedUnits {
  const byResource = new Map<string, number>();
  const add = (resource: string, units: number): void => {
    if (units > 0) byResource.set(resource, (byResource.get(resource) ?? 0) + units);
  };
  for (const consumed of answerSchema.parse(answer).ConsumedCapacity ?? []) {
    add(consumed.TableName, consumed.Table?.CapacityUnits ?? consumed.CapacityUnits);
    const indexes = { ...consumed.GlobalSecondaryIndexes, ...consumed.LocalSecondaryIndexes };
    for (const [index, { CapacityUnits }] of Object.entries(indexes)) add(`${consumed.TableName}/index/${index}`, CapacityUnits);
  }
  return { kind, byResource };
}

export function usageBook(): UsageBook {
  const pages = new Map<
    string,
    { -readonly [Key in keyof CallUsage]: CallUsage[Key] } & { unitsByResource: Record<string, number> }
  >();
  return {
    note({ caller, service, operation, failed, units }) {
      const key = `${caller} ${service} ${operation}`;
      let page = pages.get(key);
      if (page === undefined) {
        page = { caller, service, operation, calls: 0, errors: 0, readUnits: 0, writeUnits: 0, unitsByResource: {} };
        pages.set(key, page);
      }
      page.calls++;
      if (failed) page.errors++;
      for (const [resource, amount] of units?.byResource ?? []) {
        page.unitsByResource[resource] = (page.unitsByResource[resource] ?? 0) + amount;
        if (units?.kind === 'read') page.readUnits += amount;
        else page.writeUnits += amount;
      }
    },
    list: () => [...pages.values()].map((page) => ({ ...page, unitsByResource: { ...page.unitsByResource } })),
    reset: () => pages.clear(),
  };
}
