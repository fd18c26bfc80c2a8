import { readFileSync } from 'node:fs';
import { Client, Signature } from '@hubspot/api-client';
import { SubscriptionCreateRequestEventTypeEnum } from '@hubspot/api-client/lib/codegen/webhooks/models/SubscriptionCreateRequest.js';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { signatureV1, signatureV3, signedUri } from '../../local/simulators/hubspot/request-signature.ts';
import changeSources from '../fixtures/hubspot/change-sources.json' with { type: 'json' };
import vectors from '../fixtures/hubspot/signature-vectors.json' with { type: 'json' };
import { APP, connect, delivered, receiveWebhooks, startAccount } from './hubspot-account.ts';

const schemaFile = new URL('../fixtures/hubspot/webhook-event.schema.json', import.meta.url);
const documentedDelivery = z.fromJSONSchema(JSON.parse(readFileSync(schemaFile, 'utf8')));

describe('request signatures', () => {
  it.each(vectors.vectors.filter(({ version }) => version === 'v3'))('signs $name as the official client does', (vector) => {
    const { method, requestUrl, signedUrl, body, timestamp, signature } = vector;
    expect(signedUri(requestUrl)).toBe(signedUrl);
    expect(signatureV3(vectors.clientSecret, method, requestUrl, body, Number(timestamp))).toBe(signature);
  });

  it.each(vectors.vectors.filter(({ version }) => version === 'v1'))('signs $name', ({ body, signature }) => {
    expect(signatureV1(vectors.clientSecret, body)).toBe(signature);
  });
});

