import * as z from 'zod';

/** A value as the system itself writes it, before any mapping. */
export const nativeValueSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);
export type NativeValue = z.infer<typeof nativeValueSchema>;
/** Fields by their name in the system (`FirstName`, `firstname`); a field that was not read is absent. */
export type NativeValues = Readonly<Record<string, NativeValue>>;

/**
 * What a hint says of one native field. The value is a witness of what was saved, never the
 * truth: the object is read before anything is decided.
 */
export const fieldHintSchema = z.object({
  value: nativeValueSchema.optional(), // absent: the system names the field without its value
  atMs: z.int().nonnegative().optional(), // epoch, by the system's clock
});
export type FieldHint = z.infer<typeof fieldHintSchema>;

/** A system says that one of its objects may have changed. */
export const changeHintSchema = z.object({
  object: z.string().min(1), // the system's name of the object type: Contact, contacts
  objectId: z.string().min(1), // in that system
  kind: z.enum(['changed', 'deleted', 'restored', 'merged']),
  /** Who saved it, as far as the hint can tell: our own integration user or app, or anyone else. */
  by: z.enum(['us', 'other', 'unknown']),
  occurredAtMs: z.int().nonnegative(), // epoch, by the system's clock
  receivedAtMs: z.int().nonnegative(), // epoch, by ours
  fields: z.record(z.string(), fieldHintSchema), // by native name
  /** True where `fields` holds every mapped field of the row as a poll just read it. */
  snapshot: z.boolean().optional(),
  /** The row's last-modified stamp, epoch ms, where the source of the hint shows it. */
  stampMs: z.int().nonnegative().optional(),
  /**
   * Only from the first sync: the objects of other systems that it found to be the same one, perhaps none; by which rule
   * (L2 a match key, L4 several fields) and why, in the names of fields.
   */
  matched: z
    .array(z.object({ system: z.string(), objectId: z.string(), rule: z.string().optional(), reason: z.string().optional() }))
    .optional(),
  /** How often this hint was put back: its read could not be believed yet, or its system did not answer. */
  rereads: z.int().nonnegative().optional(),
  correlationId: z.string().min(1),
});
export type ChangeHint = z.infer<typeof changeHintSchema>;

/**
 * The body of a message on a system's changes queue: many hints of one system in one message,
 * so that a burst costs few requests. A hint that fails is put back alone.
 */
export const hintEnvelopeSchema = z.object({
  v: z.literal(1),
  tenant: z.string().min(1),
  system: z.string().min(1),
  sync: z.string().min(1),
  hints: z.array(changeHintSchema).min(1),
});
export type HintEnvelope = z.infer<typeof hintEnvelopeSchema>;
