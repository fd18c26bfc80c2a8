import { createHmac } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { LOCAL_APP_ID, LOCAL_PORTAL_ID } from '../../local/local-crms.ts';
import { ourWrites, type Pair, type RunningTemplate, startTemplate } from './running-template.ts';

let template: RunningTemplate;
const apiUrl = () => template.environment.stack.apiUrl;

beforeAll(async () => {
  template = await startTemplate(12);
}, 90_000);

afterAll(() => template?.stop());

function event(pair: Pair, more: object = {}) {
  return {
    eventId: 1,
    subscriptionId: 2,
    portalId: LOCAL_PORTAL_ID,
    appId: LOCAL_APP_ID,
    occurredAt: Date.now(),
    subscriptionType: 'contact.propertyChange',
    attemptNumber: 0,
    objectId: Number(pair.hubspotId),
    propertyName: 'jobtitle',
    propertyValue: 'Engineer',
    changeSource: 'CRM_UI',
    sourceId: 'userId:7',
    ...more,
  };
}

interface Delivery {
  readonly body: string;
  readonly secret?: string;
  readonly timestamp?: number;
  readonly url?: string;
  /** Replaces headers of the signed call; undefined takes one away. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** Calls the webhook as HubSpot would, signed by the book: developers.hubspot.com, "Validating requests", version 3. */
async function deliver({ body, secret, timestamp = Date.now(), url, headers }: Delivery): Promise<number> {
  const target = `${apiUrl()}/webhooks/hubspot`;
  const signature = createHmac('sha256', secret ?? template.secrets.hubspotWebhookSecret)
    .update(`POST${url ?? target}${body}${timestamp}`)
    .digest('base64');
  const all = {
    'content-type': 'application/json',
    'x-hubspot-signature-v3': signature,
    'x-hubspot-request-timestamp': String(timestamp),
    ...headers,
  };
  const given = Object.entries(all).flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]]));
  const response = await fetch(target, { method: 'POST', headers: given, body });
  await response.arrayBuffer();
  return response.status;
}

/** How often the receivers put something on a queue while `act` ran. */
async function queuedBy<Result>(act: () => Promise<Result>): Promise<{ result: Result; queued: number }> {
  const { stack } = template.environment;
  const sends = () =>
    stack
      .stats()
      .calls.filter((call) => call.caller.includes('Receive') && call.service === 'sqs')
      .reduce((sum, call) => sum + call.calls, 0);
  const before = sends();
  const result = await act();
  return { result, queued: sends() - before };
}

