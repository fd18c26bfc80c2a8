import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { LOCAL_ACCOUNT } from '../../../local/aws/local-account.ts';
import { type HttpApi, startHttpApi } from '../../../local/runtime/http-api.ts';
import { httpRoutes, throttlingOf } from '../../../local/runtime/http-routes.ts';
import { loadTemplate } from '../../../local/runtime/template.ts';
import { type ResourceText, writeAssembly } from './assembly.ts';
import { FUNCTION_ARN, type ScriptedFunction, scriptedFunction, until } from './scripted-function.ts';

const NOW = Date.parse('2026-01-02T03:04:05.678Z');
const apis: HttpApi[] = [];
afterEach(async () => {
  for (const api of apis.splice(0)) await api.close(0);
});

const ROUTES = [
  'POST /hooks/{token}',
  'GET /hooks/{proxy+}',
  'GET /hooks/fixed',
  'ANY /any',
  'POST /v1.0/things',
  'GET /things/{id}/parts/{part}',
];

interface Served {
  readonly api: HttpApi;
  readonly target: ScriptedFunction;
}

async function served(
  target: ScriptedFunction = scriptedFunction(() => ({ statusCode: 200 })),
  more: { routes?: readonly string[]; settings?: object; timeoutMs?: number } = {},
): Promise<Served> {
  const { routes = ROUTES, settings, timeoutMs } = more;
  const resources: Record<string, ResourceText> = {
    Api: { Type: 'AWS::ApiGatewayV2::Api', Properties: { ProtocolType: 'HTTP' } },
    Stage: {
      Type: 'AWS::ApiGatewayV2::Stage',
      Properties: { StageName: '$default', AutoDeploy: true, ...(settings && { DefaultRouteSettings: settings }) },
    },
    Integration: {
      Type: 'AWS::ApiGatewayV2::Integration',
      Properties: {
        IntegrationType: 'AWS_PROXY',
        IntegrationUri: FUNCTION_ARN,
        PayloadFormatVersion: '2.0',
        ...(timeoutMs && { TimeoutInMillis: timeoutMs }),
      },
    },
  };
  for (const [at, RouteKey] of routes.entries())
    resources[`Route${at}`] = { Type: 'AWS::ApiGatewayV2::Route', Properties: { RouteKey, Target: 'integrations/Integration' } };
  const assembly = writeAssembly(resources);
  const template = loadTemplate({ ...assembly, account: LOCAL_ACCOUNT, gatewayUrl: '', apiUrl: '' });
  assembly.remove();
  const api = await startHttpApi({ port: 0, accountId: '000000000000', now: () => NOW, warn: () => undefined });
  apis.push(api);
  api.serve(
    httpRoutes(template, (arn) => (arn === FUNCTION_ARN ? target : undefined)),
    throttlingOf(template),
  );
  return { api, target };
}

/** Sends exactly these bytes, and gives the whole answer. */
async function raw(url: string, text: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (part) => {
    answer += part;
  });
  socket.write(text);
  await once(socket, 'close');
  return answer;
}

const JSON_TYPE = { 'content-type': 'application/json' };

// docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
describe('The event of an HTTP call', () => {
  it('has the shape of payload format 2.0', async () => {
    const { api, target } = await served();
    await fetch(`${api.url}/hooks/abc?a=1&a=2&b=x%20y`, {
      method: 'POST',
      body: '{"a":1}',
      headers: { ...JSON_TYPE, 'user-agent': 'tester' },
    });
    expect(target.events).toEqual([
      {
        version: '2.0',
        routeKey: 'POST /hooks/{token}',
        rawPath: '/hooks/abc',
        rawQueryString: 'a=1&a=2&b=x%20y',
        headers: expect.objectContaining({ 'content-type': 'application/json', 'x-forwarded-for': '127.0.0.1' }),
        queryStringParameters: { a: '1,2', b: 'x y' },
        requestContext: {
          accountId: '000000000000',
          apiId: 'local',
          domainName: '127.0.0.1',
          domainPrefix: 'local',
          http: { method: 'POST', path: '/hooks/abc', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'tester' },
          requestId: expect.stringMatching(/./),
          routeKey: 'POST /hooks/{token}',
          stage: '$default',
          time: '02/Jan/2026:03:04:05 +0000',
          timeEpoch: NOW,
        },
        pathParameters: { token: 'abc' },
        body: '{"a":1}',
        isBase64Encoded: false,
      },
    ]);
  });

  it('leaves out what would be empty', async () => {
    const { api, target } = await served();
    await fetch(`${api.url}/any`);
    const [event] = target.events;
    expect(Object.keys(Object(event)).sort()).toEqual([
      'headers',
      'isBase64Encoded',
      'rawPath',
      'rawQueryString',
      'requestContext',
      'routeKey',
      'version',
    ]);
  });

  it('has header names in lower case, repeated ones joined by commas, and cookies apart', async () => {
    const { api, target } = await served();
    await raw(
      api.url,
      'GET /any HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Signature: one\r\nX-SIGNATURE: two\r\nUser-Agent: a\r\nUser-Agent: b\r\nCookie: k=v; l=w\r\nCookie: m=x\r\nX-Forwarded-For: 203.0.113.7\r\nConnection: close\r\n\r\n',
    );
    expect(target.events).toMatchObject([
      {
        headers: { 'x-signature': 'one,two', 'user-agent': 'a,b', 'x-forwarded-for': '203.0.113.7, 127.0.0.1' },
        cookies: ['k=v', 'l=w', 'm=x'],
      },
    ]);
    expect(Object(target.events[0]).headers).not.toHaveProperty('cookie');
  });

  it.each([
    ['application/json; charset=utf-8', false],
    ['text/xml', false],
    ['application/xml', false],
    ['application/x-www-form-urlencoded', true],
    ['application/vnd.api+json', true],
    ['application/octet-stream', true],
    [undefined, true],
  ])('has a body of type %s in base64: %s', async (type, base64) => {
    const { api, target } = await served();
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
    await fetch(`${api.url}/any`, { method: 'POST', body: Buffer.from('häuser'), headers });
    const body = base64 ? Buffer.from('häuser').toString('base64') : 'häuser';
    expect(target.events).toMatchObject([{ body, isBase64Encoded: base64 }]);
  });

  it('has path parameters decoded, and the path too', async () => {
    const { api, target } = await served();
    await fetch(`${api.url}/things/a%2Fb%20c/parts/%C3%BC`);
    expect(target.events).toMatchObject([{ pathParameters: { id: 'a/b c', part: 'ü' }, rawPath: '/things/a/b c/parts/ü' }]);
  });
});

