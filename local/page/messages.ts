import * as z from 'zod';
import { nativeValueSchema } from '../../shared/sync/change-hint.ts';
import { simulatedObjectSchema, writeLogEntrySchema } from '../simulators/control-messages.ts';

/** What the control API (local/control-api.ts) answers, and the events that it streams. */

export const contactsSchema = z.object({
  salesforce: z.array(simulatedObjectSchema),
  hubspot: z.array(simulatedObjectSchema),
});
export type ContactsAnswer = z.infer<typeof contactsSchema>;

export const statusSchema = z.object({
  paused: z.boolean(),
  quiet: z.boolean(),
  syncs: z.array(z.object({ sync: z.string(), firstSync: z.object({ phase: z.string() }) })),
  undelivered: z.object({ records: z.number() }),
  attention: z.object({ records: z.number() }),
});
export type Status = z.infer<typeof statusSchema>;

export const createdSchema = z.object({ objectId: z.string() });
export const anythingSchema = z.unknown();
export const refusalSchema = z.object({ message: z.string() });

const receivedSchema = z.object({
  correlationId: z.string(),
  object: z.string().optional(), // the system's name of the object type
  objectId: z.string(),
  by: z.string().optional(),
});
const processedSchema = z.object({
  correlationId: z.string(),
  sync: z.string().optional(),
  objectId: z.string(),
  recordId: z.string(),
  fields: z.array(z.string()),
  rules: z.array(z.string()),
  losers: z.number(),
  deliver: z.array(z.string()),
  sinceReceivedMs: z.number(),
});
const deliveredSchema = z.object({
  correlationId: z.string(),
  sync: z.string().optional(),
  objectId: z.string(),
  recordId: z.string(),
  kind: z.string(),
  fields: z.array(z.string()),
  code: z.string().optional(),
  sinceReceivedMs: z.number(),
});

const step = { atMs: z.number(), system: z.string() };
export const trailEventSchema = z.discriminatedUnion('type', [
  writeLogEntrySchema.extend({ type: z.literal('write') }),
  z.object({ type: z.literal('received'), ...step, change: receivedSchema }),
  z.object({ type: z.literal('processed'), ...step, change: processedSchema }),
  z.object({ type: z.literal('delivered'), ...step, change: deliveredSchema }),
  z.object({ type: z.literal('polled'), ...step, rows: z.number(), hints: z.number() }),
]);
export type TrailMessage = z.infer<typeof trailEventSchema>;
export type WriteMessage = Extract<TrailMessage, { type: 'write' }>;

export const ledgerLineSchema = z.object({
  event: z.string(),
  field: z.string().optional(),
  rule: z.string(),
  reason: z.string().optional(),
  by: z.string(),
  from: nativeValueSchema.optional(),
  to: nativeValueSchema.optional(),
  lost: z.object({ value: nativeValueSchema, by: z.string() }).optional(),
});
export type LedgerLineMessage = z.infer<typeof ledgerLineSchema>;

/** What the drawer shows of the operator API's `GET /records/{id}`. */
export const recordAnswerSchema = z.object({
  record: z.object({
    recordId: z.string(),
    version: z.number(),
    fields: z.record(z.string(), z.object({ value: nativeValueSchema })),
    links: z.record(
      z.string(),
      z.object({
        objectId: z.string().optional(),
        state: z.string(),
        refusal: z.object({ code: z.string(), message: z.string().optional() }).optional(),
      }),
    ),
  }),
  ledger: z.array(
    z.object({
      version: z.number(),
      correlationId: z.string(),
      decidedAtMs: z.number().optional(),
      lines: z.array(ledgerLineSchema),
    }),
  ),
});
export type RecordAnswer = z.infer<typeof recordAnswerSchema>;
