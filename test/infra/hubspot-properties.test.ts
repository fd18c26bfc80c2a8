import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { accountFromEnvironment, createProperties } from '../../deploy/hubspot/create-properties.ts';
import { objectProperties } from '../../deploy/hubspot/object-properties.ts';

type Property = Record<string, unknown>;
interface Call {
  readonly method: string;
  readonly path: string;
  readonly token: string | undefined;
  readonly body: Property;
}
type Answer = { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> };

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server = undefined;
});

/** HubSpot's properties API as far as this script calls it. `first` may answer instead. */
async function hubspot(properties: Map<string, Property>, first: (call: Call) => Answer | undefined = () => undefined) {
  const calls: Call[] = [];
  const listening = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      const path = request.url ?? '';
      const call: Call = {
        method: request.method ?? '',
        path,
        token: request.headers.authorization,
        body: text === '' ? {} : JSON.parse(text),
      };
      calls.push(call);
      const { status, body, headers } = first(call) ?? answer(call, properties);
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
    });
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const address = listening.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { calls, account: { baseUrl: `http://127.0.0.1:${port}`, accessToken: 'test-token' } };
}

function answer(call: Call, properties: Map<string, Property>): Answer {
  const [object, own] = call.path.split('/').slice(4);
  const name = `${object}/${own ?? call.body.name}`;
  const known = properties.get(name);
  if (call.method === 'GET') return known === undefined ? { status: 404 } : { status: 200, body: known };
  if (known !== undefined) return { status: 409, body: { category: 'OBJECT_ALREADY_EXISTS' } };
  properties.set(name, call.body);
  return { status: 201, body: call.body };
}

describe('the properties in HubSpot', () => {
  it('are created: a unique id for each object type, the person number and the birthdate', async () => {
    const properties = new Map<string, Property>();
    const { account, calls } = await hubspot(properties);
    const outcomes = await createProperties(account);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(objectProperties.map(() => 'created'));
    expect(properties.get('contacts/concord_id')).toMatchObject({ hasUniqueValue: true, groupName: 'contactinformation' });
    expect(properties.get('companies/concord_id')).toMatchObject({ hasUniqueValue: true, groupName: 'companyinformation' });
    expect(properties.get('deals/concord_id')).toMatchObject({ hasUniqueValue: true, groupName: 'dealinformation' });
    expect(properties.get('contacts/person_number')).toMatchObject({ type: 'string', hasUniqueValue: false });
    expect(properties.get('contacts/birthdate')).toMatchObject({ type: 'date', fieldType: 'date' });
    expect(new Set(calls.map(({ token }) => token))).toEqual(new Set(['Bearer test-token']));
  });

  it('are left alone when they are there: running it again writes nothing', async () => {
    const { account, calls } = await hubspot(new Map());
    await createProperties(account);
    const before = calls.length;
    const again = await createProperties(account);
    expect(again.map(({ outcome }) => outcome)).toEqual(objectProperties.map(() => 'exists'));
    expect(calls.slice(before).map(({ method }) => method)).toEqual(objectProperties.map(() => 'GET'));
  });

  it('are there as well when somebody else was quicker', async () => {
    const properties = new Map<string, Property>();
    const { account } = await hubspot(properties, ({ method, path, body }) => {
      if (method === 'POST') properties.set(`${path.split('/').at(-1)}/${body.name}`, body); // theirs, a moment before ours
      return undefined;
    });
    const outcomes = await createProperties(account);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(objectProperties.map(() => 'exists'));
  });

  it('cannot be used in another shape, and the message says what to do', async () => {
    const shaped = (name: string, change: Property) =>
      hubspot(
        new Map(
          objectProperties.map((known) => [`${known.object}/${known.name}`, { ...known, ...(known.name === name && change) }]),
        ),
      );
    const notUnique = await shaped('concord_id', { hasUniqueValue: false });
    await expect(createProperties(notUnique.account)).rejects.toThrow(
      /concord_id of contacts exists but does not require unique values.*archive it/,
    );
    server?.close();
    const text = await shaped('birthdate', { type: 'string' });
    await expect(createProperties(text.account)).rejects.toThrow(
      /birthdate of contacts exists as string, but Concord needs date.*concord\.config\.ts/,
    );
  });

  it('are asked for again while HubSpot is busy', async () => {
    let busy = 1;
    const { account } = await hubspot(new Map(), () =>
      busy-- > 0 ? { status: 429, headers: { 'retry-after': '0.01' } } : undefined,
    );
    await expect(createProperties(account)).resolves.toHaveLength(objectProperties.length);
  });
});

describe('a refusal', () => {
  it.each([
    {
      status: 401,
      body: { category: 'INVALID_AUTHENTICATION' },
      says: /HTTP 401, INVALID_AUTHENTICATION.*token is wrong or has expired/,
    },
    { status: 403, body: { category: 'MISSING_SCOPES' }, says: /HTTP 403, MISSING_SCOPES.*grant crm\.schemas\.contacts\.read/ },
    { status: 403, body: '<html>no</html>', says: /HTTP 403\).*crm\.schemas\.contacts\.write/ },
  ])('of status $status ($body) says what to do next', async ({ status, body, says }) => {
    const { account } = await hubspot(new Map(), () => ({ status, body }));
    await expect(createProperties(account)).rejects.toThrow(says);
  });

  it('never shows the token', async () => {
    const { account } = await hubspot(new Map(), () => ({ status: 401, body: { message: 'no' } }));
    await expect(createProperties(account)).rejects.not.toThrow(/test-token/);
  });

  it('comes before any call where the token is missing or the address is not HubSpot', () => {
    expect(() => accountFromEnvironment({})).toThrow(/HUBSPOT_ACCESS_TOKEN is not set/);
    expect(() =>
      accountFromEnvironment({ HUBSPOT_ACCESS_TOKEN: 't', HUBSPOT_BASE_URL: 'https://api.hubapi.com.example' }),
    ).toThrow(/HUBSPOT_BASE_URL must be a host below hubapi\.com/);
    expect(accountFromEnvironment({ HUBSPOT_ACCESS_TOKEN: 't' })).toEqual({
      baseUrl: 'https://api.hubapi.com',
      accessToken: 't',
    });
  });
});
