import { createSign } from 'node:crypto';
import { AuthRejectedError } from '../../errors.ts';
import type { AccessGrant } from '../access-grant.ts';
import { textAt } from '../answer-shape.ts';
import { SALESFORCE_HOSTS, type SalesforceConnection } from '../connection.ts';
import { isLoopback, permittedBase } from '../permitted-url.ts';
import { type Fetch, send, unavailable } from '../transport.ts';

/** Sources disagree on the furthest `exp` accepted (3 or 5 minutes); two are safe. */
const ASSERTION_LIFE_S = 120;

/**
 * Gets a token by client credentials or JWT bearer. Its answer names no life: a token is used until
 * it is refused. Salesforce: help.salesforce.com, OAuth 2.0 JWT bearer and client credentials flows.
 *
 * @throws AuthRejectedError, SystemUnavailableError
 */
export async function fetchSalesforceGrant(
  system: string,
  connection: SalesforceConnection,
  options: { fetch: Fetch; clock: () => number; timeoutMs: number },
): Promise<AccessGrant> {
  const answer = await send(
    system,
    {
      method: 'POST',
      url: `${connection.loginUrl}/services/oauth2/token`,
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(grantRequest(system, connection, options.clock())).toString(),
      timeoutMs: options.timeoutMs,
    },
    options.fetch,
  );
  if (answer.status >= 500) throw unavailable(system, answer, options.clock());
  const token = textAt(answer.json, 'access_token');
  const instanceUrl = textAt(answer.json, 'instance_url');
  if (answer.status !== 200 || token === undefined || instanceUrl === undefined) {
    const reason = [textAt(answer.json, 'error'), textAt(answer.json, 'error_description')].filter((text) => text !== undefined);
    throw new AuthRejectedError(system, `token request: HTTP ${answer.status} ${reason.join(', ').slice(0, 200)}`);
  }
  return { token, baseUrl: instanceBase(system, connection, instanceUrl), ...identityOf(textAt(answer.json, 'id')) };
}

function grantRequest(system: string, connection: SalesforceConnection, nowMs: number): Record<string, string> {
  const { clientId, clientSecret, username, privateKey } = connection;
  if (clientSecret !== undefined) {
    return { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret.reveal() };
  }
  if (username === undefined || privateKey === undefined) {
    throw new AuthRejectedError(system, 'the connection has neither clientSecret nor username and privateKey');
  }
  const claims = {
    iss: clientId,
    sub: username,
    aud: connection.audience ?? audienceOf(connection.loginUrl),
    exp: Math.floor(nowMs / 1000) + ASSERTION_LIFE_S,
  };
  const part = (value: unknown) => Buffer.from(JSON.stringify(value), 'utf8').toString('base64url');
  const unsigned = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`;
  const signature = createSign('RSA-SHA256').update(unsigned).sign(privateKey.reveal(), 'base64url');
  return { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: `${unsigned}.${signature}` };
}

/** Sandboxes are told by their login host; anything else is production. */
function audienceOf(loginUrl: string): string {
  const host = new URL(loginUrl).hostname;
  return host === 'test.salesforce.com' || host.includes('.sandbox.')
    ? 'https://test.salesforce.com'
    : 'https://login.salesforce.com';
}

/** The token is sent only to a Salesforce host; to this machine only if the login was there too. */
function instanceBase(system: string, connection: SalesforceConnection, instanceUrl: string): string {
  const checked = permittedBase(instanceUrl, SALESFORCE_HOSTS);
  if ('problem' in checked) throw new AuthRejectedError(system, `the instance URL of the token answer ${checked.problem}`);
  if (isLoopback(new URL(checked.origin)) && !isLoopback(new URL(connection.loginUrl))) {
    throw new AuthRejectedError(system, 'the instance URL of the token answer is this machine');
  }
  return checked.origin;
}

/** `https://login.salesforce.com/id/<organisation>/<user>` */
function identityOf(idUrl: string | undefined): { userId?: string; accountId?: string } {
  const parts = /\/id\/([A-Za-z0-9]{18})\/([A-Za-z0-9]{18})$/.exec(idUrl ?? '');
  return { accountId: parts?.[1], userId: parts?.[2] };
}
