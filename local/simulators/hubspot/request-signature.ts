import { createHash, createHmac } from 'node:crypto';

/** HubSpot: developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests */

/** v1: SHA-256 of secret and body, lower-case hex. */
export function signatureV1(clientSecret: string, body: string): string {
  return createHash('sha256').update(clientSecret).update(body).digest('hex');
}

/** The escapes that are undone in the URI before it is signed; all others stay. */
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

/** The full URL of a request in the form that goes into a v3 signature. */
export function signedUri(url: string): string {
  return url.replace(/%[0-9A-F]{2}/g, (code) => DECODED[code] ?? code);
}

/** v3: HMAC-SHA-256, keyed by the secret, of method, URI, body and timestamp (epoch ms), base64. */
export function signatureV3(clientSecret: string, method: string, url: string, body: string, timestampMs: number): string {
  return createHmac('sha256', clientSecret)
    .update(`${method}${signedUri(url)}${body}${timestampMs}`)
    .digest('base64');
}
