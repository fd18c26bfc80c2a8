import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FilterOperatorEnum } from '@hubspot/api-client/lib/codegen/crm/contacts/models/Filter.js';
import {
  PropertyCreateFieldTypeEnum,
  PropertyCreateTypeEnum,
} from '@hubspot/api-client/lib/codegen/crm/properties/models/PropertyCreate.js';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import examples from '../fixtures/hubspot/examples.json' with { type: 'json' };
import { APP, bare, connect, refusalOf, startAccount, TOKEN } from './hubspot-account.ts';

const idsOf = (results: readonly { id: string }[]) => results.map(({ id }) => id).sort();
const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ email: `p${index}@example.com`, firstname: `P${index}` }));

describe('single records, with the official client', () => {
  it('creates, reads, changes, clears and archives a contact', async () => {
    const account = await startAccount();
    const { basicApi } = connect(account).crm.contacts;
    const created = await basicApi.create({ properties: { email: 'Ada@Example.com', firstname: 'Ada', phone: '+1 555 0100' } });
    expect(created.id).toMatch(/^\d+$/);

    const read = await basicApi.getById(created.id, ['email', 'firstname', 'phone', 'jobtitle', 'no_such_property']);
    expect(read.properties).toMatchObject({ email: 'ada@example.com', firstname: 'Ada', phone: '+1 555 0100', jobtitle: null });
    expect(read.properties).not.toHaveProperty('no_such_property');
    expect(read.archived).toBe(false);

    await basicApi.update(created.id, { properties: { phone: '', jobtitle: 'Analyst' } });
    const changed = await basicApi.getById('ada@example.com', ['phone', 'jobtitle'], undefined, undefined, undefined, 'email');
    expect(changed.id).toBe(created.id);
    expect(changed.properties).toMatchObject({ phone: null, jobtitle: 'Analyst' });

    await basicApi.archive(created.id);
    expect((await refusalOf(basicApi.getById(created.id))).code).toBe(404);
    const binned = await basicApi.getById(created.id, undefined, undefined, undefined, true);
    expect(binned.archived).toBe(true);
    expect(binned.archivedAt).toBeInstanceOf(Date);
  });

  it('shows a contact exactly as documented, milliseconds dropped when zero', async () => {
    let now = Date.parse('2026-01-05T09:15:00.120Z');
    const account = await startAccount({ clock: () => now });
    const id = account.create('contacts', { email: 'ada@example.com', firstname: 'Ada' });
    now = Date.parse('2026-02-01T10:00:00Z');
    account.edit('contacts', id, { firstname: 'Ada' });
    const { json, headers } = await bare(
      account,
      `GET /crm/v3/objects/contacts/${id}?properties=email,firstname&properties=phone`,
    );
    expect(json).toEqual(examples.responses.contact);
    expect(headers.get('content-type')).toBe('application/json;charset=utf-8');
    expect(headers.get('x-hubspot-correlation-id')).toBeTruthy();
  });

  it('serves dated paths, and names or ids of object types', async () => {
    const account = await startAccount();
    const id = account.create('contacts', { email: 'ada@example.com' });
    for (const form of [
      '/crm/v3/objects/contacts',
      '/crm/objects/2026-09/contacts',
      '/crm/objects/2026-09/0-1',
      '/crm/v3/objects/contact',
    ]) {
      expect(await bare(account, `GET ${form}/${id}`)).toMatchObject({ status: 200, json: { id } });
    }
    expect(await bare(account, 'GET /crm/properties/2026-09/contacts/email')).toMatchObject({
      status: 200,
      json: { name: 'email' },
    });
    expect(await bare(account, 'GET /crm/objects/2026-10/contacts')).toMatchObject({ status: 404 });
    expect(await bare(account, 'GET /account-info/2026-09/details')).toMatchObject({ json: { portalId: APP.portalId } });
  });

  it('enforces what administrators made mandatory on dated paths only', async () => {
    const account = await startAccount({ behaviour: { requiredOnDatedPaths: ['jobtitle'] } });
    const body = { properties: { email: 'ada@example.com' } };
    expect(await bare(account, 'POST /crm/objects/2026-09/contacts', body)).toMatchObject({
      status: 400,
      json: { errors: [{ code: 'MISSING_REQUIRED_PROPERTY' }] },
    });
    expect(await bare(account, 'POST /crm/v3/objects/contacts', body)).toMatchObject({ status: 201 });
  });

  it.each([
    [{ nope: 'x' }, 'PROPERTY_DOESNT_EXIST'],
    [{ lastmodifieddate: '2026-01-01T00:00:00Z' }, 'READ_ONLY_VALUE'],
    [{ hs_object_id: '7' }, 'READ_ONLY_VALUE'],
    [{ email: 'no address' }, 'INVALID_EMAIL'],
    [{ lifecyclestage: 'friend' }, 'INVALID_OPTION'],
    [{ hs_email_optout: 'yes' }, 'INVALID_OPTION'],
    [{ closedate: 'tomorrow' }, 'INVALID_DATE'],
    [{ born_on: '1652659200001' }, 'INVALID_DATE'],
    [{ shoe_size: 'large' }, 'INVALID_INTEGER'],
  ])('refuses %o with %s', async (properties, code) => {
    const account = await startAccount({
      properties: [
        { name: 'born_on', type: 'date' },
        { name: 'shoe_size', type: 'number' },
      ],
    });
    const { status, json } = await bare(account, 'POST /crm/v3/objects/contacts', {
      properties: { firstname: 'Ada', ...properties },
    });
    expect(status).toBe(400);
    expect(json).toMatchObject({ status: 'error', category: 'VALIDATION_ERROR', errors: [{ code }] });
    expect(account.objects('contacts')).toEqual([]);
  });

  it('words a validation error as HubSpot does', async () => {
    const account = await startAccount();
    const { json } = await bare(account, 'POST /crm/v3/objects/contacts', { properties: { firstname: 'Ada', nope: 'x' } });
    const { correlationId: _, ...documented } = examples.responses.error400;
    expect(json).toMatchObject(documented);
  });

  it('stores dates, datetimes, numbers and lists in their documented form', async () => {
    const account = await startAccount({
      properties: [
        { name: 'born_on', type: 'date' },
        { name: 'shoe_size', type: 'number' },
        {
          name: 'likes',
          type: 'enumeration',
          fieldType: 'checkbox',
          options: ['a', 'b', 'c'].map((value) => ({ label: value, value })),
        },
      ],
    });
    const { basicApi } = connect(account).crm.contacts;
    const { id } = await basicApi.create({
      properties: { firstname: 'Ada', born_on: '1652659200000', closedate: '1652659200000', shoe_size: '39.50', likes: 'a;b' },
    });
    await basicApi.update(id, { properties: { likes: ';c' } });
    expect(account.object('contacts', id)?.values).toMatchObject({
      born_on: '2022-05-16',
      closedate: '2022-05-16T00:00:00Z',
      shoe_size: '39.50',
      likes: 'a;b;c',
    });
  });

  it('refuses null, which is no way to clear', async () => {
    const account = await startAccount();
    const id = account.create('contacts', { firstname: 'Ada', phone: '1' });
    expect(await bare(account, `PATCH /crm/v3/objects/contacts/${id}`, { properties: { phone: null } })).toMatchObject({
      status: 400,
    });
    expect(account.object('contacts', id)?.values.phone).toBe('1');
  });

  it('moves a lifecycle stage forward only, until it is cleared', async () => {
    const account = await startAccount();
    const id = account.create('contacts', { firstname: 'Ada', lifecyclestage: 'customer' });
    account.edit('contacts', id, { lifecyclestage: 'lead' });
    expect(account.object('contacts', id)?.values.lifecyclestage).toBe('customer');
    account.edit('contacts', id, { lifecyclestage: null });
    account.edit('contacts', id, { lifecyclestage: 'lead' });
    expect(account.object('contacts', id)?.values.lifecyclestage).toBe('lead');
  });

  it('moves the last-modified stamp on every write, even one that changes nothing', async () => {
    let now = 1_767_225_600_000;
    const account = await startAccount({ clock: () => now });
    const id = account.create('contacts', { firstname: 'Ada' });
    now += 5;
    const answer = await connect(account).crm.contacts.basicApi.update(id, { properties: { firstname: 'Ada' } });
    expect(answer.properties.lastmodifieddate).toBe('2026-01-01T00:00:00.005Z');
    expect(account.writes().at(-1)).toMatchObject({
      kind: 'update',
      fields: {},
      by: { kind: 'api', name: String(APP.appId) },
      call: 1,
    });
  });

  it('needs a name or an e-mail address to create a contact', async () => {
    const account = await startAccount();
    const refused = await refusalOf(connect(account).crm.contacts.basicApi.create({ properties: { phone: '1' } }));
    expect(refused).toMatchObject({ code: 400, body: { category: 'VALIDATION_ERROR' } });
  });

  it('keeps companies and deals with their own stamp and minimum', async () => {
    const account = await startAccount();
    const { companies, deals } = connect(account).crm;
    const company = await companies.basicApi.create({ properties: { name: 'Analytical Engines' } });
    expect(company.properties).toHaveProperty('hs_lastmodifieddate');
    const deal = await deals.basicApi.create({ properties: { dealname: 'First', dealstage: 'closedwon', amount: '12' } });
    expect(deal.properties.amount).toBe('12');
    expect((await refusalOf(deals.basicApi.create({ properties: { dealname: 'Second' } }))).code).toBe(400);
  });
});

