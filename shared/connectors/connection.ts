import { createPrivateKey } from 'node:crypto';
import * as z from 'zod';
import { SyncError } from '../errors.ts';
import { isLoopback, permittedBase } from './permitted-url.ts';
import { SecretText } from './secret-text.ts';

/** Hosts that may be called with a Salesforce token: My Domain, login and test hosts. */
export const SALESFORCE_HOSTS = ['salesforce.com', 'force.com'] as const;
/** Hosts that may be called with a HubSpot token. */
export const HUBSPOT_HOSTS = ['hubapi.com'] as const;

/** The stored secret of a connection is unusable. The message names the keys to mend and never a value. */
export class ConnectionError extends SyncError {
  override readonly name = 'ConnectionError';
  readonly retryable = false;
}

const secretText = z
  .string()
  .min(1)
  .transform((text) => new SecretText(text));

function base(hostSuffixes: readonly string[]) {
  return z.string().transform((text, context) => {
    const checked = permittedBase(text, hostSuffixes);
    if ('origin' in checked) return checked.origin;
    context.issues.push({ code: 'custom', message: checked.problem, input: undefined });
    return z.NEVER;
  });
}

/** The address HubSpot signs: any https URL, path and query included. */
const signedUrl = z.string().refine((text) => {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
}, 'must be an https URL');

/** RSA of 2,048 bits or more: Salesforce's JWT bearer flow takes RS256 only. */
const rsaPrivateKey = secretText.refine((pem) => {
  try {
    const key = createPrivateKey(pem.reveal());
    return key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
  } catch {
    return false;
  }
}, 'must be an RSA private key in PEM form, 2,048 bits at least');

export const salesforceConnectionSchema = z
  .object({
    kind: z.literal('salesforce'),
    /** Client credentials: the org's My Domain. JWT bearer: that, or https://login.salesforce.com. */
    loginUrl: base(SALESFORCE_HOSTS),
    clientId: z.string().min(1),
    clientSecret: secretText.optional(),
    username: z.string().min(1).optional(),
    privateKey: rsaPrivateKey.optional(),
    /** `aud` of the JWT, where the default (by the login host) is not right. */
    audience: z.enum(['https://login.salesforce.com', 'https://test.salesforce.com']).optional(),
    apiVersion: z
      .string()
      .regex(/^\d{2,3}\.0$/, 'must look like 67.0')
      .default('67.0'),
    /** Pinned: notifications of any other organisation are refused. */
    organizationId: z
      .string()
      .regex(/^00D[A-Za-z0-9]{15}$/, 'must be the 18-character id of the organisation')
      .optional(),
    /** The user Concord works as; tells our own change events from those of others without a call. */
    integrationUserId: z
      .string()
      .regex(/^005[A-Za-z0-9]{15}$/, 'must be the 18-character id of the user')
      .optional(),
    /** Random part of the outbound-message URL: the message itself carries no proof of its sender. */
    outboundMessageToken: z
      .string()
      .min(22)
      .transform((text) => new SecretText(text))
      .optional(),
    /** Concord stops once the organisation as a whole has used this share of its daily calls. */
    dailyCallShare: z.number().gt(0).max(1).optional(),
  })
  .check((context) => {
    const { clientSecret, username, privateKey } = context.value;
    if (clientSecret !== undefined) return;
    for (const [key, value] of Object.entries({ username, privateKey })) {
      if (value !== undefined) continue;
      context.issues.push({
        code: 'custom',
        path: [key],
        message: 'is missing (give clientSecret, or username and privateKey)',
        input: undefined,
      });
    }
  });

export const hubspotConnectionSchema = z
  .object({
    kind: z.literal('hubspot'),
    baseUrl: base(HUBSPOT_HOSTS).default('https://api.hubapi.com'),
    accessToken: secretText.optional(),
    clientId: z.string().min(1).optional(),
    clientSecret: secretText.optional(),
    refreshToken: secretText.optional(),
    /** The app's client secret, which signs its webhooks; the previous one is accepted too while it is rotated. */
    webhookSecret: secretText,
    previousWebhookSecret: secretText.optional(),
    /** Ours: writes of this app come back as `changeSource` INTEGRATION with this as `sourceId`. */
    appId: z.int().positive().optional(),
    /** Pinned: events of any other portal are refused. */
    portalId: z.int().positive().optional(),
    /** The public URL that HubSpot calls, exactly as configured there: it is part of what is signed. */
    webhookUrl: signedUrl.optional(),
    /** `v3`, or a dated version such as `2026-09`. */
    apiVersion: z
      .string()
      .regex(/^(v3|20\d\d-(03|09))$/, 'must be v3 or a dated version such as 2026-09')
      .default('v3'),
    /** HubSpot: developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines */
    rateLimit: z
      .object({ calls: z.int().positive(), intervalMs: z.int().positive() })
      .default({ calls: 100, intervalMs: 10_000 }),
  })
  .check((context) => {
    const { accessToken, clientId, clientSecret, refreshToken } = context.value;
    if (accessToken !== undefined) return;
    for (const [key, value] of Object.entries({ clientId, clientSecret, refreshToken })) {
      if (value !== undefined) continue;
      context.issues.push({
        code: 'custom',
        path: [key],
        message: 'is missing (give accessToken, or clientId, clientSecret and refreshToken)',
        input: undefined,
      });
    }
  });

export const connectionSchema = z.discriminatedUnion('kind', [salesforceConnectionSchema, hubspotConnectionSchema]);

export type SalesforceConnection = z.infer<typeof salesforceConnectionSchema>;
export type HubSpotConnection = z.infer<typeof hubspotConnectionSchema>;
/** A connection secret, checked. Its secret parts print as `[secret]`. */
export type Connection = z.infer<typeof connectionSchema>;

/**
 * Reads the text of a connection's secret.
 *
 * @param secretName - where it is stored; named in the error, so that its owner finds it.
 * @throws ConnectionError naming every key that is missing or wrong, and no value.
 */
export function parseConnection(text: string, secretName = 'of this system'): Connection {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, that is, the secret.
    throw new ConnectionError(`connection secret ${secretName} is not JSON: store one JSON object`);
  }
  const checked = connectionSchema.safeParse(parsed);
  if (checked.success) return checked.data;
  const problems = checked.error.issues.map((issue) => {
    const key = issue.path.join('.');
    const missing = issue.code === 'invalid_type' && valueAt(parsed, issue.path) === undefined;
    return `${key === '' ? 'secret' : key} ${missing ? 'is missing' : issue.message}`;
  });
  throw new ConnectionError(`connection secret ${secretName} cannot be used: ${problems.join('; ')}`);
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
