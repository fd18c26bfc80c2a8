import * as z from 'zod';

const urlsBySystem = z.string().transform((text, context) => {
  const parsed = z.record(z.string(), z.url()).safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  context.addIssue({ code: 'custom', message: 'must be a JSON object of queue URLs by system' });
  return z.NEVER;
});

/** What infra/ puts into a function's environment. Each handler picks what it needs, and fails at start when it is missing. */
export const environment = {
  CONCORD_SYSTEM: z.string().min(1),
  CONCORD_TABLE: z.string().min(1),
  CHANGES_QUEUE_URL: z.url(),
  CHANGES_QUEUE_URLS: urlsBySystem,
  DELIVERY_QUEUE_URL: z.url(),
  DELIVERY_QUEUE_URLS: urlsBySystem,
  QUEUE_URLS: urlsBySystem,
  CONNECTION_SECRET_ARN: z.string().min(1),
} as const;
