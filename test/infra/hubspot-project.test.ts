import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { contactProperties } from '../../deploy/hubspot/contact-properties.ts';

const app = path.resolve(import.meta.dirname, '../../deploy/hubspot/project/src/app');
const read = (file: string): unknown => JSON.parse(readFileSync(path.join(app, file), 'utf8'));

const subscription = z.object({ subscriptionType: z.string(), propertyName: z.string().optional(), active: z.literal(true) });
const webhooks = z
  .object({
    config: z.object({ subscriptions: z.object({ legacyCrmObjects: z.array(subscription), hubEvents: z.array(subscription) }) }),
  })
  .parse(read('webhooks/webhooks-hsmeta.json')).config.subscriptions;

describe('the HubSpot app', () => {
  it('may read and write contacts and their properties, and nothing else', () => {
    const { config } = z
      .object({ config: z.object({ auth: z.object({ requiredScopes: z.array(z.string()) }) }) })
      .parse(read('app-hsmeta.json'));
    expect(config.auth.requiredScopes).toEqual([
      'crm.objects.contacts.read',
      'crm.objects.contacts.write',
      'crm.schemas.contacts.read',
      'crm.schemas.contacts.write',
    ]);
  });

  it('hears of everything that can happen to a contact', () => {
    const types = new Set([...webhooks.legacyCrmObjects, ...webhooks.hubEvents].map(({ subscriptionType }) => subscriptionType));
    expect(types).toEqual(
      new Set(['creation', 'deletion', 'merge', 'restore', 'propertyChange', 'privacyDeletion'].map((kind) => `contact.${kind}`)),
    );
  });

  it('hears of the properties that Concord adds, and of each property once', () => {
    const heard = webhooks.legacyCrmObjects.flatMap(({ propertyName }) => propertyName ?? []);
    expect(heard).toEqual(expect.arrayContaining(contactProperties.map(({ name }) => name)));
    expect(new Set(heard).size).toBe(heard.length);
  });
});