describe('unique values', () => {
  it('refuses an e-mail address in use and names its owner, also an additional one', async () => {
    const account = await startAccount();
    const [owner] = account.load('contacts', [{ email: 'ada@example.com', hs_additional_emails: 'ada@home.example' }]);
    const { basicApi } = connect(account).crm.contacts;
    for (const email of ['ADA@example.com', 'ada@home.example']) {
      const { code, body } = await refusalOf(basicApi.create({ properties: { email } }));
      expect(code).toBe(409);
      expect(body).toMatchObject({ category: 'CONFLICT', message: `Contact already exists. Existing ID: ${owner}` });
    }
    const other = account.create('contacts', { firstname: 'Grace' });
    expect((await refusalOf(basicApi.update(other, { properties: { email: 'ada@example.com' } }))).code).toBe(409);
  });

  it('frees a unique value when its record is archived, and refuses the restore once it is taken', async () => {
    const account = await startAccount();
    const first = account.create('contacts', { email: 'ada@example.com' });
    account.remove('contacts', first);
    account.create('contacts', { email: 'ada@example.com' });
    expect(() => account.restore('contacts', first)).toThrow(/already exists/);
  });

  it('treats a custom property with unique values alike', async () => {
    const account = await startAccount();
    const id = account.create('contacts', { firstname: 'Ada', concord_id: 'r1' });
    const { basicApi } = connect(account).crm.contacts;
    const { code, body } = await refusalOf(basicApi.create({ properties: { firstname: 'Eve', concord_id: 'r1' } }));
    expect([code, body.message]).toEqual([409, `Contact already exists. Existing ID: ${id}`]);
    const found = await basicApi.getById('r1', ['firstname'], undefined, undefined, undefined, 'concord_id');
    expect(found.id).toBe(id);
    expect((await refusalOf(basicApi.getById('Ada', undefined, undefined, undefined, undefined, 'firstname'))).code).toBe(400);
  });
});

