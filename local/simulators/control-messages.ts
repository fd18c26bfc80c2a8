import * as z from 'zod';
import { nativeValueSchema } from '../../shared/sync/change-hint.ts';

/** Messages of the control surface, as `control.ts` reads them and `remote.ts` sends and reads them. */

const valuesSchema = z.record(z.string().min(1), nativeValueSchema);
const objectSchema = z.string().min(1);
const personSchema = z.string().min(1).optional();

export const createRequestSchema = z.strictObject({ object: objectSchema, values: valuesSchema, person: personSchema });
export const editRequestSchema = z.strictObject({
  object: objectSchema,
  objectId: z.string().min(1),
  values: valuesSchema,
  person: personSchema,
});
export const pointRequestSchema = z.strictObject({ object: objectSchema, objectId: z.string().min(1), person: personSchema });
export const loadRequestSchema = z.strictObject({
  object: objectSchema,
  rows: z.array(valuesSchema),
  atMs: z.int().nonnegative().optional(),
});

const releaseModeSchema = z.enum(['send', 'drop', 'reverse']);
export type ReleaseMode = z.infer<typeof releaseModeSchema>;
export const releaseRequestSchema = z.strictObject({ mode: releaseModeSchema });

export const writesQuerySchema = z.strictObject({ after: z.coerce.number().int().nonnegative().default(0) });
export const objectsQuerySchema = z.strictObject({ object: objectSchema });
export const objectQuerySchema = z.strictObject({ object: objectSchema, objectId: z.string().min(1) });

const faultSchema = z.strictObject({
  match: z.string().min(1),
  times: z.int().positive(),
  kind: z.enum(['status', 'hang', 'drop']),
  afterEffect: z.boolean().optional(),
  status: z.int().min(100).max(599).optional(),
  body: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
});

export const settingsSchema = z.strictObject({
  latencyMs: z.number().nonnegative().max(600_000),
  limits: z.boolean(),
  dropNotifications: z.number().min(0).max(1),
  notificationCopies: z.int().min(1).max(100),
  shuffleNotificationsMs: z.number().nonnegative().max(600_000),
  holdNotifications: z.boolean(),
  faults: z.array(faultSchema).max(1000),
});
export const settingsPatchSchema = settingsSchema.partial();

export const writeLogEntrySchema = z.object({
  seq: z.int().positive(),
  atMs: z.number(),
  system: z.string(),
  object: z.string(),
  objectId: z.string(),
  kind: z.enum(['create', 'update', 'delete', 'restore', 'merge']),
  fields: z.record(z.string(), z.object({ from: nativeValueSchema, to: nativeValueSchema })),
  by: z.object({ kind: z.enum(['person', 'api']), name: z.string() }),
  call: z.int().optional(),
  trace: z.string().optional(),
});

export const simulatedObjectSchema = z.object({
  objectId: z.string(),
  values: z.record(z.string(), nativeValueSchema),
  modifiedAtMs: z.number(),
  modifiedBy: z.string(),
  deleted: z.boolean(),
});

export const callCountsSchema = z.object({
  total: z.int(),
  byEndpoint: z.record(z.string(), z.int()),
  byStatus: z.record(z.string(), z.int()),
});

export const createdSchema = z.object({ objectId: z.string() });
export const loadedSchema = z.object({ objectIds: z.array(z.string()) });
export const objectsSchema = z.object({ objects: z.array(simulatedObjectSchema) });
export const writesSchema = z.object({ writes: z.array(writeLogEntrySchema) });
export const pendingSchema = z.object({ pending: z.int() });
export const refusalSchema = z.object({ error: z.string() });
