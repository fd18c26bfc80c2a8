import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { connectionSchema } from '../../shared/connectors/connection.ts';
import type { ApiBudget, Connector } from '../../shared/connectors/connector.ts';
import { connectorFor } from '../../shared/connectors/registry.ts';
import { json, type ScriptedApi, type SeenCall, startScriptedApi } from './scripted-api.ts';

const SECRET = 'marker-secret-7c1d';
const NOW_MS = Date.UTC(2026, 5, 15);
type Answer = (call: SeenCall, response: ServerResponse) => void;

interface Paused {
  readonly lane: string;
  readonly forMs: number;
}

let api: ScriptedApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

/** A connector to a server that hands out tokens and answers all other calls by `answer`. */
async function connectorTo(kind: 'salesforce' | 'hubspot', answer: Answer) {
  const paused: Paused[] = [];
  const observed: unknown[] = [];
  let tokens = 0;
  api = await startScriptedApi((call, response) => {
    if (!call.url.includes('/oauth')) return answer(call, response);
    const id = 'https://login.salesforce.com/id/00DSim000000001MAA/005Sim0000000ZzIAI';
    json(response, 200, { access_token: `token-${++tokens}`, instance_url: api?.url, id, expires_in: 1800 });
  });
  const connection = connectionSchema.parse(
    kind === 'salesforce'
      ? { kind, loginUrl: api.url, clientId: 'c', clientSecret: SECRET, dailyCallShare: 0.5 }
      : { kind, baseUrl: api.url, clientId: 'c', clientSecret: SECRET, refreshToken: SECRET, webhookSecret: SECRET },
  );
  const budget: ApiBudget = {
    acquire: async () => undefined,
    observe: (lane, headers) => observed.push([lane, headers]),
    pause: async (lane, untilMs) => void paused.push({ lane, forMs: untilMs - NOW_MS }),
  };
  const connector = connectorFor(connection, budget, { callTimeoutMs: 200, clock: () => NOW_MS });
  const calls = () => (api?.seen ?? []).filter((call) => !call.url.includes('/oauth'));
  return { connector, paused, observed, calls };
}

const ID = { salesforce: '003Sim000000001IAA', hubspot: '501' };
const OBJECT = { salesforce: 'Contact', hubspot: 'contacts' };
const kinds = ['salesforce', 'hubspot'] as const;
const read = (kind: (typeof kinds)[number], connector: Connector) => connector.read(OBJECT[kind], [ID[kind]], []);
const update = async (kind: (typeof kinds)[number], connector: Connector) =>
  (await connector.update(OBJECT[kind], [{ objectId: ID[kind], values: { Title: 'CTO' } }])).get(ID[kind]);