describe('lists', () => {
  it('pages through all records in the order of ids, the last page without a cursor', async () => {
    const account = await startAccount();
    const ids = account.load('contacts', numbered(250));
    const { basicApi } = connect(account).crm.contacts;
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await basicApi.getPage(100, after, ['email']);
      expect(page.results.length).toBeLessThanOrEqual(100);
      seen.push(...page.results.map(({ id }) => id));
      after = page.paging?.next?.after;
      if (after !== undefined) expect(after).toBe(ids[seen.length]); // the next record's id
    } while (after !== undefined);
    expect(seen).toEqual(ids);
  });

  it('admits 100 records per page, 50 with histories', async () => {
    const account = await startAccount();
    const { basicApi } = connect(account).crm.contacts;
    expect((await refusalOf(basicApi.getPage(101))).code).toBe(400);
    expect((await refusalOf(basicApi.getPage(51, undefined, undefined, ['email']))).code).toBe(400);
    expect((await basicApi.getPage(50, undefined, undefined, ['email'])).results).toEqual([]);
  });

  it('lists archived records apart from live ones', async () => {
    const account = await startAccount();
    const [live, gone] = account.load('contacts', numbered(2));
    account.remove('contacts', gone ?? '');
    const { basicApi } = connect(account).crm.contacts;
    expect(idsOf((await basicApi.getPage()).results)).toEqual([live]);
    const archived = await basicApi.getPage(10, undefined, undefined, undefined, undefined, true);
    expect(archived.results).toMatchObject([{ id: gone, archived: true }]);
    account.restore('contacts', gone ?? '');
    expect(idsOf((await basicApi.getPage()).results)).toEqual([live, gone]);
  });

  it('answers 414 to a URL that is too long', async () => {
    const account = await startAccount();
    expect(await bare(account, `GET /crm/v3/objects/contacts?properties=${'x'.repeat(9000)}`)).toMatchObject({ status: 414 });
  });
});

describe('batches', () => {
  it('writes 100 rows at once and refuses 101', async () => {
    const account = await startAccount();
    const { batchApi } = connect(account).crm.contacts;
    const inputs = numbered(101).map((properties) => ({ properties }));
    expect((await refusalOf(batchApi.create({ inputs }))).code).toBe(400);
    const { results } = await batchApi.create({ inputs: inputs.slice(0, 100) });
    expect(results).toHaveLength(100);
    const updated = await batchApi.update({ inputs: results.map(({ id }) => ({ id, properties: { jobtitle: 'Analyst' } })) });
    expect(updated.status).toBe('COMPLETE');
    expect(account.objects('contacts').every(({ values }) => values.jobtitle === 'Analyst')).toBe(true);
    await batchApi.archive({ inputs: results.map(({ id }) => ({ id })) });
    expect(account.objects('contacts').every(({ deleted }) => deleted)).toBe(true);
  });

  it('gives results in another order than its inputs', async () => {
    const account = await startAccount();
    const ids = account.load('contacts', numbered(20));
    const inputs = ids.map((id) => ({ id }));
    const { results } = await connect(account).crm.contacts.batchApi.read({ inputs, properties: [], propertiesWithHistory: [] });
    expect(results.map(({ id }) => id)).not.toEqual(ids);
    expect(idsOf(results)).toEqual([...ids].sort());
  });

  it('reports ids that do not exist in a 207, beside the records found', async () => {
    const account = await startAccount();
    const [id = ''] = account.load('contacts', numbered(1));
    const body = { inputs: [{ id }, { id: '99999' }], properties: ['email'] };
    const { status, json } = await bare(account, 'POST /crm/v3/objects/contacts/batch/read', body);
    expect(status).toBe(207);
    const { errors, numErrors } = examples.responses.batchRead207;
    expect(json).toMatchObject({ status: 'COMPLETE', results: [{ id }], numErrors, errors });
  });

  it('reads by a unique property, an additional e-mail address included', async () => {
    const account = await startAccount();
    const [id] = account.load('contacts', [{ email: 'ada@example.com', hs_additional_emails: 'ada@home.example' }]);
    const { results } = await connect(account).crm.contacts.batchApi.read({
      inputs: [{ id: 'ada@home.example' }],
      idProperty: 'email',
      properties: ['email', 'hs_additional_emails'],
      propertiesWithHistory: [],
    });
    expect(results).toMatchObject([{ id, properties: { email: 'ada@example.com', hs_additional_emails: 'ada@home.example' } }]);
  });

  it('fails the whole call for one bad row, unless every row has a trace id of its own', async () => {
    const account = await startAccount();
    const { batchApi } = connect(account).crm.contacts;
    const good = { properties: { email: 'ada@example.com' } };
    const bad = { properties: { email: 'no address' } };
    expect((await refusalOf(batchApi.create({ inputs: [good, bad] }))).code).toBe(400);
    const sameTrace = [good, bad].map((row) => ({ ...row, objectWriteTraceId: 'row' }));
    expect((await refusalOf(batchApi.create({ inputs: sameTrace }))).code).toBe(400);
    expect(account.objects('contacts')).toEqual([]);

    const inputs = [good, bad].map((row, index) => ({ ...row, objectWriteTraceId: `row-${index + 1}` }));
    const { status, json } = await bare(account, 'POST /crm/v3/objects/contacts/batch/create', { inputs });
    expect(status).toBe(207);
    expect(json).toMatchObject({
      results: [{ objectWriteTraceId: 'row-1' }],
      numErrors: 1,
      errors: [{ status: 'error', category: 'VALIDATION_ERROR', context: { objectWriteTraceId: ['row-2'] } }],
    });
    expect(account.writes()).toMatchObject([{ kind: 'create', trace: 'row-1' }]);
  });

  it('names the first conflict only, and refuses two rows with one e-mail address', async () => {
    const account = await startAccount();
    const [first] = account.load('contacts', numbered(2));
    const { batchApi } = connect(account).crm.contacts;
    const { code, body } = await refusalOf(batchApi.create({ inputs: numbered(2).map((properties) => ({ properties })) }));
    expect([code, body.message]).toEqual([409, `Contact already exists. Existing ID: ${first}`]);
    const twins = [{ properties: { email: 'new@example.com' } }, { properties: { email: 'NEW@example.com' } }];
    expect((await refusalOf(batchApi.create({ inputs: twins }))).code).toBe(409);
    expect(account.objects('contacts')).toHaveLength(2);
  });

  it('upserts by a unique property of each row and tells new from known', async () => {
    const account = await startAccount();
    const [known] = account.load('contacts', [{ email: 'ada@example.com', concord_id: 'r1' }]);
    const { batchApi } = connect(account).crm.contacts;
    const upsert = () =>
      batchApi.upsert({
        inputs: [
          { id: 'r1', idProperty: 'concord_id', properties: { jobtitle: 'Analyst' }, objectWriteTraceId: 'r1' },
          { id: 'r2', idProperty: 'concord_id', properties: { email: 'eve@example.com' }, objectWriteTraceId: 'r2' },
        ],
      });
    const first = new Map((await upsert()).results.map((result) => [result.objectWriteTraceId, result]));
    expect(first.get('r1')).toMatchObject({ id: known, _new: false, properties: { concord_id: 'r1', jobtitle: 'Analyst' } });
    expect(first.get('r2')).toMatchObject({ _new: true });
    expect((await upsert()).results.every((result) => !result._new)).toBe(true);
    expect(account.objects('contacts')).toHaveLength(2);
  });

  it('reports a conflict of one upserted row alone', async () => {
    const account = await startAccount();
    const [known] = account.load('contacts', [{ email: 'ada@example.com' }]);
    const inputs = ['ada@example.com', 'eve@example.com'].map((email, index) => ({
      id: `r${index}`,
      idProperty: 'concord_id',
      properties: { email },
      objectWriteTraceId: `r${index}`,
    }));
    expect(await bare(account, 'POST /crm/objects/2026-09/contacts/batch/upsert', { inputs })).toMatchObject({
      status: 207,
      json: {
        results: [{ objectWriteTraceId: 'r1', new: true }],
        errors: [
          {
            category: 'CONFLICT',
            message: `Contact already exists. Existing ID: ${known}`,
            context: { objectWriteTraceId: ['r0'] },
          },
        ],
      },
    });
  });

  it('reports missing ids of an update, and refuses one id twice', async () => {
    const account = await startAccount();
    const [id = ''] = account.load('contacts', numbered(1));
    const rows = (ids: readonly string[]) => ({ inputs: ids.map((each) => ({ id: each, properties: { jobtitle: 'x' } })) });
    expect(await bare(account, 'POST /crm/v3/objects/contacts/batch/update', rows([id, '777']))).toMatchObject({
      status: 207,
      json: { results: [{ id }], errors: [{ category: 'OBJECT_NOT_FOUND', context: { ids: ['777'] } }] },
    });
    expect(await bare(account, 'POST /crm/v3/objects/contacts/batch/update', rows([id, id]))).toMatchObject({ status: 400 });
  });
});