describe('The route of an HTTP call', () => {
  it.each([
    ['GET', '/hooks/fixed', 'GET /hooks/fixed'],
    ['GET', '/hooks/a/b', 'GET /hooks/{proxy+}'],
    ['POST', '/hooks/abc', 'POST /hooks/{token}'],
    ['DELETE', '/any', 'ANY /any'],
    ['POST', '/v1.0/things', 'POST /v1.0/things'],
  ])('%s %s is %s, the most specific', async (method, path, routeKey) => {
    const { api, target } = await served();
    await fetch(api.url + path, { method });
    expect(target.events).toMatchObject([{ routeKey }]);
  });

  it.each([
    ['GET', '/hooks'],
    ['POST', '/hooks/a/b'],
    ['POST', '/hooks/'],
    ['POST', '/v1x0/things'],
    ['GET', '//any'],
  ])('%s %s has none: 404', async (method, path) => {
    const { api, target } = await served();
    const answer = await raw(api.url, `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 404 [\s\S]*\{"message":"Not Found"\}$/);
    expect(target.events).toEqual([]);
  });

  it('falls back to $default', async () => {
    const { api, target } = await served(undefined, { routes: ['GET /any', '$default'] });
    await fetch(`${api.url}/elsewhere/deep`, { method: 'PUT' });
    await fetch(`${api.url}/any`);
    expect(target.events).toMatchObject([{ routeKey: '$default' }, { routeKey: 'GET /any' }]);
  });
});

describe('The answer to an HTTP call', () => {
  const answered = async (returned: unknown) => {
    const { api } = await served(scriptedFunction(() => returned));
    const response = await fetch(`${api.url}/any`);
    return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
  };

  it('is what the function says', async () => {
    const { status, headers, body } = await answered({
      statusCode: 201,
      headers: { 'Content-Type': 'text/csv', 'x-count': 3 },
      cookies: ['a=1; HttpOnly', 'b=2'],
      body: 'x;y',
    });
    expect(status).toBe(201);
    expect(headers.get('content-type')).toBe('text/csv');
    expect(headers.get('x-count')).toBe('3');
    expect(headers.getSetCookie()).toEqual(['a=1; HttpOnly', 'b=2']);
    expect(body.toString()).toBe('x;y');
  });

  it('is bytes where the function says base64', async () => {
    const { body } = await answered({
      statusCode: 200,
      body: Buffer.from([0, 255, 7]).toString('base64'),
      isBase64Encoded: true,
    });
    expect([...body]).toEqual([0, 255, 7]);
  });

  it.each([
    ['an object', { hello: 'world' }, '{"hello":"world"}'],
    ['a text', 'hello', 'hello'],
  ])('without a statusCode is a 200 whose body is %s', async (_, returned, text) => {
    const { status, headers, body } = await answered(returned);
    expect([status, headers.get('content-type'), body.toString()]).toEqual([200, 'application/json', text]);
  });

  it.each([
    ['a status that is none', { statusCode: 'fine' }],
    ['a body that is no text', { statusCode: 200, body: { a: 1 } }],
    ['a header that cannot be sent', { statusCode: 200, headers: { 'x-broken': 'a\nb' } }],
  ])('that is malformed is a 500: %s', async (_, returned) => {
    const { status, body } = await answered(returned);
    expect([status, body.toString()]).toEqual([500, '{"message":"Internal Server Error"}']);
  });

  it('of a function that fails is a 500', async () => {
    const { api } = await served(
      scriptedFunction(() => {
        throw new Error('not now');
      }),
    );
    const response = await fetch(`${api.url}/any`);
    expect([response.status, await response.text()]).toEqual([500, '{"message":"Internal Server Error"}']);
  });

  it('of an integration that takes too long is a 503', async () => {
    const { api } = await served(
      scriptedFunction(() => sleep(500)),
      { timeoutMs: 60 },
    );
    const response = await fetch(`${api.url}/any`);
    expect([response.status, await response.text()]).toEqual([503, '{"message":"Service Unavailable"}']);
  });
});

// docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
describe('The bounds of the HTTP API', () => {
  it('let no more through than the burst and the rate', async () => {
    const { api, target } = await served(undefined, { settings: { ThrottlingBurstLimit: 3, ThrottlingRateLimit: 1 } });
    const statuses = await Promise.all(Array.from({ length: 5 }, async () => (await fetch(`${api.url}/any`)).status));
    expect(statuses.sort()).toEqual([200, 200, 200, 429, 429]);
    expect(target.events).toHaveLength(3);
  });

  it('refuse a body above 10 MB, and an event above 6 MB', async () => {
    const { api, target } = await served();
    for (const megabytes of [11, 7]) {
      const response = await fetch(`${api.url}/any`, {
        method: 'POST',
        body: Buffer.alloc(megabytes * 1024 * 1024, 'x'),
        headers: { 'content-type': 'text/plain' },
      });
      expect([response.status, await response.text()]).toEqual([413, '{"message":"Request Entity Too Large"}']);
    }
    expect(target.events).toEqual([]);
  });

  it('refuse headers above 10 kB', async () => {
    const { api } = await served();
    expect((await fetch(`${api.url}/any`, { headers: { 'x-large': 'x'.repeat(11_000) } })).status).toBe(431);
  });

  it('let nobody in who comes by another name, so that no web page can reach it by rebinding a name', async () => {
    const { api, target } = await served();
    const answer = await raw(api.url, 'GET /any HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1.1 403 /);
    expect(target.events).toEqual([]);
  });

  it('say which port is in use, and what to do', async () => {
    const { api } = await served();
    const port = Number(new URL(api.url).port);
    const second = startHttpApi({ port, accountId: '', now: () => 0, warn: () => undefined });
    await expect(second).rejects.toThrow(
      `port ${port} of 127.0.0.1 is in use: end what listens there, or choose another with --port`,
    );
  });

  it('let a call that is under way finish while it closes', async () => {
    const { api, target } = await served(scriptedFunction(() => sleep(100).then(() => ({ statusCode: 204 }))));
    const response = fetch(`${api.url}/any`);
    await until(() => target.events.length === 1);
    expect(api.underWay()).toBe(1);
    await api.close(2_000);
    expect((await response).status).toBe(204);
    expect(api.underWay()).toBe(0);
  });

  it('survive a caller who goes away in the middle of the body', async () => {
    const { api } = await served();
    const call = request(`${api.url}/any`, { method: 'POST', headers: { 'content-length': 100 } });
    call.on('error', () => undefined);
    call.write('half');
    await sleep(20);
    call.destroy();
    await until(() => api.underWay() === 0);
    expect((await fetch(`${api.url}/any`)).status).toBe(200);
  });
});