const html: Answer = (_call, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');

describe.each(kinds)('%s', (kind) => {
  it('renews a refused token once, and then says that the credentials are refused', async () => {
    const { connector, calls } = await connectorTo(kind, (_call, response) =>
      json(response, 401, [{ errorCode: 'INVALID_SESSION_ID' }]),
    );
    await expect(read(kind, connector)).rejects.toMatchObject({ name: 'AuthRejectedError', retryable: false });
    expect(calls().map((call) => call.headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
    await expect(update(kind, connector)).rejects.toMatchObject({ name: 'AuthRejectedError' });
  });

  it('carries on with the renewed token, for a write too', async () => {
    const { connector, calls } = await connectorTo(kind, (call, response) => {
      if (call.headers.authorization === 'Bearer token-1') return json(response, 401, {});
      if (kind === 'salesforce') return json(response, 200, [{ id: ID.salesforce, success: true, errors: [] }]);
      json(response, 200, { status: 'COMPLETE', results: [{ id: '501', properties: {}, updatedAt: '2026-02-01T10:00:00Z' }] });
    });
    await expect(update(kind, connector)).resolves.toMatchObject({ outcome: 'written' });
    expect(calls()).toHaveLength(2);
  });

  it('says that a permission is missing (403)', async () => {
    const { connector } = await connectorTo(kind, (_call, response) =>
      json(
        response,
        403,
        kind === 'salesforce' ? [{ errorCode: 'API_DISABLED_FOR_ORG', message: 'x' }] : { category: 'MISSING_SCOPES' },
      ),
    );
    await expect(read(kind, connector)).rejects.toThrow(kind === 'salesforce' ? /API_DISABLED_FOR_ORG/ : /MISSING_SCOPES/);
  });

  it.each([500, 502, 503])('repeats a read once after %i, and a write never', async (status) => {
    const { connector, calls } = await connectorTo(kind, (_call, response) =>
      response.writeHead(status, { 'content-type': 'text/html' }).end('<html>'),
    );
    await expect(read(kind, connector)).rejects.toMatchObject({ name: 'SystemUnavailableError', retryable: true });
    expect(calls()).toHaveLength(2);
    await expect(update(kind, connector)).resolves.toMatchObject({ outcome: 'unknown' });
    expect(calls()).toHaveLength(3);
  });

  it('waits as long as the system asks when it is down', async () => {
    const { connector, calls } = await connectorTo(kind, (_call, response) => json(response, 503, {}, { 'retry-after': '120' }));
    await expect(read(kind, connector)).rejects.toMatchObject({ name: 'SystemUnavailableError', retryAfterMs: 120_000 });
    expect(calls()).toHaveLength(1); // too long to wait inside the call
  });

  it.each([
    ['HTML with status 200', html],
    ['a hang', () => undefined],
    ['a cut connection', (_call: SeenCall, response: ServerResponse) => response.destroy()],
    ['another shape', (_call: SeenCall, response: ServerResponse) => json(response, 200, 'surprise')],
    [
      'a redirect',
      (_call: SeenCall, response: ServerResponse) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    ],
  ] satisfies [string, Answer][])('treats %s as an outage: a read fails, a write is unknown', async (_name, answer) => {
    const { connector } = await connectorTo(kind, answer);
    await expect(read(kind, connector)).rejects.toMatchObject({ name: 'SystemUnavailableError' });
    await expect(update(kind, connector)).resolves.toMatchObject({ outcome: 'unknown' });
  });

  it('takes a result list that is too short for an unknown outcome of the rest', async () => {
    const { connector } = await connectorTo(kind, (_call, response) => {
      if (kind === 'salesforce') return json(response, 200, []);
      json(response, 200, { status: 'COMPLETE', results: [] });
    });
    await expect(update(kind, connector)).resolves.toMatchObject({ outcome: 'unknown' });
  });

  it('names the changes a call serves, and nothing a header must not hold', async () => {
    const { connector, calls } = await connectorTo(kind, (_call, response) => json(response, 404, {}));
    await expect(read(kind, connector.withCorrelation(['c-1', 'c-2', 'c-3']))).rejects.toThrow();
    await expect(read(kind, connector.withCorrelation(['bad\r\nx-evil: 1']))).rejects.toThrow();
    await expect(read(kind, connector)).rejects.toThrow();
    expect(calls().map((call) => call.headers['x-concord-correlation-id'])).toEqual(['c-1;n=3', 'badx-evil:1', undefined]);
  });

  it('shows no secret and no value in any error', async () => {
    const marker = 'value-marker-51aa';
    for (const status of [400, 403, 404, 409, 429, 500]) {
      const { connector } = await connectorTo(kind, (_call, response) =>
        json(response, status, kind === 'salesforce' ? [{ errorCode: 'MALFORMED_QUERY', message: marker }] : { message: marker }),
      );
      const error = await connector.findByField(OBJECT[kind], 'Email', [marker], []).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(Error);
      expect(`${error} ${JSON.stringify(error)}`).not.toMatch(new RegExp(`${marker}|${SECRET}|token-\\d`));
      await api?.close();
    }
  });

  it('refuses names that could change the shape of a call', async () => {
    const { connector, calls } = await connectorTo(kind, (_call, response) => json(response, 200, []));
    for (const object of ['Contact/../Account', 'Contact?x=1', "Contact' OR", '', '../x']) {
      await expect(connector.read(object, [ID[kind]], []), object).rejects.toMatchObject({ code: 'BAD_NAME' });
    }
    expect(calls()).toHaveLength(0);
  });
});

describe('rate limits of Salesforce', () => {
  const limited =
    (usage: string): Answer =>
    (_call, response) =>
      json(response, 403, [{ errorCode: 'REQUEST_LIMIT_EXCEEDED', message: 'x' }], { 'sforce-limit-info': `api-usage=${usage}` });

  it('stop every caller, for long when the day is used up', async () => {
    const { connector, paused } = await connectorTo('salesforce', limited('100000/100000'));
    await expect(read('salesforce', connector)).rejects.toMatchObject({
      name: 'RateLimitedError',
      policy: 'daily',
      retryAfterMs: 900_000,
    });
    expect(paused).toEqual([{ lane: 'general', forMs: 900_000 }]);
  });

  it('are told apart from too many calls at once', async () => {
    const { connector } = await connectorTo('salesforce', limited('5/100000'));
    await expect(update('salesforce', connector)).rejects.toMatchObject({ policy: 'concurrent', retryAfterMs: 20_000 });
  });

  it('are reported from every answer, less the share left to others', async () => {
    const { connector, observed } = await connectorTo('salesforce', (_call, response) =>
      json(response, 404, [], { 'sforce-limit-info': 'api-usage=18/100000; per-app-api-usage=17/250(appName=x)' }),
    );
    await expect(read('salesforce', connector)).rejects.toThrow();
    expect(observed).toEqual([['general', { dailyLimit: 50_000, dailyRemaining: 49_982 }]]);
  });
});

describe('rate limits of HubSpot', () => {
  it.each([
    ['TEN_SECONDLY_ROLLING', 'burst', 10_000],
    ['SECONDLY', 'search', 1_000],
    ['DAILY', 'daily', 1_800_000],
  ])('%s stops every caller', async (policyName, policy, waitMs) => {
    const { connector, paused } = await connectorTo('hubspot', (_call, response) => json(response, 429, { policyName }));
    await expect(read('hubspot', connector)).rejects.toMatchObject({ name: 'RateLimitedError', policy, retryAfterMs: waitMs });
    expect(paused).toEqual([{ lane: 'general', forMs: waitMs }]);
  });

  it('give way to Retry-After, and to a lock or a migration', async () => {
    const asked = await connectorTo('hubspot', (_call, response) => json(response, 429, {}, { 'retry-after': '7' }));
    await expect(update('hubspot', asked.connector)).rejects.toMatchObject({ retryAfterMs: 7_000 });
    await api?.close();
    const locked = await connectorTo('hubspot', (_call, response) => json(response, 423, {}));
    await expect(update('hubspot', locked.connector)).resolves.toEqual({ outcome: 'retry', code: 'LOCKED', retryAfterMs: 2_000 });
    await api?.close();
    const moving = await connectorTo('hubspot', (_call, response) => json(response, 477, {}, { 'retry-after': '3600' }));
    await expect(update('hubspot', moving.connector)).rejects.toMatchObject({ retryAfterMs: 3_600_000 });
    expect(moving.paused).toEqual([{ lane: 'general', forMs: 3_600_000 }]);
  });

  it('are reported from the headers', async () => {
    const { connector, observed } = await connectorTo('hubspot', (_call, response) =>
      json(
        response,
        404,
        {},
        {
          'x-hubspot-ratelimit-max': '190',
          'x-hubspot-ratelimit-remaining': '12',
          'x-hubspot-ratelimit-interval-milliseconds': '10000',
          'x-hubspot-ratelimit-daily-remaining': '999',
        },
      ),
    );
    await expect(read('hubspot', connector)).rejects.toThrow();
    expect(observed).toEqual([['general', { limit: 190, remaining: 12, intervalMs: 10_000, dailyRemaining: 999 }]]);
  });

  it('refuse the rows that carry an unknown property, and write the others in one more call', async () => {
    const { connector, calls } = await connectorTo('hubspot', (call, response) => {
      if (call.body.includes('"nope"')) {
        const errors = [{ message: 'x', code: 'PROPERTY_DOESNT_EXIST', context: { propertyName: ['nope'] } }];
        return json(response, 400, { category: 'VALIDATION_ERROR', message: 'x', errors });
      }
      const { inputs } = JSON.parse(call.body);
      const results = inputs.map(({ id }: { id: string }) => ({ id, properties: {}, updatedAt: '2026-02-01T10:00:00Z' }));
      json(response, 200, { status: 'COMPLETE', results });
    });
    const writes = Array.from({ length: 50 }, (_, i) => ({
      objectId: String(i + 1),
      values: Object.fromEntries([[i % 2 ? 'city' : 'nope', 'x']]),
    }));
    const outcomes = await connector.update('contacts', writes);
    expect(outcomes.get('1')).toMatchObject({ outcome: 'rejected', code: 'PROPERTY_DOESNT_EXIST', fields: ['nope'] });
    expect([...outcomes.values()].filter(({ outcome }) => outcome === 'written')).toHaveLength(25);
    expect(calls()).toHaveLength(2);
  });
});