describe('property histories', () => {
  it('tells who set a value and when, newest first', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z');
    const account = await startAccount({ clock: () => now });
    const id = account.create('contacts', { firstname: 'Ada', jobtitle: 'Clerk' }, 'Grace');
    now += 1500;
    const { crm } = connect(account);
    await crm.contacts.basicApi.update(id, { properties: { jobtitle: 'Analyst' } });
    const { propertiesWithHistory } = await crm.contacts.basicApi.getById(id, undefined, ['jobtitle', 'firstname']);
    expect(propertiesWithHistory?.jobtitle).toMatchObject([
      {
        value: 'Analyst',
        sourceType: 'INTEGRATION',
        sourceId: String(APP.appId),
        timestamp: new Date('2026-01-01T00:00:01.500Z'),
      },
      {
        value: 'Clerk',
        sourceType: 'CRM_UI',
        sourceId: 'userId:42',
        updatedByUserId: 42,
        timestamp: new Date('2026-01-01T00:00:00Z'),
      },
    ]);
    expect(propertiesWithHistory?.firstname).toHaveLength(1);
    const inputs = Array.from({ length: 51 }, (_, index) => ({ id: String(index + 1) }));
    const tooMany = crm.contacts.batchApi.read({ inputs, properties: [], propertiesWithHistory: ['jobtitle'] });
    expect((await refusalOf(tooMany)).body.message).toContain('property histories is 50');
  });
});

