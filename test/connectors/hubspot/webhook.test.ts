import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { readWebhook, type WebhookContext } from '../../../shared/connectors/hubspot/webhook.ts';
import { changeHintSchema } from '../../../shared/sync/change-hint.ts';

const { webhooks } = z
  .object({ webhooks: z.array(z.record(z.string(), z.unknown())) })
  .parse(JSON.parse(readFileSync(new URL('../../fixtures/hubspot/examples.json', import.meta.url), 'utf8')));
const context: WebhookContext = {
  appId: 660001,
  portalId: 880001,
  receivedAtMs: 1_767_225_700_000,
  correlationId: (index) => `c${index}`,
};
const read = (events: unknown, more: Partial<WebhookContext> = {}) =>
  readWebhook(Buffer.from(JSON.stringify(events), 'utf8'), { ...context, ...more });
const event = (more: Record<string, unknown>) => ({ ...webhooks[0], ...more });
const change = (propertyName: string, propertyValue: string, more: Record<string, unknown> = {}) =>
  event({ propertyName, propertyValue, ...more });

describe('a HubSpot delivery', () => {
  it('becomes hints of every kind it names, and ignores the rest', () => {
    const { hints, ignored } = read(webhooks);
    expect(hints.map(({ object, objectId, kind, by }) => [object, objectId, kind, by])).toEqual([
      ['contacts', '501', 'changed', 'other'],
      ['contacts', '501', 'changed', 'us'],
      ['contacts', '502', 'changed', 'other'],
      ['contacts', '502', 'deleted', 'other'],
      ['contacts', '503', 'deleted', 'unknown'], // a privacy deletion does not say by whom
      ['contacts', '999', 'changed', 'other'], // the id a merge minted
      ['contacts', '501', 'merged', 'other'],
      ['contacts', '504', 'merged', 'other'],
      ['contacts', '505', 'changed', 'other'],
    ]);
    expect(ignored).toBe(0);
    expect(hints[0]?.fields).toEqual({
      firstname: { value: 'Ada', atMs: 1_767_225_599_000 },
      'association:companies:primary': { value: '9001', atMs: 1_767_225_605_000 },
    });
    for (const hint of hints) expect(changeHintSchema.parse(hint)).toEqual(hint);
  });

  it('tells of a tie at the object whose field it is, whichever end it is told from', () => {
    const tie = (more: Record<string, unknown>) => ({
      portalId: 880001,
      occurredAt: 50,
      subscriptionType: 'company.associationChange',
      associationType: 'COMPANY_TO_DEAL',
      fromObjectId: 9001,
      toObjectId: 77,
      associationRemoved: false,
      isPrimaryAssociation: true,
      changeSource: 'CRM_UI',
      ...more,
    });
    const [told] = read([tie({})]).hints;
    expect(told).toMatchObject({ object: 'deals', objectId: '77', kind: 'changed', by: 'other' });
    expect(told?.fields).toEqual({ 'association:companies:primary': { atMs: 50, value: '9001' } });
    // What came and what went at one moment, in any order: only a look tells what is there now.
    const [moved] = read([tie({}), tie({ fromObjectId: 9002, associationRemoved: true })]).hints;
    expect(moved?.fields).toEqual({ 'association:companies:primary': { atMs: 50 } });
    const between = tie({
      subscriptionType: 'company.associationChange',
      associationType: 'COMPANY_TO_COMPANY',
      toObjectId: 9002,
    });
    expect(read([between]).hints.map(({ objectId, fields }) => [objectId, fields])).toEqual([
      ['9001', { 'association:companies:parent': { atMs: 50 } }],
      ['9002', { 'association:companies:parent': { atMs: 50 } }],
    ]);
  });

  it('ignores the plain tie that comes along with a primary one, and ties of no field', () => {
    const plain = { portalId: 880001, occurredAt: 50, fromObjectId: 1, toObjectId: 2, associationRemoved: false };
    const { hints, ignored } = read([
      {
        ...plain,
        subscriptionType: 'contact.associationChange',
        associationType: 'CONTACT_TO_COMPANY',
        isPrimaryAssociation: false,
      },
      { ...plain, subscriptionType: 'contact.associationChange', associationType: 'CONTACT_TO_DEAL' },
    ]);
    expect(hints).toEqual([]);
    expect(ignored).toBe(2);
  });

  it('gathers the properties of one object in one hint, the latest value of each', () => {
    const { hints } = read([
      change('firstname', 'Ada', { occurredAt: 30 }),
      change('lastname', 'Byron', { occurredAt: 10 }),
      change('firstname', 'Augusta', { occurredAt: 20 }), // late in coming
      change('firstname', 'Other', { objectId: 777, occurredAt: 40 }),
    ]);
    expect(hints).toHaveLength(2);
    expect(hints[0]).toMatchObject({
      occurredAtMs: 30,
      fields: { firstname: { value: 'Ada', atMs: 30 }, lastname: { value: 'Byron', atMs: 10 } },
    });
  });

  it('keeps our own writes apart from edits by others', () => {
    const { hints } = read([
      change('firstname', 'ours', { changeSource: 'INTEGRATION', sourceId: '660001' }),
      change('lastname', 'theirs', { changeSource: 'INTEGRATION', sourceId: '12' }),
      change('phone', 'nobody knows', { changeSource: undefined }),
      change('city', 'unnamed app', { changeSource: 'INTEGRATION', sourceId: undefined }),
    ]);
    expect(hints.map(({ by, fields }) => [by, Object.keys(fields)])).toEqual([
      ['us', ['firstname']],
      ['other', ['lastname']],
      ['unknown', ['phone', 'city']],
    ]);
  });

  it('shows no value that HubSpot withholds, and an emptied property as empty text', () => {
    const { hints } = read([
      change('ssn', 'REDACTED'),
      change('secret', 'x', { isSensitive: true }),
      change('phone', ''),
      event({ propertyName: 'fax', propertyValue: undefined }),
    ]);
    const atMs = 1_767_225_599_000;
    expect(hints[0]?.fields).toEqual({ ssn: { atMs }, secret: { atMs }, phone: { value: '', atMs }, fax: { atMs } });
  });

  it('keeps the primary id where a merge mints none', () => {
    const { hints } = read([
      event({
        subscriptionType: 'contact.merge',
        objectId: 501,
        primaryObjectId: 501,
        mergedObjectIds: [504],
        newObjectId: null,
      }),
    ]);
    expect(hints.map(({ objectId, kind }) => [objectId, kind])).toEqual([
      ['501', 'changed'],
      ['504', 'merged'],
    ]);
  });

  it('takes the type under either name, restorations, and custom objects by their type id', () => {
    const { hints } = read([
      event({ subscriptionType: undefined, eventType: 'company.propertyChange', objectId: 9 }),
      event({ subscriptionType: 'deal.restore', objectId: 8 }),
      event({ subscriptionType: 'object.propertyChange', objectTypeId: '2-345', objectId: 7 }),
    ]);
    expect(hints.map(({ object, kind }) => [object, kind])).toEqual([
      ['companies', 'changed'],
      ['deals', 'restored'],
      ['2-345', 'changed'],
    ]);
  });

  it('counts what takes no part: other portals, objects, types and shapes', () => {
    const { hints, ignored } = read(
      [
        event({}),
        event({ portalId: 1 }),
        event({ subscriptionType: 'deal.creation' }),
        event({ subscriptionType: 'conversation.newMessage' }),
        event({ objectId: undefined }),
        { surprise: true },
      ],
      { objects: new Set(['contacts']) },
    );
    expect([hints.length, ignored]).toEqual([1, 5]);
  });

  it('is refused when all of it is about another portal, or when it is no delivery', () => {
    expect(() => read([event({ portalId: 1 })])).toThrow(/foreign-account/);
    for (const body of ['', '{', '{}', '"x"', JSON.stringify(Array.from({ length: 1_001 }, () => 1))]) {
      expect(() => readWebhook(body, context)).toThrow(/unreadable/);
    }
    expect(read([])).toEqual({ hints: [], ignored: 0 });
  });

  it('does not let property names reach a prototype', () => {
    const { hints } = read([change('__proto__', 'x'), change('constructor', 'y'), change('city', 'z')]);
    expect(Object.keys(hints[0]?.fields ?? {})).toEqual(['city']);
  });
});