describe('a HubSpot webhook', () => {
  it('that is signed as it should be is taken, and its hint queued', async () => {
    const { result, queued } = await queuedBy(() => deliver({ body: JSON.stringify([event(template.pair())]) }));
    expect([result, queued]).toEqual([204, 1]);
  });

  const MINUTE = 60_000;
  it.each<{ what: string; status: number; change: (delivery: Delivery) => Delivery }>([
    { what: 'signed with another secret', status: 401, change: (it) => ({ ...it, secret: 'guessed' }) },
    {
      what: 'whose body was changed after it was signed',
      status: 401,
      change: (it) => ({ ...it, headers: { 'x-hubspot-signature-v3': 'AAAA' } }),
    },
    { what: 'signed for another address', status: 401, change: (it) => ({ ...it, url: 'https://evil.test/webhooks/hubspot' }) },
    { what: 'signed 5:01 ago', status: 401, change: (it) => ({ ...it, timestamp: Date.now() - 5 * MINUTE - 1_000 }) },
    { what: 'signed 5:10 in the future', status: 401, change: (it) => ({ ...it, timestamp: Date.now() + 5 * MINUTE + 10_000 }) },
    { what: 'without a signature', status: 401, change: (it) => ({ ...it, headers: { 'x-hubspot-signature-v3': undefined } }) },
    { what: 'with an empty signature', status: 401, change: (it) => ({ ...it, headers: { 'x-hubspot-signature-v3': '' } }) },
    {
      what: 'without a timestamp',
      status: 401,
      change: (it) => ({ ...it, headers: { 'x-hubspot-request-timestamp': undefined } }),
    },
    {
      what: 'with a timestamp that is no number',
      status: 401,
      change: (it) => ({ ...it, headers: { 'x-hubspot-request-timestamp': '1e13' } }),
    },
    {
      what: 'with only the older signature, which proves neither address nor time',
      status: 401,
      change: (it) => ({ ...it, headers: { 'x-hubspot-signature-v3': undefined, 'x-hubspot-signature': 'a'.repeat(64) } }),
    },
    { what: 'whose body is not JSON', status: 400, change: (it) => ({ ...it, body: '[{"portalId":' }) },
    { what: 'whose body is no list of events', status: 400, change: (it) => ({ ...it, body: '{"events":[]}' }) },
    {
      what: 'with more events than HubSpot ever sends',
      status: 400,
      change: (it) => ({ ...it, body: JSON.stringify(Array.from({ length: 1_001 }, () => ({}))) }),
    },
    { what: 'larger than a webhook ever is', status: 413, change: (it) => ({ ...it, body: `["${'x'.repeat(300 * 1024)}"]` }) },
    {
      what: 'about another portal',
      status: 403,
      change: (it) => ({ ...it, body: it.body.replaceAll(String(LOCAL_PORTAL_ID), '999999') }),
    },
  ])('$what is refused with $status, and nothing is queued', async ({ status, change }) => {
    const delivery = change({ body: JSON.stringify([event({ number: 0, salesforceId: '', hubspotId: '1' })]) });
    const { result, queued } = await queuedBy(() => deliver(delivery));
    expect([result, queued]).toEqual([status, 0]);
  });

  it.each([
    { what: 'an object type that takes no part', more: { subscriptionType: 'ticket.propertyChange' } },
    { what: 'a kind of event that is not known', more: { subscriptionType: 'contact.teleported' } },
    { what: 'an event without an object', more: { objectId: undefined } },
    { what: 'an event of the wrong shape', more: { objectId: 'seven', occurredAt: 'yesterday' } },
  ])('with $what is taken and ignored', async ({ more }) => {
    const body = JSON.stringify([event(template.pair(), more)]);
    const { result, queued } = await queuedBy(() => deliver({ body }));
    expect([result, queued]).toEqual([204, 0]);
  });

  it('that lies about the value and names fields of an object’s own machinery changes nothing anywhere', async () => {
    const pair = template.pair();
    const hostile = ['__proto__', 'constructor', 'no_such_property', 'jobtitle'].map((propertyName) =>
      event(pair, { propertyName, propertyValue: 'never saved there' }),
    );
    expect(await deliver({ body: JSON.stringify(hostile) })).toBe(204);
    await template.concord.untilQuiet();

    const { salesforce, hubspot } = await template.both(pair);
    expect([salesforce.Title, hubspot.jobtitle]).toEqual(['Analyst', 'Analyst']);
    expect(await ourWrites(template.salesforce, pair.salesforceId)).toEqual([]);
  });

  it('that is replayed within its five minutes writes nothing more', async () => {
    const pair = template.pair();
    await template.hubspot.edit('contacts', pair.hubspotId, { jobtitle: 'Engineer' }, 'grace');
    await template.concord.untilQuiet();
    const replay = { body: JSON.stringify([event(pair)]), timestamp: Date.now() - 4.9 * MINUTE };
    expect([await deliver(replay), await deliver(replay)]).toEqual([204, 204]);
    await template.concord.untilQuiet();

    expect(await ourWrites(template.salesforce, pair.salesforceId)).toHaveLength(1);
  });
});