describe('search, with the official client', () => {
  const filters = (propertyName: string, operator: FilterOperatorEnum, value?: string) => [
    { filters: [{ propertyName, operator, ...(value === undefined ? {} : { value }) }] },
  ];

  it('pages through what changed since a time, oldest change first', async () => {
    let now = 1_767_225_600_000;
    const account = await startAccount({ clock: () => now, settings: { limits: false } });
    const ids = account.load('contacts', numbered(250), now - 1000);
    for (const id of ids.slice(0, 220).reverse()) {
      now += 1;
      account.edit('contacts', id, { jobtitle: 'Analyst' });
    }
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await connect(account).crm.contacts.searchApi.doSearch({
        filterGroups: filters('lastmodifieddate', FilterOperatorEnum.Gte, '1767225600001'),
        sorts: ['lastmodifieddate'],
        limit: 200,
        ...(after === undefined ? {} : { after }),
      });
      expect(page.total).toBe(220);
      seen.push(...page.results.map(({ id }) => id));
      after = page.paging?.next?.after;
    } while (after !== undefined);
    expect(seen).toEqual(ids.slice(0, 220).reverse());
  });

  it('goes on from a stamp with the id as tie-break', async () => {
    const account = await startAccount();
    const ids = account.load('contacts', numbered(5), 1_767_225_600_000);
    const [late = ''] = account.load('contacts', [{ firstname: 'Late' }], 1_767_225_600_001);
    const stamp = '1767225600000';
    const { results, total } = await connect(account).crm.contacts.searchApi.doSearch({
      filterGroups: [
        {
          filters: [
            { propertyName: 'lastmodifieddate', operator: FilterOperatorEnum.Eq, value: stamp },
            { propertyName: 'hs_object_id', operator: FilterOperatorEnum.Gt, value: ids[2] ?? '' },
          ],
        },
        { filters: [{ propertyName: 'lastmodifieddate', operator: FilterOperatorEnum.Gt, value: stamp }] },
      ],
      sorts: ['lastmodifieddate'],
    });
    expect(results.map(({ id }) => id)).toEqual([...ids.slice(3), late]);
    expect(total).toBe(3);
  });

  it.each([
    ['EQ', { value: 'ADA@example.com' }, ['Ada']],
    ['NEQ', { value: 'ada@example.com' }, ['Eve', 'Nobody']],
    ['IN', { values: ['ada@example.com', 'eve@example.com'] }, ['Ada', 'Eve']],
    ['IN', { values: ['ADA@example.com'] }, []],
    ['NOT_IN', { values: ['ada@example.com'] }, ['Eve', 'Nobody']],
    ['HAS_PROPERTY', {}, ['Ada', 'Eve']],
    ['NOT_HAS_PROPERTY', {}, ['Nobody']],
    ['CONTAINS_TOKEN', { value: '*@example.com' }, ['Ada', 'Eve']],
    ['CONTAINS_TOKEN', { value: 'eve' }, ['Eve']],
    ['NOT_CONTAINS_TOKEN', { value: 'eve' }, ['Ada', 'Nobody']],
    ['GT', { value: 'b' }, ['Eve']],
    ['LTE', { value: 'ada@example.com' }, ['Ada']],
    ['BETWEEN', { value: 'a', highValue: 'b' }, ['Ada']],
  ])('finds by %s %o', async (operator, values, names) => {
    const account = await startAccount();
    account.load('contacts', [
      { firstname: 'Ada', email: 'ada@example.com' },
      { firstname: 'Eve', email: 'eve@example.com' },
      { firstname: 'Nobody' },
    ]);
    const body = { filterGroups: [{ filters: [{ propertyName: 'email', operator, ...values }] }], properties: ['firstname'] };
    const { json } = await bare(account, 'POST /crm/v3/objects/contacts/search', body);
    const { results } = z.object({ results: z.array(z.object({ properties: z.object({ firstname: z.string() }) })) }).parse(json);
    expect(results.map(({ properties }) => properties.firstname)).toEqual(names);
  });

  it('orders by any property, either way, by creation when nothing is said', async () => {
    const account = await startAccount();
    account.load('contacts', [{ firstname: 'Bob' }, { firstname: 'ada' }, { firstname: 'Cy' }]);
    const { searchApi } = connect(account).crm.contacts;
    const names = async (sorts?: string[]) =>
      (await searchApi.doSearch(sorts ? { sorts } : {})).results.map(({ properties }) => properties.firstname);
    expect(await names()).toEqual(['Bob', 'ada', 'Cy']);
    expect(await names(['firstname'])).toEqual(['ada', 'Bob', 'Cy']);
    expect(await names(['-firstname'])).toEqual(['Cy', 'Bob', 'ada']);
    expect(await names(['-createdate'])).toEqual(['Cy', 'ada', 'Bob']);
  });

  it.each([
    ['more than 200 results', { limit: 201 }],
    ['a page beyond 10,000 results', { limit: 200, after: '9900' }],
    ['six filter groups', { filterGroups: Array.from({ length: 6 }, () => ({ filters: [] })) }],
    ['a property there is not', { filterGroups: [{ filters: [{ propertyName: 'nope', operator: 'HAS_PROPERTY' }] }] }],
    ['two sorts', { sorts: ['email', 'firstname'] }],
    ['a body of more than 3,000 characters', { properties: ['x'.repeat(3000)] }],
  ])('refuses %s', async (_, body) => {
    const account = await startAccount();
    expect(await bare(account, 'POST /crm/v3/objects/contacts/search', body)).toMatchObject({
      status: 400,
      json: { category: 'VALIDATION_ERROR' },
    });
  });

  it('misses a write until the index has caught up, and shows the old state meanwhile', async () => {
    let now = 1_767_225_600_000;
    const account = await startAccount({ clock: () => now, behaviour: { searchLagMs: 10_000, searchLagSpreadMs: 0 } });
    const [id = ''] = account.load('contacts', [{ firstname: 'Ada' }], now);
    const search = async () => {
      const { results } = await connect(account).crm.contacts.searchApi.doSearch({ properties: ['firstname'] });
      return results.map(({ properties }) => properties.firstname);
    };
    account.edit('contacts', id, { firstname: 'Augusta' });
    account.create('contacts', { firstname: 'Eve' });
    now += 9_999;
    expect(await search()).toEqual(['Ada']);
    now += 1;
    expect(await search()).toEqual(['Augusta', 'Eve']);
    account.remove('contacts', id);
    expect(await search()).toEqual(['Augusta', 'Eve']);
    account.settleSearch();
    expect(await search()).toEqual(['Eve']);
  });

  it('never shows an older state after a newer one, however lags differ', async () => {
    let now = 1_767_225_600_000;
    const account = await startAccount({ clock: () => now, settings: { limits: false }, behaviour: { searchLagSpreadMs: 100 } });
    const id = account.create('contacts', { firstname: '0' });
    for (let edit = 1; edit <= 50; edit += 1) account.edit('contacts', id, { firstname: String(edit) });
    let latest = 0;
    for (let step = 0; step < 25; step += 1) {
      now += 4;
      const { results } = await connect(account).crm.contacts.searchApi.doSearch({ properties: ['firstname'] });
      const shown = Number(results[0]?.properties.firstname ?? 0);
      expect(shown).toBeGreaterThanOrEqual(latest);
      latest = shown;
    }
    expect(latest).toBe(50);
  });
});

