import { createHash } from 'node:crypto';
import * as z from 'zod';

/** The EventBridge end of an Event Relay: who it signs as and where its events go. */
export interface PartnerEndpoint {
  readonly endpoint: string;
  /** `aws.partner/salesforce.com/<organization id>/<channel id>` */
  readonly source: string;
  readonly accessKeyId: string;
}

export interface PartnerEntry {
  readonly detailType: string; // ContactChangeEvent
  readonly detail: string; // JSON
  readonly atMs: number;
}

/** AWS: docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPartnerEvents.html */
export const PARTNER_ENTRIES_MAX = 20;
const REQUEST_TIMEOUT_MS = 10_000;

const answerSchema = z.object({
  FailedEntryCount: z.int().nonnegative().default(0),
  Entries: z.array(z.object({ ErrorCode: z.string().optional() })).default([]),
});

/**
 * Sends up to 20 entries in one PutPartnerEvents.
 *
 * @returns the entries that were not taken, to be sent again.
 * @throws Error when the call as a whole failed.
 */
export async function putPartnerEvents<T extends PartnerEntry>(
  to: PartnerEndpoint,
  entries: readonly T[],
  atMs: number,
  signal: AbortSignal,
): Promise<T[]> {
  const body = JSON.stringify({
    Entries: entries.map((entry) => ({
      Time: Math.floor(entry.atMs / 1000),
      Source: to.source,
      Resources: [],
      DetailType: entry.detailType,
      Detail: entry.detail,
    })),
  });
  const response = await fetch(to.endpoint, {
    method: 'POST',
    headers: signedHeaders(to.accessKeyId, body, atMs),
    body,
    signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`EventBridge answered ${response.status}; is the partner event source associated?`);
  const answer = answerSchema.parse(JSON.parse(text));
  return answer.FailedEntryCount === 0 ? [] : entries.filter((_, i) => answer.Entries[i]?.ErrorCode !== undefined);
}

/** Headers shaped as SigV4 wants them. The signature is a digest only: the embedded AWS knows callers by their key id. */
function signedHeaders(accessKeyId: string, body: string, atMs: number): Record<string, string> {
  const amzDate = `${new Date(atMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  const scope = `${amzDate.slice(0, 8)}/us-east-1/events/aws4_request`;
  const signature = createHash('sha256').update(`${amzDate}\n${scope}\n${body}`).digest('hex');
  return {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'AWSEvents.PutPartnerEvents',
    'x-amz-date': amzDate,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=${signature}`,
  };
}
