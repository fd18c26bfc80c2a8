import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import config from '../../concord.config.ts';
import { objectProperties } from '../../deploy/hubspot/object-properties.ts';
import { compileSync } from '../../shared/config/compile-sync.ts';

const app = path.resolve(import.meta.dirname, '../../deploy/hubspot/project/src/app');
const read = (file: string): unknown => JSON.parse(readFileSync(path.join(app, file), 'utf8'));

const subscription = z.object({ subscriptionType: z.string(), propertyName: z.string().optional(), active: z.literal(true) });
const webhooks = z
  .object({
    config: z.object({ subscriptions: z.object({ legacyCrmObjects: z.array(subscription), hubEvents: z.array(subscription) }) }),
  })
  .parse(read('webhooks/webhooks-hsmeta.json')).config.subscriptions;

describe('the HubSpot app', () => {
  it('may read and write the three object types and their properties, and nothing else', () => {
    const { config } = z
      .object({ config: z.object({ auth: z.object({ requiredScopes: z.array(z.string()) }) }) })
      .parse(read('app-hsmeta.json'));
    const needed = ['objects', 'schemas'].flatMap((area) =>
      ['contacts', 'companies', 'deals'].flatMap((object) => ['read', 'write'].map((right) => `crm.${area}.${object}.${right}`)),
    );
    expect(config.auth.requiredScopes).toEqual(needed);
  });

  it('hears of everything that can happen to a contact, a company or a deal', () => {
    const types = new Set([...webhooks.legacyCrmObjects, ...webhooks.hubEvents].map(({ subscriptionType }) => subscriptionType));
    const kinds = ['creation', 'deletion', 'merge', 'restore', 'propertyChange', 'associationChange'];
    const all = ['contact', 'company', 'deal'].flatMap((object) => kinds.map((kind) => `${object}.${kind}`));
    expect(types).toEqual(new Set([...all, 'contact.privacyDeletion']));
  });

  it('hears of each property that a sync maps or Concord adds, and of each once', () => {
    const heard = webhooks.legacyCrmObjects.flatMap(({ subscriptionType, propertyName }) =>
      propertyName === undefined ? [] : [`${subscriptionType.split('.')[0]} ${propertyName}`],
    );
    const singular: Readonly<Record<string, string>> = { contacts: 'contact', companies: 'company', deals: 'deal' };
    const mapped = config.syncs.flatMap(({ name }) => {
      const { object, nativeFields = [] } = compileSync(config, name).sides.hubspot ?? { object: '' };
      return nativeFields.filter((field) => !field.startsWith('association:')).map((field) => `${singular[object]} ${field}`);
    });
    expect(heard).toEqual(expect.arrayContaining(objectProperties.map(({ object, name }) => `${singular[object]} ${name}`)));
    expect(heard).toEqual(expect.arrayContaining(mapped));
    expect(new Set(heard).size).toBe(heard.length);
  });
});