describe('property definitions, with the official client', () => {
  it('creates a property that can carry unique values, once', async () => {
    const account = await startAccount({ properties: [] });
    const { coreApi } = connect(account).crm.properties;
    const input = {
      name: 'concord_id',
      label: 'Concord id',
      type: PropertyCreateTypeEnum.String,
      fieldType: PropertyCreateFieldTypeEnum.Text,
      groupName: 'contactinformation',
      hasUniqueValue: true,
    };
    const created = await coreApi.create('contacts', input);
    expect(created).toMatchObject({ name: 'concord_id', hasUniqueValue: true, archived: false });
    const { code, body } = await refusalOf(coreApi.create('contacts', input));
    expect([code, body.category]).toEqual([409, 'OBJECT_ALREADY_EXISTS']);
    expect((await coreApi.getByName('contacts', 'concord_id')).type).toBe('string');
    expect((await refusalOf(coreApi.getByName('contacts', 'nope'))).code).toBe(404);
  });

  it('lists every property with what a mapping must know', async () => {
    const account = await startAccount();
    const { results } = await connect(account).crm.properties.coreApi.getAll('contacts');
    const byName = new Map(results.map((property) => [property.name, property]));
    expect(byName.get('lastmodifieddate')?.modificationMetadata?.readOnlyValue).toBe(true);
    expect(byName.get('lifecyclestage')?.options.map(({ value }) => value)).toContain('customer');
    expect(byName.get('concord_id')?.hasUniqueValue).toBe(true);
  });

  it('drops an archived property from reads, and refuses writes to it', async () => {
    const account = await startAccount();
    const id = account.create('contacts', { firstname: 'Ada', concord_id: 'r1' });
    await connect(account).crm.properties.coreApi.archive('contacts', 'concord_id');
    const { json } = await bare(account, `GET /crm/v3/objects/contacts/${id}?properties=concord_id,firstname`);
    expect(json).not.toHaveProperty('properties.concord_id');
    expect(() => account.edit('contacts', id, { concord_id: 'r2' })).toThrow(/concord_id/);
  });
});

describe('merges and privacy deletions', () => {
  it.each([true, false])('lets both ids lead to the survivor, a new id being minted: %s', async (mergeMintsNewId) => {
    const account = await startAccount({ behaviour: { mergeMintsNewId } });
    const [primary = '', absorbed = ''] = account.load('contacts', [
      { email: 'ada@example.com', firstname: 'Ada' },
      { email: 'ada@home.example', firstname: 'A.', phone: '1' },
    ]);
    const { basicApi, batchApi } = connect(account).crm.contacts;
    const survivor = await basicApi.merge({ primaryObjectId: primary, objectIdToMerge: absorbed });
    expect(survivor.id === primary).toBe(!mergeMintsNewId);
    const properties = ['email', 'hs_additional_emails', 'phone', 'hs_merged_object_ids'];
    for (const id of [primary, absorbed]) {
      const read = await basicApi.getById(id, properties);
      expect(read.id).toBe(survivor.id);
      expect(read.properties).toMatchObject({ email: 'ada@example.com', hs_additional_emails: 'ada@home.example', phone: '1' });
      expect(read.properties.hs_merged_object_ids?.split(';')).toContain(absorbed);
    }
    const inputs = [{ id: primary }, { id: absorbed }];
    const batch = await batchApi.read({ inputs, properties, propertiesWithHistory: [] });
    expect(batch.results.map(({ id }) => id)).toEqual([survivor.id]);
    expect((await refusalOf(basicApi.create({ properties: { email: 'ada@home.example' } }))).code).toBe(409);
  });

  it('leaves merged ids out of a batch update without a word', async () => {
    const account = await startAccount();
    const [primary = '', absorbed = '', other = ''] = account.load('contacts', numbered(3));
    account.merge('contacts', primary, absorbed);
    const inputs = [absorbed, other].map((id) => ({ id, properties: { jobtitle: 'x' } }));
    const { status, json } = await bare(account, 'POST /crm/v3/objects/contacts/batch/update', { inputs });
    expect(status).toBe(200);
    expect(json).toMatchObject({ results: [{ id: other }] });
    expect(json).not.toHaveProperty('errors');
  });

  it('forgets an erased contact for good and frees its e-mail address', async () => {
    const account = await startAccount();
    const id = account.create('contacts', { email: 'ada@example.com' });
    const { basicApi } = connect(account).crm.contacts;
    await basicApi.purge({ objectId: 'ada@example.com', idProperty: 'email' });
    expect(account.object('contacts', id)).toBeUndefined();
    expect((await basicApi.getPage(10, undefined, undefined, undefined, undefined, true)).results).toEqual([]);
    expect((await basicApi.create({ properties: { email: 'ada@example.com' } })).id).not.toBe(id);
  });
});