describe('garbage on a changes queue', () => {
  it('goes to the dead letters alone, and its neighbours are processed', async () => {
    const { stack } = template.environment;
    const takeAnew = () => {
      // A receive that already waits goes by the setting it began with.
      stack.pause();
      stack.resume();
    };
    const queue = stack.queueName('HubspotProcessingChanges');
    const deadLetters = stack.queueName('HubspotProcessingChangesDeadLetters');
    const pair = template.pair();
    const garbage = [
      'not json',
      '{"v":1,"tenant":"main","system":"hubspot","sync":"contacts","hints":[]}',
      '{"v":1,"tenant":"main","system":"salesforce","sync":"contacts","hints":[{}]}',
    ];
    const { VisibilityTimeout: usual = '360' } = stack.sqs.attributes(queue);
    stack.sqs.setAttributes(queue, { VisibilityTimeout: '1' }); // five receives in five seconds instead of half an hour
    takeAnew();
    try {
      await stack.sqs.send(
        queue,
        garbage.map((body) => ({ body })),
      );
      await template.hubspot.edit('contacts', pair.hubspotId, { jobtitle: 'Neighbour' }, 'grace');
      await expect.poll(() => stack.sqs.counts(deadLetters).visible, { timeout: 20_000, interval: 200 }).toBe(garbage.length);
      await template.concord.untilQuiet();
    } finally {
      stack.sqs.setAttributes(queue, { VisibilityTimeout: usual });
      takeAnew();
    }

    expect((await template.both(pair)).salesforce.Title).toBe('Neighbour');
    expect(stack.sqs.peek(deadLetters, 10).map((message) => message.body)).toEqual(expect.arrayContaining(garbage));
    await stack.sqs.purge(deadLetters);
  });
});

describe('the operator API', () => {
  const get = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(apiUrl() + path, init);
    const text = await response.text();
    return {
      status: response.status,
      body: z.object({ message: z.string() }).safeParse(text === '' ? {} : JSON.parse(text)).data,
    };
  };

  it.each([
    { what: 'a record that there is not', path: '/records/00000000-0000-0000-0000-000000000000', status: 404 },
    { what: 'an object that no record has', path: '/records/hubspot%3A1', status: 404 },
    { what: 'a system that there is not', path: '/records/sap%3A1', status: 404 },
    { what: 'a hostile id', path: '/records/..%2F..%2Fetc%23%25%00', status: 404 },
    { what: 'a limit that is no number', path: '/conflicts?limit=many', status: 400 },
    { what: 'a limit beyond all bounds', path: '/conflicts?limit=100000', status: 400 },
    { what: 'a parameter that there is not', path: '/conflicts?tenant=other', status: 400 },
    { what: 'a cursor that it never gave', path: '/conflicts?cursor=zzzz', status: 400 },
    { what: 'a route that there is not', path: '/admin', status: 404 },
  ])('answers $status to $what, and says why', async ({ path, status }) => {
    const answer = await get(path);
    expect(answer.status).toBe(status);
    expect(answer.body?.message).toBeTruthy();
  });

  it('answers 404 to a sync that there is not, and names those that there are', async () => {
    const answer = await get('/syncs/leads/trigger', { method: 'POST' });
    expect(answer).toEqual({ status: 404, body: { message: expect.stringContaining('contacts') } });
  });

  it('answers 404 to a method that a route does not have', async () => {
    expect((await get('/stats', { method: 'DELETE' })).status).toBe(404);
  });

  it('is not to be had under a foreign name, so that a web page cannot reach it by DNS', async () => {
    const { hostname, port } = new URL(apiUrl());
    const status = await new Promise((resolve, reject) => {
      request({ hostname, port, path: '/stats', headers: { host: 'attacker.test' } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .once('error', reject)
        .end();
    });
    expect(status).toBe(403);
  });
});

it('after all that, contacts still travel, and nothing was denied by IAM', async () => {
  const pair = template.pair();
  await template.hubspot.edit('contacts', pair.hubspotId, { jobtitle: 'Still here' }, 'grace');
  await template.concord.untilQuiet();

  expect((await template.both(pair)).salesforce.Title).toBe('Still here');
  expect(template.environment.stack.stats().denied).toEqual([]);
});
