import type { Node } from 'constructs';
import * as z from 'zod';

/**
 * What an operator may choose per deployment, by `npx cdk deploy -c key=value` or in the `context` of cdk.json.
 * The command line gives strings, so numbers are coerced.
 */
export const settingsSchema = z.object({
  stackName: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'use letters, digits and hyphens, beginning with a letter')
    .default('Concord'),
  /** Name of the partner event source that Salesforce's Event Relay made in this account and region; without it, polling carries the load. */
  salesforceEventSource: z
    .string()
    .regex(
      /^aws\.partner\/salesforce\.com\/00D[A-Za-z0-9]{15}\/0YL[A-Za-z0-9]{15}$/,
      'copy it from the EventBridge console: aws.partner/salesforce.com/00D.../0YL..., both ids with 18 characters',
    )
    .optional(),
  alarmEmail: z.email().optional(),
  /** `destroy` lets `cdk destroy` delete table and secrets: for trials only. */
  dataProtection: z.enum(['retain', 'destroy']).default('retain'),
  logRetentionDays: z.coerce
    .number()
    .pipe(z.literal([7, 14, 30, 60, 90, 180, 365]))
    .default(30),
  /** Batches of one system decided on at once. 2 is the least that a Lambda event source takes. */
  changesConcurrency: z.coerce.number().int().min(2).max(50).default(2),
  /** Batches of one system written at once. Two keep within the CRMs' burst limits, which all functions share. */
  deliveriesConcurrency: z.coerce.number().int().min(2).max(50).default(2),
});
export type Settings = z.infer<typeof settingsSchema>;

/** @throws Error naming each wrong context key and what it should be. */
export function readSettings(node: Node): Settings {
  const given = Object.fromEntries(Object.keys(settingsSchema.shape).map((key) => [key, node.tryGetContext(key)]));
  const parsed = settingsSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `  -c ${issue.path.join('.')}=... : ${issue.message}`);
  throw new Error(`These context values cannot be used:\n${faults.join('\n')}`);
}