describe('credentials', () => {
  it('refreshes an access token that expires, with the official client', async () => {
    let now = 1_767_225_600_000;
    const account = await startAccount({ clock: () => now });
    const { tokensApi, accessTokensApi } = connect(account).oauth;
    const grant = () => tokensApi.create('refresh_token', undefined, undefined, APP.clientId, APP.clientSecret, 'refresh-0001');
    const { accessToken, expiresIn, refreshToken } = await grant();
    expect([expiresIn, refreshToken]).toEqual([1800, 'refresh-0001']);
    expect(await accessTokensApi.get(accessToken)).toMatchObject({ appId: APP.appId, hubId: APP.portalId, expiresIn: 1800 });

    const { headers } = await bare(account, 'GET /crm/v3/objects/contacts', undefined, accessToken);
    expect(headers.get('x-hubspot-ratelimit-daily')).toBeNull();

    now += 1_807_000;
    const expired = await bare(account, 'GET /crm/v3/objects/contacts', undefined, accessToken);
    const { correlationId: _, ...documented } = examples.responses.error401;
    expect(expired).toMatchObject({ status: 401, json: documented });
    const renewed = await grant();
    expect((await connect(account, renewed.accessToken).crm.contacts.basicApi.getPage()).results).toEqual([]);
  });

  it('refuses a wrong client, code or refresh token', async () => {
    const account = await startAccount();
    const { tokensApi } = connect(account).oauth;
    const { clientId, clientSecret } = APP;
    const codes = [
      await refusalOf(tokensApi.create('refresh_token', undefined, undefined, clientId, 'wrong', 'refresh-0001')),
      await refusalOf(tokensApi.create('refresh_token', undefined, undefined, clientId, clientSecret, 'wrong')),
      await refusalOf(tokensApi.create('authorization_code', 'wrong', undefined, clientId, clientSecret)),
    ];
    expect(codes.map(({ body }) => body.status)).toEqual(['BAD_CLIENT_SECRET', 'BAD_REFRESH_TOKEN', 'BAD_AUTH_CODE']);
    const granted = await tokensApi.create('authorization_code', account.issueCode(), undefined, clientId, clientSecret);
    expect(granted.refreshToken).toBe('refresh-0001');
  });

  it('refuses unknown and revoked tokens, and calls beyond a token’s scopes', async () => {
    const account = await startAccount();
    expect(await refusalOf(connect(account, 'wrong').crm.contacts.basicApi.getPage())).toMatchObject({
      code: 401,
      body: { category: 'INVALID_AUTHENTICATION' },
    });
    const reader = connect(account, account.issueToken({ scopes: ['crm.objects.contacts.read'] })).crm;
    expect((await reader.contacts.basicApi.getPage()).results).toEqual([]);
    const refused = await refusalOf(reader.contacts.basicApi.create({ properties: { firstname: 'Ada' } }));
    expect(refused).toMatchObject({ code: 403, body: { category: 'MISSING_SCOPES' } });
    expect(refused.body.errors).toMatchObject([{ context: { requiredGranularScopes: ['crm.objects.contacts.write'] } }]);

    account.revokeTokens();
    expect((await refusalOf(connect(account).crm.contacts.basicApi.getPage())).code).toBe(401);
    account.reinstateTokens();
    expect((await connect(account).crm.contacts.basicApi.getPage()).results).toEqual([]);
  });
});

describe('rate limits', () => {
  it('refuses a burst per app and lets it go on when the window has rolled', async () => {
    let now = 1_767_225_600_000;
    const account = await startAccount({ clock: () => now, behaviour: { burstMax: 3 } });
    const call = (token = TOKEN) => bare(account, 'GET /crm/v3/objects/contacts', undefined, token);
    const first = await call();
    expect(Object.fromEntries(first.headers)).toMatchObject({
      'x-hubspot-ratelimit-max': '3',
      'x-hubspot-ratelimit-remaining': '2',
      'x-hubspot-ratelimit-interval-milliseconds': '10000',
      'x-hubspot-ratelimit-daily': '625000',
      'x-hubspot-ratelimit-daily-remaining': '624999',
    });
    await call();
    await call();
    const { correlationId: _, ...documented } = examples.responses.error429burst;
    const refused = await call();
    expect(refused).toMatchObject({ status: 429, json: documented });
    expect(refused.headers.get('retry-after')).toBeNull();
    expect((await call(account.issueToken({ appId: 2 }))).status).toBe(200);
    now += 10_000;
    expect((await call()).status).toBe(200);
  });

  it('counts searches apart, five a second, without headers', async () => {
    let now = 1_767_225_600_000;
    const account = await startAccount({ clock: () => now, behaviour: { burstMax: 1 } });
    const search = () => bare(account, 'POST /crm/v3/objects/contacts/search', {});
    for (let nth = 1; nth <= 5; nth += 1) {
      const { status, headers } = await search();
      expect(status).toBe(200);
      expect(headers.get('x-hubspot-ratelimit-max')).toBeNull();
    }
    const { correlationId: _, ...documented } = examples.responses.error429search;
    expect(await search()).toMatchObject({ status: 429, json: documented });
    now += 1000;
    expect((await search()).status).toBe(200);
    expect((await bare(account, 'GET /crm/v3/objects/contacts')).status).toBe(200);
  });

  it('refuses by the day until midnight', async () => {
    let now = Date.parse('2026-01-01T23:59:00Z');
    const account = await startAccount({ clock: () => now, behaviour: { dailyMax: 1 } });
    const call = () => bare(account, 'GET /crm/v3/objects/contacts');
    expect((await call()).status).toBe(200);
    expect(await call()).toMatchObject({ status: 429, json: { policyName: 'DAILY' } });
    now += 60_000;
    expect((await call()).status).toBe(200);
  });

  it('shows a limit too high to reach when limits are off', async () => {
    const account = await startAccount({ settings: { limits: false }, behaviour: { burstMax: 1 } });
    await bare(account, 'GET /crm/v3/objects/contacts');
    const { status, headers } = await bare(account, 'GET /crm/v3/objects/contacts');
    expect([status, headers.get('x-hubspot-ratelimit-max')]).toEqual([200, '1000000']);
  });
});

