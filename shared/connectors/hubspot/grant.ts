import { AuthRejectedError } from '../../errors.ts';
import type { AccessGrant } from '../access-grant.ts';
import { isObject, textAt } from '../answer-shape.ts';
import type { HubSpotConnection } from '../connection.ts';
import { type Fetch, send, unavailable } from '../transport.ts';

/** Used where the answer names no life, seconds: what HubSpot documents today. */
const DEFAULT_LIFE_S = 1_800;

/**
 * Trades the refresh token for an access token. HubSpot: developers.hubspot.com/docs, OAuth tokens.
 *
 * @throws AuthRejectedError, SystemUnavailableError
 */
export async function fetchHubSpotGrant(
  system: string,
  connection: HubSpotConnection,
  options: { fetch: Fetch; clock: () => number; timeoutMs: number; tokenPath: string },
): Promise<AccessGrant> {
  const { clientId, clientSecret, refreshToken } = connection;
  if (clientId === undefined || clientSecret === undefined || refreshToken === undefined) {
    throw new AuthRejectedError(system, 'the connection has neither accessToken nor clientId, clientSecret and refreshToken');
  }
  const answer = await send(
    system,
    {
      method: 'POST',
      url: connection.baseUrl + options.tokenPath,
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: clientId,
        client_secret: clientSecret.reveal(),
        refresh_token: refreshToken.reveal(),
      }).toString(),
      timeoutMs: options.timeoutMs,
    },
    options.fetch,
  );
  if (answer.status >= 500 || answer.status === 429) throw unavailable(system, answer, options.clock());
  const token = textAt(answer.json, 'access_token');
  if (answer.status !== 200 || token === undefined) {
    const reason = textAt(answer.json, 'status') ?? textAt(answer.json, 'error') ?? '';
    throw new AuthRejectedError(system, `token request: HTTP ${answer.status} ${reason.slice(0, 100)}; connect the app again`);
  }
  const life = isObject(answer.json) ? answer.json.expires_in : undefined;
  const lifeS = typeof life === 'number' && life > 0 ? life : DEFAULT_LIFE_S;
  return { token, baseUrl: connection.baseUrl, expiresAtMs: options.clock() + lifeS * 1000 };
}