describe('webhooks', () => {
  it('sends one event per changed property, which the official client finds validly signed', async () => {
    const receiver = await receiveWebhooks();
    const account = await startAccount({ webhookUrl: receiver.url });
    const [id = ''] = account.load('contacts', [{ email: 'ada@example.com', phone: '1' }]);
    account.edit('contacts', id, { firstname: 'Zoë 東京', phone: null, email: 'ada@example.com' }, 'Grace');
    await delivered(account);

    const events = receiver.events();
    expect(events.map(({ propertyName, propertyValue }) => [propertyName, propertyValue])).toEqual([
      ['firstname', 'Zoë 東京'],
      ['phone', ''],
    ]);
    for (const event of events) {
      expect(event).toMatchObject({
        portalId: APP.portalId,
        appId: APP.appId,
        objectId: Number(id),
        subscriptionType: 'contact.propertyChange',
        changeSource: 'CRM_UI',
        sourceId: 'userId:42',
        attemptNumber: 0,
      });
    }
    expect(receiver.deliveries).toHaveLength(1);
    for (const { headers, url, body } of receiver.deliveries) {
      const signed = { clientSecret: APP.clientSecret, requestBody: body, url, method: 'POST' };
      const timestamp = Number(headers['x-hubspot-request-timestamp']);
      const v3 = String(headers['x-hubspot-signature-v3']);
      expect(Signature.isValid({ ...signed, signatureVersion: 'v3', signature: v3, timestamp })).toBe(true);
      expect(Signature.isValid({ ...signed, signatureVersion: 'v3', signature: v3, timestamp, requestBody: `${body} ` })).toBe(
        false,
      );
      expect(headers['x-hubspot-signature-version']).toBe('v1');
      expect(Signature.isValid({ ...signed, signatureVersion: 'v1', signature: String(headers['x-hubspot-signature']) })).toBe(
        true,
      );
    }
  });

  it('signs the decoded form of a URL with escapes', async () => {
    const receiver = await receiveWebhooks(() => 200, '/hubspot?to=ada%40example.com&tenant=a%20b');
    const account = await startAccount({ webhookUrl: receiver.url });
    account.create('contacts', { firstname: 'Ada' });
    await delivered(account);
    const [delivery] = receiver.deliveries;
    if (delivery === undefined) throw new Error('nothing was delivered');
    const { headers, body, url } = delivery;
    const timestamp = Number(headers['x-hubspot-request-timestamp']);
    expect(headers['x-hubspot-signature-v3']).toBe(
      Signature.getSignature('POST', 'v3', {
        clientSecret: APP.clientSecret,
        requestBody: body,
        url: url.replace('%40', '@'),
        timestamp,
        signature: '',
      }),
    );
  });

  it('tells our own writes by the app’s id, and those of another app by its own', async () => {
    const receiver = await receiveWebhooks();
    const account = await startAccount({ webhookUrl: receiver.url });
    const [id = ''] = account.load('contacts', [{ firstname: 'Ada' }]);
    await connect(account).crm.contacts.basicApi.update(id, { properties: { jobtitle: 'a' } });
    await connect(account, account.issueToken({ appId: 7 })).crm.contacts.basicApi.update(id, { properties: { jobtitle: 'b' } });
    await delivered(account);
    expect(receiver.events().map(({ changeSource, sourceId }) => [changeSource, sourceId])).toEqual([
      ['INTEGRATION', String(APP.appId)],
      ['INTEGRATION', '7'],
    ]);
  });

  it('keeps every kind of event to the documented shape', async () => {
    const receiver = await receiveWebhooks();
    const account = await startAccount({ webhookUrl: receiver.url });
    const [a = '', b = '', c = ''] = account.load('contacts', [
      { firstname: 'A' },
      { firstname: 'B', phone: '1' },
      { firstname: 'C' },
    ]);
    const created = account.create('contacts', { firstname: 'D', jobtitle: 'x' });
    account.remove('contacts', created);
    account.restore('contacts', created);
    const survivor = account.merge('contacts', a, b);
    account.erase('contacts', c);
    await delivered(account);
    expect(documentedDelivery.safeParse(receiver.events()).error).toBeUndefined();
    expect(documentedDelivery.safeParse([{ ...receiver.events()[0], attemptNumber: -1 }]).success).toBe(false);
    const kinds = receiver.events().map(({ subscriptionType, objectId }) => [subscriptionType, objectId]);
    // Of a privacy deletion's two events, either may come first.
    expect(kinds.splice(7).sort()).toEqual([
      ['contact.deletion', Number(c)],
      ['contact.privacyDeletion', Number(c)],
    ]);
    expect(kinds).toEqual([
      ['contact.creation', Number(created)],
      ['contact.propertyChange', Number(created)],
      ['contact.propertyChange', Number(created)],
      ['contact.deletion', Number(created)],
      ['contact.restore', Number(created)],
      ['contact.merge', Number(survivor)],
      ['contact.deletion', Number(b)],
    ]);
    expect(receiver.events().find(({ subscriptionType }) => subscriptionType === 'contact.merge')).toMatchObject({
      primaryObjectId: Number(a),
      mergedObjectIds: [Number(b)],
      newObjectId: Number(survivor),
      numberOfPropertiesMoved: 1,
    });
    for (const { changeSource } of receiver.events()) {
      if (changeSource !== undefined) expect(changeSources.values).toContain(changeSource);
    }
  });

  it('tells of subscribed properties only', async () => {
    const receiver = await receiveWebhooks();
    const account = await startAccount({ webhookUrl: receiver.url, subscribedProperties: ['firstname'] });
    account.create('contacts', { firstname: 'Ada', jobtitle: 'x' });
    account.create('companies', { name: 'Engines' });
    await delivered(account);
    expect(receiver.events().map(({ subscriptionType, propertyName }) => [subscriptionType, propertyName])).toEqual([
      ['contact.creation', undefined],
      ['contact.propertyChange', 'firstname'],
    ]);
  });

  it('takes subscriptions and the target URL from the official client', async () => {
    const receiver = await receiveWebhooks();
    const account = await startAccount({ subscribedProperties: [], developerApiKey: 'developer-0001' });
    const { settingsApi, subscriptionsApi } = new Client({ developerApiKey: 'developer-0001', basePath: account.url }).webhooks;
    await settingsApi.configure(APP.appId, { targetUrl: receiver.url, throttling: { maxConcurrentRequests: 10 } });
    const subscription = await subscriptionsApi.create(APP.appId, {
      eventType: SubscriptionCreateRequestEventTypeEnum.ContactPropertyChange,
      propertyName: 'jobtitle',
      active: true,
    });
    const [id = ''] = account.load('contacts', [{ firstname: 'Ada' }]);
    account.edit('contacts', id, { firstname: 'Eve', jobtitle: 'x' });
    await delivered(account);
    expect(receiver.events()).toMatchObject([{ propertyName: 'jobtitle', subscriptionId: Number(subscription.id) }]);
  });

  it('sends at most 100 events at once, several deliveries at a time but no more than ten', async () => {
    let open = 0;
    let most = 0;
    const receiver = await receiveWebhooks(() => {
      open += 1;
      most = Math.max(most, open);
      return 'never';
    });
    const account = await startAccount({
      webhookUrl: receiver.url,
      behaviour: { webhookTimeoutMs: 60_000, creationSendsPropertyChanges: false },
    });
    for (let nth = 0; nth < 1500; nth += 1) account.create('contacts', { firstname: `P${nth}` });
    while (receiver.deliveries.length < 10) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(most).toBe(10);
    expect(receiver.deliveries.every(({ events }) => events.length <= 100)).toBe(true);
    expect(account.pendingNotifications()).toBe(1500);
  });

  it.each([500, 404, 301])('tries again after %d, counting attempts', async (status) => {
    const receiver = await receiveWebhooks((nth) => (nth <= 2 ? status : 200));
    const account = await startAccount({ webhookUrl: receiver.url });
    account.create('contacts', { firstname: 'Ada' });
    await delivered(account);
    expect(receiver.deliveries.map(({ events }) => events[0]?.attemptNumber)).toEqual([0, 1, 2]);
    expect(new Set(receiver.events().map(({ occurredAt }) => occurredAt)).size).toBe(1);
  });

  it('tries again after a delivery that takes too long, and after a refused connection', async () => {
    const receiver = await receiveWebhooks((nth) => (nth === 1 ? 'never' : 200));
    const account = await startAccount({ webhookUrl: receiver.url, behaviour: { webhookTimeoutMs: 100 } });
    account.create('contacts', { firstname: 'Ada' });
    await delivered(account);
    expect(receiver.deliveries.map(({ events }) => events[0]?.attemptNumber)).toEqual([0, 1]);

    account.setWebhookUrl('http://127.0.0.1:9'); // nobody listens there
    account.behaviour.webhookRetryScale = 1 / 1_000_000;
    account.create('contacts', { firstname: 'Eve' });
    await new Promise((resolve) => setTimeout(resolve, 60));
    account.setWebhookUrl(receiver.url);
    await delivered(account);
    expect(receiver.events().at(-1)?.attemptNumber).toBeGreaterThan(0);
  });

  it('gives up after ten retries', async () => {
    const receiver = await receiveWebhooks(() => 503);
    const account = await startAccount({ webhookUrl: receiver.url, behaviour: { creationSendsPropertyChanges: false } });
    account.create('contacts', { firstname: 'Ada' });
    await delivered(account);
    expect(receiver.deliveries.map(({ events }) => events[0]?.attemptNumber)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(account.lostNotifications()).toBe(1);
  });

  it('spreads ten retries over most of a day when nothing is scaled', async () => {
    const receiver = await receiveWebhooks(() => 503);
    const account = await startAccount({ webhookUrl: receiver.url, behaviour: { webhookRetryScale: 1 } });
    account.create('contacts', { firstname: 'Ada' });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(receiver.deliveries).toHaveLength(1);
    expect(account.pendingNotifications()).toBeGreaterThan(0);
  });

  it('loses, doubles and shuffles notifications as it is told', async () => {
    const receiver = await receiveWebhooks();
    const account = await startAccount({ webhookUrl: receiver.url, behaviour: { creationSendsPropertyChanges: false } });
    const names = Array.from({ length: 40 }, (_, nth) => account.create('contacts', { firstname: `P${nth}` })).map(Number);
    await delivered(account);
    expect(receiver.events().map(({ objectId }) => objectId)).toEqual(names);

    account.settings.notificationCopies = 2;
    account.settings.shuffleNotificationsMs = 10;
    const before = receiver.events().length;
    for (const id of names) account.remove('contacts', String(id));
    await delivered(account);
    const deleted = receiver
      .events()
      .slice(before)
      .map(({ objectId }) => objectId);
    expect([...deleted].sort()).toEqual([...names, ...names].sort());
    expect(deleted.slice(0, 40)).not.toEqual(names);

    account.settings.notificationCopies = 1;
    account.settings.dropNotifications = 0.5;
    const restored = receiver.events().length;
    for (const id of names) account.restore('contacts', String(id));
    await delivered(account);
    const arrived = receiver.events().length - restored;
    expect(arrived).toBeGreaterThan(5);
    expect(arrived + account.lostNotifications()).toBe(40);
  });

  it('holds notifications until they are released, reversed or lost', async () => {
    const receiver = await receiveWebhooks();
    const account = await startAccount({
      webhookUrl: receiver.url,
      settings: { holdNotifications: true },
      behaviour: { creationSendsPropertyChanges: false },
    });
    const ids = ['A', 'B', 'C'].map((firstname) => Number(account.create('contacts', { firstname })));
    expect(account.pendingNotifications()).toBe(3);
    account.releaseNotifications('reverse');
    await delivered(account);
    expect(receiver.events().map(({ objectId }) => objectId)).toEqual([...ids].reverse());
    account.create('contacts', { firstname: 'D' });
    account.releaseNotifications('drop');
    expect([account.pendingNotifications(), receiver.events().length]).toEqual([0, 3]);
  });
});