describe('faults', () => {
  it('commits a create and then answers with an HTML page', async () => {
    const account = await startAccount();
    account.settings.faults = [
      { match: 'POST /crm/v3/objects/contacts', times: 1, kind: 'status', status: 502, afterEffect: true },
    ];
    const create = () => bare(account, 'POST /crm/v3/objects/contacts', { properties: { email: 'ada@example.com' } });
    const lost = await create();
    expect([lost.status, lost.headers.get('content-type')]).toEqual([502, 'text/html']);
    expect(account.objects('contacts')).toHaveLength(1);
    expect((await create()).status).toBe(409);
  });

  it('takes the effect of a call that is never answered, or whose connection breaks', async () => {
    const account = await startAccount();
    account.settings.faults = [
      { match: 'POST /crm', times: 1, kind: 'hang', afterEffect: true },
      { match: 'POST /crm', times: 1, kind: 'drop', afterEffect: true },
      { match: 'POST /crm', times: 1, kind: 'drop' },
    ];
    const post = (firstname: string) =>
      fetch(`${account.url}/crm/v3/objects/contacts`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}` },
        body: JSON.stringify({ properties: { firstname } }),
        signal: AbortSignal.timeout(200),
      });
    await expect(post('hung')).rejects.toThrow();
    await expect(post('dropped after')).rejects.toThrow();
    await expect(post('dropped before')).rejects.toThrow();
    expect(account.objects('contacts').map(({ values }) => values.firstname)).toEqual(['hung', 'dropped after']);
    expect(account.calls().byStatus).toEqual({ hang: 1, drop: 2 });
  });

  it.each([
    [423, null],
    [477, '3600'],
  ])('answers %d as documented', async (status, retryAfter) => {
    const account = await startAccount();
    account.settings.faults = [{ match: 'GET /', times: 1, kind: 'status', status }];
    const answer = await bare(account, 'GET /crm/v3/objects/contacts');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, retryAfter]);
    expect((await bare(account, 'GET /crm/v3/objects/contacts')).status).toBe(200);
  });
});

describe('the account as its owner sees it', () => {
  it('logs every write with its author, call and changed properties, and counts calls by endpoint', async () => {
    const account = await startAccount();
    const id = account.create('contacts', { firstname: 'Ada' }, 'Grace');
    await connect(account).crm.contacts.basicApi.update(id, { properties: { firstname: 'Augusta', jobtitle: '' } });
    account.remove('contacts', id, 'Grace');
    expect(account.writes()).toMatchObject([
      { seq: 1, kind: 'create', fields: { firstname: { from: null, to: 'Ada' } }, by: { kind: 'person', name: 'Grace' } },
      {
        seq: 2,
        kind: 'update',
        fields: { firstname: { from: 'Ada', to: 'Augusta' } },
        by: { kind: 'api', name: '660001' },
        call: 1,
      },
      { seq: 3, kind: 'delete', objectId: id },
    ]);
    expect(account.writes(2).map(({ seq }) => seq)).toEqual([3]);
    expect(account.calls()).toEqual({ total: 1, byEndpoint: { 'PATCH /crm/v3/objects/contacts/{id}': 1 }, byStatus: { 200: 1 } });
  });

  it('answers the control surface, HubSpot’s own acts included', async () => {
    const account = await startAccount();
    const act = (line: string, body?: unknown) => bare(account, line, body);
    const [primaryId, absorbedId] = account.load('contacts', numbered(2));
    expect(await act('PATCH /__sim/behaviour', { burstMax: 7 })).toMatchObject({ status: 200, json: { burstMax: 7 } });
    expect(account.behaviour.burstMax).toBe(7);
    expect((await act('POST /__sim/merge', { object: 'contacts', primaryId, absorbedId })).json).toHaveProperty('objectId');
    expect(await act('POST /__sim/edit', { object: 'contacts', objectId: '1', values: {} })).toMatchObject({ status: 400 });
    expect(account.calls().total).toBe(0);
  });

  it('goes on from a saved file as if nothing had happened', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'hubspot-account-'));
    try {
      const file = path.join(folder, 'hubspot.json');
      const before = await startAccount();
      expect(before.restoreFrom(file)).toBe(false);
      const [primary = '', absorbed = ''] = before.load('contacts', numbered(2));
      const survivor = before.merge('contacts', primary, absorbed);
      before.edit('contacts', survivor, { jobtitle: 'Analyst' });
      before.remove('contacts', before.create('contacts', { firstname: 'Gone' }));
      before.save(file);

      const after = await startAccount();
      expect(after.restoreFrom(file)).toBe(true);
      expect(after.objects('contacts')).toEqual(before.objects('contacts'));
      expect(after.writes()).toEqual(before.writes());
      const { crm } = connect(after);
      expect((await crm.contacts.basicApi.getById(absorbed)).id).toBe(survivor);
      expect((await crm.contacts.searchApi.doSearch({})).total).toBe(1);
      expect((await refusalOf(crm.contacts.basicApi.create({ properties: { email: 'p1@example.com' } }))).code).toBe(409);
      expect(Number(after.create('contacts', { firstname: 'Next' }))).toBeGreaterThan(Number(survivor) + 1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is empty after a reset, and never uses an id twice', async () => {
    const account = await startAccount();
    const first = account.create('contacts', { email: 'ada@example.com' });
    account.behaviour.burstMax = 1;
    account.settings.latencyMs = 5;
    account.reset();
    expect([account.objects('contacts'), account.writes(), account.settings.latencyMs, account.behaviour.burstMax]).toEqual([
      [],
      [],
      0,
      190,
    ]);
    expect(account.create('contacts', { email: 'ada@example.com' })).not.toBe(first);
    expect(account.writes().map(({ seq }) => seq)).toEqual([2]);
  });

  it('dates its answers by its own clock', async () => {
    const account = await startAccount({ clock: () => Date.parse('2026-06-15T10:00:00.900Z') });
    const { headers } = await bare(account, 'GET /crm/v3/objects/contacts');
    expect(headers.get('date')).toBe('Mon, 15 Jun 2026 10:00:00 GMT');
  });

  it('keeps 100,000 contacts at hand: updates and polls do not slow down with their number', async () => {
    const account = await startAccount({ settings: { limits: false } });
    const ids = account.load('contacts', numbered(100_000), Date.now() - 60_000);
    const { batchApi, searchApi } = connect(account).crm.contacts;
    const since = String(Date.now());
    const began = performance.now();
    for (let round = 0; round < 10; round += 1) {
      const inputs = ids
        .slice(round * 100, round * 100 + 100)
        .map((id) => ({ id, properties: { jobtitle: `Analyst ${round}` } }));
      await batchApi.update({ inputs });
      const { total } = await searchApi.doSearch({
        filterGroups: filtersSince(since),
        sorts: ['lastmodifieddate'],
        limit: 200,
      });
      expect(total).toBe((round + 1) * 100);
    }
    // Generous for a busy machine: a scan or a sort of everything per call would take many times as long.
    expect(performance.now() - began).toBeLessThan(4000);
  });
});

function filtersSince(since: string) {
  return [{ filters: [{ propertyName: 'lastmodifieddate', operator: FilterOperatorEnum.Gte, value: since }] }];
}
