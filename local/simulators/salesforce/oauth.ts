import { createHmac, randomBytes, verify } from 'node:crypto';
import * as z from 'zod';
import type { ApiAnswer } from './api-call.ts';
import type { OrgSettings } from './org-settings.ts';

/** The External Client App of the org: who may ask for tokens, and how. */
export interface AppCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
  /** The user that tokens act as. */
  readonly username: string;
  /** PEM of the certificate's public key, for JWT bearer; absent: the app has none. */
  readonly publicKey?: string;
}

export interface OauthOptions {
  readonly credentials: AppCredentials;
  readonly organizationId: string;
  readonly userId: string;
  readonly settings: OrgSettings;
  /** The instance's own URL, once it is known. */
  instanceUrl(): string;
  now(): number;
}

/**
 * `/services/oauth2/*`: tokens by client credentials and by JWT bearer.
 * Errors are 400 `{error, error_description}`, never the array of the REST API.
 */
export interface Oauth {
  token(form: URLSearchParams): ApiAnswer;
  revoke(form: URLSearchParams): ApiAnswer;
  /** The user behind a token; using it keeps it alive. */
  userOf(authorization: string | undefined): string | undefined;
  /** Ends every token at once, as an administrator can. */
  revokeAll(): void;
  issue(): string;
}

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const AUDIENCES = ['https://login.salesforce.com', 'https://test.salesforce.com'];
/** Sources name 3 and 5 minutes; the stricter one finds more mistakes. */
const ASSERTION_LIFE_MAX_MS = 3 * 60_000;
const CLOCK_SKEW_MS = 60_000;
const TOKENS_MAX = 10_000;

const claimsSchema = z.object({ iss: z.string(), sub: z.string(), aud: z.string(), exp: z.union([z.number(), z.string()]) });
const jwtHeaderSchema = z.object({ alg: z.string() });

const refused = (error: string, description: string): ApiAnswer => ({
  status: 400,
  body: { error, error_description: description },
});

export function oauth(options: OauthOptions): Oauth {
  const { credentials, organizationId, userId, settings, now } = options;
  const usedAtMs = new Map<string, number>();

  function issue(): string {
    const token = `${organizationId.slice(0, 15)}!${randomBytes(72).toString('base64url').replaceAll('-', '.')}`;
    usedAtMs.set(token, now());
    const [oldest] = usedAtMs.keys();
    if (usedAtMs.size > TOKENS_MAX && oldest) usedAtMs.delete(oldest);
    return token;
  }

  function granted(): ApiAnswer {
    const id = `${options.instanceUrl()}/id/${organizationId}/${userId}`;
    const issuedAt = String(now());
    const signature = createHmac('sha256', credentials.clientSecret)
      .update(id + issuedAt)
      .digest('base64');
    return {
      status: 200,
      body: {
        access_token: issue(),
        signature,
        scope: 'api',
        instance_url: options.instanceUrl(),
        id,
        token_type: 'Bearer',
        issued_at: issuedAt,
      },
    };
  }

  function byClientCredentials(form: URLSearchParams): ApiAnswer {
    if (form.get('client_id') !== credentials.clientId) return refused('invalid_client_id', 'client identifier invalid');
    if (form.get('client_secret') !== credentials.clientSecret) return refused('invalid_client', 'invalid client credentials');
    return granted();
  }

  function byAssertion(form: URLSearchParams): ApiAnswer {
    const [header = '', claims = '', signature = '', ...surplus] = (form.get('assertion') ?? '').split('.');
    const algorithm = jwtHeaderSchema.safeParse(decoded(header));
    const claimed = claimsSchema.safeParse(decoded(claims));
    if (!algorithm.success || !claimed.success || surplus.length > 0) return refused('invalid_grant', 'invalid assertion');
    const { iss, sub, aud, exp } = claimed.data;
    if (iss !== credentials.clientId) return refused('invalid_client_id', 'client identifier invalid');
    if (algorithm.data.alg !== 'RS256' || !isSigned(`${header}.${claims}`, signature)) {
      return refused('invalid_grant', 'invalid assertion');
    }
    if (!AUDIENCES.includes(aud)) return refused('invalid_grant', 'audience is invalid');
    const leftMs = Number(exp) * 1000 - now();
    // An `exp` in milliseconds lies far in the future, and is refused like one that is past.
    if (!(leftMs > -CLOCK_SKEW_MS && leftMs <= ASSERTION_LIFE_MAX_MS + CLOCK_SKEW_MS)) {
      return refused('invalid_grant', 'expired authorization code');
    }
    if (sub !== credentials.username) return refused('invalid_grant', "user hasn't approved this consumer");
    return granted();
  }

  function isSigned(signed: string, signature: string): boolean {
    if (credentials.publicKey === undefined) return false;
    return verify('RSA-SHA256', Buffer.from(signed), credentials.publicKey, Buffer.from(signature, 'base64url'));
  }

  return {
    token(form) {
      switch (form.get('grant_type')) {
        case 'client_credentials':
          return byClientCredentials(form);
        case JWT_BEARER:
          return byAssertion(form);
        default:
          return refused('unsupported_grant_type', 'grant type not supported');
      }
    },
    revoke(form) {
      return usedAtMs.delete(form.get('token') ?? '')
        ? { status: 200 }
        : refused('unsupported_token_type', 'this token type is not supported');
    },
    userOf(authorization) {
      const token = /^(?:Bearer|OAuth) (.+)$/i.exec(authorization ?? '')?.[1] ?? '';
      const lastUsedMs = usedAtMs.get(token);
      if (lastUsedMs === undefined) return undefined;
      if (now() - lastUsedMs > settings.sessionMs) {
        usedAtMs.delete(token);
        return undefined;
      }
      usedAtMs.set(token, now());
      return userId;
    },
    revokeAll: () => usedAtMs.clear(),
    issue,
  };
}

function decoded(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
