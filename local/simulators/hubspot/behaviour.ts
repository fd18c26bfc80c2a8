import * as z from 'zod';

/**
 * What is special to a HubSpot account and can be changed while it runs, beside the settings every simulator has.
 * Sources, unless a line names another: developers.hubspot.com/docs, pages "Usage guidelines", "Search" and "Webhooks".
 */
export const behaviourSchema = z.strictObject({
  /** How long search misses a write, ms ("a few moments"; integrators report up to 30 s). */
  searchLagMs: z.number().min(0).max(30_000),
  /** Up to so much more for each write, drawn anew, ms: later writes may show before earlier ones. */
  searchLagSpreadMs: z.number().min(0).max(30_000),
  /** Calls per app in any `burstWindowMs` (190 per 10 s for Professional and Enterprise). */
  burstMax: z.int().positive(),
  burstWindowMs: z.int().positive(),
  /** Search calls per second and account; they do not count towards the burst. */
  searchPerSecondMax: z.int().positive(),
  /** Calls per day and account, UTC; not for OAuth tokens. */
  dailyMax: z.int().positive(),
  accessTokenLifetimeSeconds: z.int().positive(),
  /** A `Retry-After` on 429, which HubSpot does not document. */
  retryAfterOn429: z.boolean(),
  /** E-mail addresses are saved in lower case. */
  lowerCaseEmails: z.boolean(),
  /** Results of a batch come in another order than its inputs. */
  shuffleBatchResults: z.boolean(),
  /** A merge makes a new id; accounts in a beta keep the id of the primary record. */
  mergeMintsNewId: z.boolean(),
  /** What `batch/update` does with a merged-away id: leaves it out without a word, or updates the survivor. */
  mergedIdsInBatchUpdate: z.enum(['omit', 'apply']),
  /** Properties an administrator made mandatory; enforced on dated paths (`/crm/objects/2026-09/`) only. */
  requiredOnDatedPaths: z.array(z.string()).max(100),
  /** A creation sends a propertyChange for each property it sets, beside the creation event. */
  creationSendsPropertyChanges: z.boolean(),
  /** Ties of one record that one answer shows; the rest is paged. */
  associationsPerPage: z.int().min(1).max(500),
  /** Events are collected for between so long, ms, and so long before they are sent together. */
  webhookGatherMinMs: z.number().min(0).max(60_000),
  webhookGatherMaxMs: z.number().min(0).max(60_000),
  webhookBatchMax: z.int().min(1).max(100),
  /** Deliveries under way at once (`maxConcurrentRequests`). */
  webhookConcurrency: z.int().min(1).max(100),
  webhookTimeoutMs: z.number().positive().max(60_000),
  webhookRetriesMax: z.int().min(0).max(10),
  /** Retries wait this share of their real time, which spreads ten of them over a day. */
  webhookRetryScale: z.number().min(0).max(1),
});
export type HubSpotBehaviour = z.infer<typeof behaviourSchema>;

export const defaultBehaviour: HubSpotBehaviour = {
  searchLagMs: 300,
  searchLagSpreadMs: 200,
  burstMax: 190,
  burstWindowMs: 10_000,
  searchPerSecondMax: 5,
  dailyMax: 625_000,
  accessTokenLifetimeSeconds: 1800,
  retryAfterOn429: false,
  lowerCaseEmails: true,
  shuffleBatchResults: true,
  mergeMintsNewId: true,
  mergedIdsInBatchUpdate: 'omit',
  requiredOnDatedPaths: [],
  creationSendsPropertyChanges: true,
  associationsPerPage: 500,
  webhookGatherMinMs: 5,
  webhookGatherMaxMs: 20,
  webhookBatchMax: 100,
  webhookConcurrency: 10,
  webhookTimeoutMs: 5000,
  webhookRetriesMax: 10,
  webhookRetryScale: 1,
};
