import * as z from 'zod';

/** A record whose system may not hold what the record asks. Whether it does is read from state, not from here. */
export const deliveryRequestSchema = z.object({
  recordId: z.string().min(1),
  correlationId: z.string().min(1),
  /** When the hint that led here reached us, epoch ms: the start of the latency that users feel. */
  receivedAtMs: z.int().nonnegative(),
  /** How often this delivery was put back. */
  attempts: z.int().nonnegative(),
});
export type DeliveryRequest = z.infer<typeof deliveryRequestSchema>;

/** The body of a message on a system's delivery queue. */
export const deliveryEnvelopeSchema = z.object({
  v: z.literal(1),
  tenant: z.string().min(1),
  sync: z.string().min(1),
  deliveries: z.array(deliveryRequestSchema).min(1),
});
export type DeliveryEnvelope = z.infer<typeof deliveryEnvelopeSchema>;
