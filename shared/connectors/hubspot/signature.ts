import { createHmac } from 'node:crypto';
import type { SecretText } from '../secret-text.ts';
import { equalInConstantTime } from '../secret-text.ts';

/** A request is as old as this at most, or as far in the future: HubSpot's own limit. */
export const SIGNATURE_AGE_MAX_MS = 300_000;

/** The escapes that HubSpot decodes before it signs; all others stay as they are. */
const DECODED: Readonly<Record<string, string>> = {
  '%3A': ':',
  '%2F': '/',
  '%3F': '?',
  '%40': '@',
  '%21': '!',
  '%24': '$',
  '%27': "'",
  '%28': '(',
  '%29': ')',
  '%2A': '*',
  '%2C': ',',
  '%3B': ';',
};

export interface SignedRequest {
  readonly method: string;
  /** The full public URL as HubSpot called it, query in its original order. */
  readonly url: string;
  /** The raw bytes: a parsed and printed body has another signature. */
  readonly body: Uint8Array;
  /** `X-HubSpot-Signature-v3` */
  readonly signature: string | undefined;
  /** `X-HubSpot-Request-Timestamp`, epoch ms */
  readonly timestamp: string | undefined;
}

export type SignatureVerdict =
  | { readonly valid: true }
  | { readonly valid: false; readonly reason: 'missing-header' | 'bad-timestamp' | 'too-old' | 'wrong-signature' };

/**
 * Verifies a v3 signature: base64 of HMAC-SHA256 over method, URL, body and timestamp.
 * HubSpot: developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests
 *
 * @param secrets - the app's client secret, and its predecessor while it is rotated.
 */
export function verifySignatureV3(request: SignedRequest, secrets: readonly SecretText[], nowMs: number): SignatureVerdict {
  const { signature, timestamp } = request;
  if (!signature || !timestamp) return { valid: false, reason: 'missing-header' };
  if (!/^\d{1,15}$/.test(timestamp)) return { valid: false, reason: 'bad-timestamp' };
  if (Math.abs(nowMs - Number(timestamp)) > SIGNATURE_AGE_MAX_MS) return { valid: false, reason: 'too-old' };
  const head = `${request.method.toUpperCase()}${decodedUrl(request.url)}`;
  let valid = false;
  for (const secret of secrets) {
    const expected = createHmac('sha256', secret.reveal())
      .update(head, 'utf8')
      .update(request.body)
      .update(timestamp)
      .digest('base64');
    // All are tried, so that the time taken does not tell which one matched.
    if (equalInConstantTime(expected, signature)) valid = true;
  }
  return valid ? { valid } : { valid, reason: 'wrong-signature' };
}

function decodedUrl(url: string): string {
  return url.replace(/%[0-9A-F]{2}/g, (escaped) => DECODED[escaped] ?? escaped);
}
