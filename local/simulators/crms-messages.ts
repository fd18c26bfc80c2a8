import * as z from 'zod';
import { editSchema, workPlanSchema } from './busy-people.ts';

/** What the process of the simulated CRMs is started with. */
export const crmsOptionsSchema = z.object({
  salesforcePort: z.int(),
  hubspotPort: z.int(),
  eventsEndpoint: z.url(),
  webhookUrl: z.url(),
  secrets: z.object({
    salesforceClientSecret: z.string(),
    hubspotAccessToken: z.string(),
    hubspotWebhookSecret: z.string(),
    outboundMessageToken: z.string(),
  }),
  /** Where to keep the CRMs' data between starts. */
  stateDir: z.string().optional(),
});
export type CrmsOptions = z.infer<typeof crmsOptionsSchema>;

/** What the process tells its parent once both listen: their URLs. */
export const crmsReadySchema = z.object({ salesforce: z.url(), hubspot: z.url() });
export type CrmsReady = z.infer<typeof crmsReadySchema>;

/** Sets people to work in the process itself, so that driving them costs no calls; answered by `workDoneSchema`. */
export const workRequestSchema = z.object({ work: workPlanSchema });
export const workDoneSchema = z.object({ edits: z.array(editSchema) });
