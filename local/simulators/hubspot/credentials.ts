import * as z from 'zod';
import type { SeededRandom } from '../random.ts';
import { ApiRefusal, missingScopes } from './api-refusal.ts';
import type { HubSpotBehaviour } from './behaviour.ts';

const tokenSchema = z.object({
  token: z.string(),
  appId: z.number(),
  scopes: z.array(z.string()),
  /** Absent for a private app's token, which does not expire. */
  expiresAtMs: z.number().optional(),
  revoked: z.boolean(),
});
export type AccessToken = z.infer<typeof tokenSchema>;

export const credentialsStateSchema = z.object({ tokens: z.array(tokenSchema), revokedRefreshTokens: z.array(z.string()) });
export type CredentialsState = z.infer<typeof credentialsStateSchema>;

/** HubSpot: developers.hubspot.com/docs/apps/legacy-apps/authentication/scopes */
export const allScopes: readonly string[] = ['contacts', 'companies', 'deals'].flatMap((type) =>
  ['objects', 'schemas'].flatMap((part) => [`crm.${part}.${type}.read`, `crm.${part}.${type}.write`]),
);

export interface CredentialsOptions {
  readonly appId: number;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly accessToken: string | undefined;
  readonly refreshToken: string | undefined;
  readonly scopes: readonly string[];
  readonly behaviour: HubSpotBehaviour;
  readonly random: SeededRandom;
  now(): number;
}

/** Tokens of this account's apps: a static one, and those that the OAuth endpoints hand out. */
export class Credentials {
  private readonly options: CredentialsOptions;
  private readonly tokens = new Map<string, AccessToken>();
  private readonly codes = new Set<string>();
  private readonly revokedRefreshTokens = new Set<string>();

  constructor(options: CredentialsOptions) {
    this.options = options;
    const { accessToken, appId, scopes } = options;
    if (accessToken !== undefined)
      this.tokens.set(accessToken, { token: accessToken, appId, scopes: [...scopes], revoked: false });
  }

  /** @throws ApiRefusal 401 without a valid token. */
  authenticate(authorization: string | undefined): AccessToken {
    const [, bearer] = /^Bearer (.+)$/i.exec(authorization ?? '') ?? [];
    const known = bearer === undefined ? undefined : this.tokens.get(bearer);
    if (known === undefined || known.revoked) {
      throw new ApiRefusal(401, {
        message: 'Authentication credentials not found. This API supports OAuth 2.0 authentication.',
        category: 'INVALID_AUTHENTICATION',
      });
    }
    const nowMs = this.options.now();
    if (known.expiresAtMs !== undefined && known.expiresAtMs <= nowMs) {
      const seconds = Math.floor((nowMs - known.expiresAtMs) / 1000);
      throw new ApiRefusal(401, {
        message: `The OAuth token used to make this call expired ${seconds} second(s) ago.`,
        category: 'EXPIRED_AUTHENTICATION',
      });
    }
    return known;
  }

  /** @throws ApiRefusal 403 where the token lacks the scope. */
  authorize(token: AccessToken, scope: string): void {
    if (!token.scopes.includes(scope)) throw missingScopes([scope]);
  }

  /** What the API answers to a token request. @throws ApiRefusal 400 for a bad client, code or refresh token. */
  grant(form: URLSearchParams): Record<string, unknown> {
    const { clientId, clientSecret, refreshToken } = this.options;
    const refuse = (status: string, message: string) => new ApiRefusal(400, { status, message });
    if (form.get('client_id') !== clientId) throw refuse('BAD_CLIENT_ID', 'missing or unknown client id');
    if (form.get('client_secret') !== clientSecret) throw refuse('BAD_CLIENT_SECRET', 'missing or invalid client secret');
    switch (form.get('grant_type')) {
      case 'refresh_token': {
        const given = form.get('refresh_token') ?? '';
        const valid = refreshToken !== undefined && given === refreshToken && !this.revokedRefreshTokens.has(given);
        if (!valid) throw refuse('BAD_REFRESH_TOKEN', 'missing or invalid refresh token');
        break;
      }
      case 'authorization_code':
        if (refreshToken === undefined || !this.codes.delete(form.get('code') ?? '')) {
          throw refuse('BAD_AUTH_CODE', 'missing or unknown auth code');
        }
        this.revokedRefreshTokens.delete(refreshToken);
        break;
      default:
        throw refuse('BAD_GRANT_TYPE', 'missing or unknown grant type');
    }
    const { accessTokenLifetimeSeconds } = this.options.behaviour;
    return {
      token_type: 'bearer',
      refresh_token: refreshToken,
      access_token: this.issue({ lifetimeSeconds: accessTokenLifetimeSeconds }),
      expires_in: accessTokenLifetimeSeconds,
    };
  }

  /** A further token; without a lifetime it is a static one. */
  issue(wanted: { appId?: number; scopes?: readonly string[]; lifetimeSeconds?: number } = {}): string {
    const { appId, scopes, random } = this.options;
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const token = `CSim${Array.from({ length: 80 }, () => letters[random.below(letters.length)]).join('')}`;
    const lifetime =
      wanted.lifetimeSeconds === undefined ? {} : { expiresAtMs: this.options.now() + wanted.lifetimeSeconds * 1000 };
    this.tokens.set(token, {
      token,
      appId: wanted.appId ?? appId,
      scopes: [...(wanted.scopes ?? scopes)],
      revoked: false,
      ...lifetime,
    });
    return token;
  }

  /** What a user's consent would give: good for one token request. */
  issueCode(): string {
    const code = `code-${this.options.random.below(2 ** 31)}`;
    this.codes.add(code);
    return code;
  }

  find(token: string): AccessToken | undefined {
    return this.tokens.get(token);
  }

  isRefreshToken(token: string): boolean {
    return token === this.options.refreshToken && !this.revokedRefreshTokens.has(token);
  }

  get scopes(): readonly string[] {
    return this.options.scopes;
  }

  /** All access tokens that can expire have expired. */
  expireTokens(): void {
    const nowMs = this.options.now();
    for (const token of this.tokens.values())
      if (token.expiresAtMs !== undefined) token.expiresAtMs = Math.min(token.expiresAtMs, nowMs);
  }

  /** The account's owner disconnects the app: no token works, nor does the refresh token. */
  revokeTokens(): void {
    for (const token of this.tokens.values()) token.revoked = true;
    if (this.options.refreshToken !== undefined) this.revokedRefreshTokens.add(this.options.refreshToken);
  }

  /** The grant is there again, as after reconnecting. */
  reinstate(): void {
    for (const token of this.tokens.values()) token.revoked = false;
    this.revokedRefreshTokens.clear();
  }

  revokeRefreshToken(token: string): void {
    this.revokedRefreshTokens.add(token);
  }

  state(): CredentialsState {
    return {
      tokens: [...this.tokens.values()].filter((token) => token.expiresAtMs !== undefined),
      revokedRefreshTokens: [...this.revokedRefreshTokens],
    };
  }

  resume(state: CredentialsState): void {
    for (const token of state.tokens) this.tokens.set(token.token, token);
    for (const token of state.revokedRefreshTokens) this.revokedRefreshTokens.add(token);
  }
}
