import { Connection } from 'jsforce';
import { afterEach } from 'vitest';
import {
  type SalesforceOptions,
  type SalesforceSimulator,
  startSalesforceSimulator,
} from '../../local/simulators/salesforce/salesforce-simulator.ts';

/** What the contract tests of the Salesforce simulator share: an org, the official client, and a bare HTTP call. */

export const CLIENT = { clientId: '3MVG9sim', clientSecret: 'sim-secret', username: 'concord@example.test' };
export const API = '/services/data/v67.0';

const started: SalesforceSimulator[] = [];

afterEach(async () => {
  for (const simulator of started.splice(0)) await simulator.close();
});

/** Starts an org that ends with the test. */
export async function startOrg(options: Partial<SalesforceOptions> = {}): Promise<SalesforceSimulator> {
  const simulator = await startSalesforceSimulator({ credentials: CLIENT, ...options });
  started.push(simulator);
  return simulator;
}

/** jsforce as its users have it, logged in by the client credentials grant. */
export async function connect(
  simulator: SalesforceSimulator,
  options: { client?: string; refreshToken?: () => string } = {},
): Promise<Connection> {
  const { client, refreshToken } = options;
  const connection = new Connection({
    version: '67.0',
    instanceUrl: simulator.url,
    oauth2: { loginUrl: simulator.url, clientId: CLIENT.clientId, clientSecret: CLIENT.clientSecret },
    ...(client ? { callOptions: { client } } : {}),
    ...(refreshToken ? { refreshFn: (_connection, callback) => callback(null, refreshToken()) } : {}),
  });
  await connection.authorize({ grant_type: 'client_credentials' });
  return connection;
}

export interface BareAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** One REST call without any client in between; `body` is the parsed JSON, or the text that is none. */
export async function call(
  simulator: SalesforceSimulator,
  method: string,
  path: string,
  options: { json?: unknown; headers?: Record<string, string>; token?: string } = {},
): Promise<BareAnswer> {
  const response = await fetch(`${simulator.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${options.token ?? simulator.issueToken()}`,
      ...(options.json === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.json === undefined ? {} : { body: JSON.stringify(options.json) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

export function query(simulator: SalesforceSimulator, soql: string): Promise<BareAnswer> {
  return call(simulator, 'GET', `${API}/query?q=${encodeURIComponent(soql)}`);
}
