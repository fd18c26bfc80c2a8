import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { movableClock } from '../../local/aws/clock.ts';
import { remoteSimulator } from '../../local/simulators/remote.ts';
import { id18, mintId } from '../../local/simulators/salesforce/record-id.ts';
import { API, CLIENT, call, connect, query, startOrg } from './salesforce-org.ts';

const fixtures = path.join(import.meta.dirname, '../fixtures/salesforce');
const fixture = (name: string): unknown => JSON.parse(readFileSync(path.join(fixtures, name), 'utf8'));
const documentedAnswers = z.record(z.string(), z.unknown()).parse(fixture('rest-responses.json'));
const documented = (name: string) => z.object({ status: z.int(), body: z.unknown() }).parse(documentedAnswers[name]);

const idBody = z.object({ id: z.string() });
const MINUTE_MS = 60_000;

describe('record ids', () => {
  it('get the check characters that real ids have', () => {
    for (const id of ['003ak000003dQCGAA2', '001ak00000OKNPHAA5', '005ak00000EpjsfAAB', '0015f00002J9YYEAA3']) {
      expect(id18(id.slice(0, 15))).toBe(id);
      expect(id18(id)).toBe(id);
    }
    expect(id18('003ak000003dQCGAA3')).toBeUndefined();
    expect(mintId('003', 1)).toBe('003Sim000000001IAA');
  });
});

describe('tokens', () => {
  it('come by client credentials, act as the integration user and name no expiry', async () => {
    const simulator = await startOrg();
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: CLIENT.clientId,
      client_secret: CLIENT.clientSecret,
    });
    const response = await fetch(`${simulator.url}/services/oauth2/token`, { method: 'POST', body: form });
    const body = z.record(z.string(), z.string()).parse(await response.json());
    expect(Object.keys(body).toSorted()).toEqual(
      Object.keys(z.object({}).loose().parse(documented('oauth-token-200').body)).toSorted(),
    );
    expect(body.id).toBe(`${simulator.url}/id/${simulator.organizationId}/${simulator.integrationUserId}`);

    const wrong = new URLSearchParams({ grant_type: 'client_credentials', client_id: CLIENT.clientId, client_secret: 'no' });
    const refused = await fetch(`${simulator.url}/services/oauth2/token`, { method: 'POST', body: wrong });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: 'invalid_client' });
  });

  it('come by a signed assertion, whose every claim is checked', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const simulator = await startOrg({ credentials: { ...CLIENT, publicKey: pem } });
    const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
    const claims = {
      iss: CLIENT.clientId,
      sub: CLIENT.username,
      aud: 'https://login.salesforce.com',
      exp: Math.floor(Date.now() / 1000) + 120,
    };
    const ask = async (changed: object, alg = 'RS256') => {
      const signed = `${encode({ alg })}.${encode({ ...claims, ...changed })}`;
      const assertion = `${signed}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`;
      const body = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion });
      const response = await fetch(`${simulator.url}/services/oauth2/token`, { method: 'POST', body });
      return { status: response.status, body: await response.json() };
    };
    expect((await ask({})).status).toBe(200);
    expect(await ask({ aud: 'https://example.test' })).toEqual(documented('oauth-jwt-audience-400'));
    expect(await ask({ exp: claims.exp - 600 })).toEqual(documented('oauth-jwt-expired-400'));
    expect(await ask({ exp: Date.now() + 120_000 })).toEqual(documented('oauth-jwt-expired-400')); // ms are no seconds
    expect(await ask({ sub: 'somebody@example.test' })).toEqual(documented('oauth-not-approved-400'));
    expect((await ask({ iss: 'another app' })).body).toMatchObject({ error: 'invalid_client_id' });
    expect((await ask({}, 'ES256')).status).toBe(400);
  });

  it('expire when unused and can be revoked; then calls answer 401 as documented', async () => {
    const clock = movableClock();
    const simulator = await startOrg({ clock });
    const token = simulator.issueToken();
    clock.advance(simulator.orgSettings.sessionMs - MINUTE_MS);
    expect((await call(simulator, 'GET', `${API}/limits`, { token })).status).toBe(200);
    clock.advance(simulator.orgSettings.sessionMs - MINUTE_MS); // its use had kept it alive
    expect((await call(simulator, 'GET', `${API}/limits`, { token })).status).toBe(200);
    clock.advance(simulator.orgSettings.sessionMs + MINUTE_MS);
    expect(await call(simulator, 'GET', `${API}/limits`, { token })).toMatchObject(documented('session-expired-401'));

    const connection = await connect(simulator, { refreshToken: () => simulator.issueToken() });
    simulator.revokeTokens();
    expect(await connection.limits()).toHaveProperty('DailyApiRequests'); // by the fresh token
    expect(simulator.calls().byStatus).toMatchObject({ 401: 2 });
  });
});

describe('jsforce on single rows', () => {
  it('creates, reads, updates and deletes', async () => {
    const simulator = await startOrg();
    const contacts = (await connect(simulator)).sobject('Contact');
    const created = await contacts.create({
      FirstName: 'Ada',
      LastName: 'Byron',
      Email: 'ada@example.test',
      MailingCity: 'London',
    });
    expect(created).toMatchObject({ success: true, errors: [] });
    const id = created.id ?? '';
    expect(id).toMatch(/^003Sim[0-9A-Za-z]{9}[A-Z0-5]{3}$/);

    expect(await contacts.retrieve(id.slice(0, 15))).toMatchObject({
      Id: id,
      Name: 'Ada Byron',
      Phone: null,
      IsDeleted: false,
      LastModifiedById: simulator.integrationUserId,
      MailingAddress: { city: 'London', street: null },
      SystemModstamp: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.000\+0000$/),
    });

    expect(await contacts.update({ Id: id, LastName: 'Lovelace', MailingCity: '' })).toMatchObject({ id, success: true });
    expect(await contacts.retrieve(id)).toMatchObject({ Name: 'Ada Lovelace', MailingCity: null, MailingAddress: null });

    expect(await contacts.destroy(id)).toMatchObject({ id, success: true });
    await expect(contacts.retrieve(id)).rejects.toMatchObject({ errorCode: 'ENTITY_IS_DELETED' });
    await expect(contacts.retrieve(mintId('003', 999))).rejects.toMatchObject({ errorCode: 'NOT_FOUND' });
  });

  it('upserts by external id: created, then updated, with the key URL-decoded', async () => {
    const simulator = await startOrg();
    const key = encodeURIComponent('a/b 1%#');
    const address = `${API}/sobjects/Contact/Concord_Id__c/${key}`;
    const created = await call(simulator, 'PATCH', address, { json: { LastName: 'Ray' } });
    const { id } = idBody.parse(created.body);
    expect(created).toMatchObject({ status: 201, body: { created: true, success: true, errors: [] } });
    expect(await call(simulator, 'PATCH', address, { json: { FirstName: 'Bob' } })).toMatchObject({
      status: 200,
      body: { id, created: false, success: true },
    });
    expect(simulator.object('Contact', id)?.values).toMatchObject({ Concord_Id__c: 'a/b 1%#', Name: 'Bob Ray' });
    expect((await call(simulator, 'PATCH', address.replace('67.0', '45.0'), { json: { FirstName: 'Rob' } })).status).toBe(204);
    expect(await call(simulator, 'PATCH', address, { json: { Concord_Id__c: 'x' } })).toMatchObject({ status: 400 });

    const connection = await connect(simulator);
    const again = await connection.sobject('Contact').upsert({ Concord_Id__c: 'plain', LastName: 'Ng' }, 'Concord_Id__c');
    expect(again).toMatchObject({ success: true, created: true });
  });

  it('answers 300 with the addresses when an external id that is not unique matches several', async () => {
    const simulator = await startOrg({
      customFields: { Contact: [{ name: 'Ext__c', label: 'Ext', type: 'string', length: 50, custom: true, externalId: true }] },
    });
    const ids = simulator.load('Contact', [
      { LastName: 'A', Ext__c: 'twin' },
      { LastName: 'B', Ext__c: 'TWIN' },
    ]);
    const answer = await call(simulator, 'PATCH', `${API}/sobjects/Contact/Ext__c/twin`, { json: { FirstName: 'x' } });
    expect(answer).toMatchObject({ status: 300, body: ids.map((id) => `${API}/sobjects/Contact/${id}`) });
  });

  it('guards single rows by If-Unmodified-Since, to the second', async () => {
    const clock = movableClock(Date.UTC(2026, 5, 15, 10));
    const simulator = await startOrg({ clock });
    const [id = ''] = simulator.load('Contact', [{ LastName: 'Ray' }]);
    const readAt = new Date(clock.now()).toUTCString();
    clock.advance(5000);
    simulator.edit('Contact', id, { FirstName: 'Bob' });
    const headers = { 'if-unmodified-since': readAt };
    const guarded = await call(simulator, 'PATCH', `${API}/sobjects/Contact/${id}`, { json: { FirstName: 'x' }, headers });
    expect(guarded.status).toBe(412);
    const since = { 'if-modified-since': new Date(clock.now()).toUTCString() };
    expect((await call(simulator, 'GET', `${API}/sobjects/Contact/${id}`, { headers: since })).status).toBe(304);
  });
});

describe('jsforce on collections', () => {
  it('creates in order, answering each row for itself', async () => {
    const simulator = await startOrg();
    const contacts = (await connect(simulator)).sobject('Contact');
    const results = await contacts.create([{ LastName: 'One' }, { FirstName: 'no last name' }, { LastName: 'Three' }]);
    expect(results.map((result) => result.success)).toEqual([true, false, true]);
    const [missing] = z.array(z.unknown()).parse(fixture('amp-labs-connectors/batch/create/contacts/partial-but-allOrNone.json'));
    expect(results[1]).toEqual(missing);
    expect(simulator.objects('Contact').map((object) => object.values.LastName)).toEqual(['One', 'Three']);
  });

  it('takes everything back with allOrNone, and tells cause and victims apart', async () => {
    const simulator = await startOrg();
    const contacts = (await connect(simulator)).sobject('Contact');
    const results = await contacts.create([{ FirstName: 'no last name' }, { LastName: 'Two' }], { allOrNone: true });
    expect(results).toEqual(fixture('amp-labs-connectors/batch/create/contacts/partial-but-allOrNone.json'));
    expect(simulator.objects('Contact')).toEqual([]);
    expect(simulator.writes()).toEqual([]);

    const ids = simulator.load('Contact', [{ LastName: 'A' }, { LastName: 'B' }]);
    const [Id = '', other = ''] = ids;
    const updates = [
      { Id, FirstName: 'x' },
      { Id: other, unknownField_LastName: 'y' },
    ];
    expect(await contacts.update(updates, { allOrNone: true })).toEqual(
      fixture('amp-labs-connectors/batch/update/contacts/partial-but-allOrNone.json'),
    );
    expect(simulator.object('Contact', Id)?.values.FirstName).toBeNull();
  });

  it('says for each update what is wrong with its row', async () => {
    const simulator = await startOrg();
    const [live = '', deleted = '', locked = ''] = simulator.load('Contact', [
      { LastName: 'A' },
      { LastName: 'B' },
      { LastName: 'C' },
    ]);
    simulator.remove('Contact', deleted);
    simulator.orgSettings.locks = [{ objectId: locked, times: 1 }];
    const contacts = (await connect(simulator)).sobject('Contact');
    const update = (fields: Record<string, unknown>) => ({ Id: live, ...fields });
    const results = await contacts.update([
      update({ Title: 'CTO' }),
      { Id: deleted, Title: 'x' },
      { Id: mintId('003', 999), Title: 'x' },
      { Id: locked, Title: 'x' },
      { Id: '003', Title: 'x' },
      update({ Email: 'not an address' }),
      update({ Title: 'x'.repeat(129) }),
      update({ Name: 'read only' }),
      update({ LastName: null }),
      update({ AccountId: mintId('005', 1) }),
    ]);
    expect(
      results.map((result) => result.errors.flatMap((error) => [error.errorCode ?? Object(error).statusCode, error.fields])),
    ).toEqual([
      [],
      ['ENTITY_IS_DELETED', []],
      ['INVALID_CROSS_REFERENCE_KEY', []],
      ['UNABLE_TO_LOCK_ROW', []],
      ['MALFORMED_ID', []],
      ['INVALID_EMAIL_ADDRESS', ['Email']],
      ['STRING_TOO_LONG', ['Title']],
      ['INVALID_FIELD_FOR_INSERT_UPDATE', ['Name']],
      ['REQUIRED_FIELD_MISSING', ['LastName']],
      ['MALFORMED_ID', ['AccountId']],
    ]);
    const unparsable = contacts.update([update({ Title: 'not written' }), update({ Birthdate: '2026-02-30' })]);
    await expect(unparsable).rejects.toMatchObject({ errorCode: 'JSON_PARSER_ERROR' });
    expect(simulator.object('Contact', live)?.values.Title).toBe('CTO');
    expect(await contacts.update([{ Id: locked, Title: 'x' }])).toMatchObject([{ success: true }]); // the lock was for once
  });

  it('upserts on the external id, each key once', async () => {
    const simulator = await startOrg();
    const [known = ''] = simulator.load('Contact', [{ LastName: 'Old', Concord_Id__c: 'k1' }]);
    const contacts = (await connect(simulator)).sobject('Contact');
    const rows = [
      { Concord_Id__c: 'k1', LastName: 'Changed' },
      { Concord_Id__c: 'k2', LastName: 'New' },
      { Concord_Id__c: 'k3', LastName: 'Twin' },
      { Concord_Id__c: 'k3', LastName: 'Twin' },
    ];
    const results = await contacts.upsert(rows, 'Concord_Id__c');
    expect(results).toMatchObject([
      { id: known, success: true, created: false },
      { success: true, created: true },
      { success: false, errors: [{ statusCode: 'DUPLICATE_VALUE' }] },
      { success: false, errors: [{ statusCode: 'DUPLICATE_VALUE' }] },
    ]);
    const taken = await call(simulator, 'POST', `${API}/sobjects/Contact`, { json: { LastName: 'x', Concord_Id__c: 'k1' } });
    expect(taken).toMatchObject({
      status: 400,
      body: [{ errorCode: 'DUPLICATE_VALUE', message: expect.stringContaining(known) }],
    });
  });

  it('keeps saying created:true of upserts that allOrNone took back', async () => {
    const simulator = await startOrg();
    const body = {
      allOrNone: true,
      records: [
        { attributes: { type: 'Contact' }, Concord_Id__c: 'k1', LastName: 'A' },
        { attributes: { type: 'Contact' }, Concord_Id__c: 'k2', LastName: 'B', OwnerId: 'INVALID_OWNER' },
      ],
    };
    const answer = await call(simulator, 'PATCH', `${API}/composite/sobjects/Contact/Concord_Id__c`, { json: body });
    expect(answer).toMatchObject(documented('collections-upsert-allornone-200'));
  });

  it('retrieves rows in the order asked for, with null for what is not there', async () => {
    const simulator = await startOrg();
    const [first = '', second = ''] = simulator.load('Contact', [{ LastName: 'A' }, { LastName: 'B' }]);
    simulator.remove('Contact', second);
    const asked = [mintId('003', 999), second, first];
    const connection = await connect(simulator);
    const found = await connection.sobject('Contact').retrieve(asked, { fields: ['LastName'] });
    expect(found).toMatchObject([null, null, { Id: first, LastName: 'A' }]);
    const byGet = await call(simulator, 'GET', `${API}/composite/sobjects/Contact?ids=${asked}&fields=LastName`);
    expect(byGet.body).toEqual(found);
  });

  it('deletes several, and refuses more rows than the API takes', async () => {
    const simulator = await startOrg();
    const ids = simulator.load('Contact', [{ LastName: 'A' }, { LastName: 'B' }]);
    const contacts = (await connect(simulator)).sobject('Contact');
    expect(await contacts.destroy(ids)).toEqual(ids.map((id) => ({ id, success: true, errors: [] })));
    expect(await contacts.destroy(ids)).toMatchObject(
      ids.map(() => ({ success: false, errors: [{ statusCode: 'ENTITY_IS_DELETED' }] })),
    );

    const rows = Array.from({ length: 201 }, () => ({ LastName: 'x' }));
    await expect(contacts.create(rows)).rejects.toMatchObject({ errorCode: 'LIMIT_EXCEEDED' });
    const empty = await call(simulator, 'POST', `${API}/composite/sobjects`, { json: { records: [] } });
    expect(empty).toMatchObject({ status: 400, body: fixture('amp-labs-connectors/batch/create/contacts/err-bad-request.json') });
  });
});

describe('listing', () => {
  it('pages through a query by nextRecordsUrl', async () => {
    const simulator = await startOrg();
    const ids = simulator.load(
      'Contact',
      Array.from({ length: 450 }, (_, i) => ({ LastName: `L${i}` })),
    );
    const connection = await connect(simulator);
    const headers = { 'Sforce-Query-Options': 'batchSize=200' };
    const first = await connection.request<{
      totalSize: number;
      done: boolean;
      nextRecordsUrl: string;
      records: { Id: string }[];
    }>({
      method: 'GET',
      url: `${API}/query?q=${encodeURIComponent('SELECT Id FROM Contact ORDER BY Id')}`,
      headers,
    });
    expect(first).toMatchObject({ totalSize: 450, done: false });
    const second = await connection.queryMore<{ Id: string }>(first.nextRecordsUrl);
    const third = await connection.queryMore<{ Id: string }>(second.nextRecordsUrl ?? '');
    expect(third.done).toBe(true);
    expect([...first.records, ...second.records, ...third.records].map((row) => row.Id)).toEqual(ids);
    await expect(connection.queryMore('01gSim00000009zzzz-200')).rejects.toMatchObject({ errorCode: 'INVALID_QUERY_LOCATOR' });

    const all = await connection.query('SELECT Id FROM Contact').run({ autoFetch: true, maxFetch: 1000 });
    expect(all.records).toHaveLength(450);
  });

  it('shows deleted and merged rows to queryAll only', async () => {
    const simulator = await startOrg();
    const [winner = '', loser = '', deleted = ''] = simulator.load('Contact', [
      { LastName: 'W' },
      { LastName: 'L' },
      { LastName: 'D' },
    ]);
    simulator.merge('Contact', winner, [loser], { Phone: '+1 555 0100' });
    simulator.remove('Contact', deleted);
    const connection = await connect(simulator);
    const soql = 'SELECT Id, IsDeleted, MasterRecordId FROM Contact ORDER BY Id';
    expect((await connection.query(soql)).records).toMatchObject([{ Id: winner, IsDeleted: false, MasterRecordId: null }]);
    expect((await connection.query(soql, { scanAll: true })).records).toMatchObject([
      { Id: winner, IsDeleted: false },
      { Id: loser, IsDeleted: true, MasterRecordId: winner },
      { Id: deleted, IsDeleted: true, MasterRecordId: null },
    ]);
    simulator.restore('Contact', deleted);
    expect((await connection.query(soql)).totalSize).toBe(2);
    simulator.remove('Contact', deleted);
    expect(simulator.emptyRecycleBin('Contact')).toBe(2);
    expect((await connection.query(soql, { scanAll: true })).totalSize).toBe(1);
  });

  it('lists updated and deleted rows of a window, up to before the oldest open transaction', async () => {
    const clock = movableClock(Date.UTC(2026, 5, 15, 10, 0, 30));
    const simulator = await startOrg({ clock });
    const contacts = (await connect(simulator)).sobject('Contact');
    const [a = '', b = '', c = ''] = simulator.load('Contact', [{ LastName: 'A' }, { LastName: 'B' }, { LastName: 'C' }]);
    clock.advance(10 * MINUTE_MS);
    simulator.edit('Contact', a, { FirstName: 'x' });
    simulator.remove('Contact', b);
    clock.advance(10 * MINUTE_MS);
    const start = new Date(Date.UTC(2026, 5, 15, 10, 5));
    const end = new Date(clock.now());
    expect(await contacts.updated(start, end)).toEqual({ ids: [a], latestDateCovered: '2026-06-15T10:20:00.000+0000' });
    expect(await contacts.deleted(start, end)).toEqual({
      deletedRecords: [{ id: b, deletedDate: '2026-06-15T10:10:30.000+0000' }],
      earliestDateAvailable: '2026-05-31T10:20:00.000+0000',
      latestDateCovered: '2026-06-15T10:20:00.000+0000',
    });

    const commit = simulator.beginEdit('Contact', c, { FirstName: 'late' });
    clock.advance(10 * MINUTE_MS);
    expect(await contacts.updated(start, new Date(clock.now()))).toMatchObject({
      latestDateCovered: '2026-06-15T10:20:00.000+0000',
    });
    commit();
    expect(await contacts.retrieve(c)).toMatchObject({ SystemModstamp: '2026-06-15T10:20:30.000+0000' }); // behind a cursor at 10:30
    expect(await contacts.updated(start, new Date(clock.now()))).toMatchObject({
      latestDateCovered: '2026-06-15T10:30:00.000+0000',
    });
    const tooOld = new Date(clock.now() - 31 * 86_400_000);
    await expect(contacts.updated(tooOld, end)).rejects.toMatchObject({ errorCode: 'INVALID_REPLICATION_DATE' });
  });

  it('describes objects and fields in the shape of real describes', async () => {
    const simulator = await startOrg({
      customFields: {
        Contact: [
          {
            name: 'Level__c',
            label: 'Level',
            type: 'picklist',
            length: 255,
            custom: true,
            picklist: ['A', 'B'],
            restricted: true,
          },
        ],
      },
    });
    const connection = await connect(simulator);
    const described = await connection.sobject('Contact').describe();
    const field = (name: string) => described.fields.find((candidate) => candidate.name === name);
    expect(field('Concord_Id__c')).toMatchObject({
      type: 'string',
      externalId: true,
      unique: true,
      custom: true,
      updateable: true,
    });
    expect(field('Email')).toMatchObject({ type: 'email', length: 80, idLookup: true, nillable: true });
    expect(field('Name')).toMatchObject({ updateable: false, createable: false });
    expect(field('MailingStreet')).toMatchObject({ compoundFieldName: 'MailingAddress' });
    expect(field('Level__c')?.picklistValues?.map((option) => option.value)).toEqual(['A', 'B']);
    expect(field('AccountId')).toMatchObject({ type: 'reference', referenceTo: ['Account'], relationshipName: 'Account' });

    const real = z
      .object({
        compositeResponse: z.array(z.object({ body: z.object({ fields: z.array(z.record(z.string(), z.unknown())) }) })),
      })
      .parse(fixture('amp-labs-connectors/metadata/read/custom-object-with-custom-fields.json'));
    const realMembers = Object.keys(real.compositeResponse[0]?.body.fields[0] ?? {});
    expect(Object.keys(field('Email') ?? {}).toSorted()).toEqual(realMembers.toSorted());

    const objects = await connection.describeGlobal();
    expect(objects.sobjects.map((object) => object.name)).toEqual(expect.arrayContaining(['Account', 'Contact', 'User']));
    const since = { 'if-modified-since': new Date(Date.now() + MINUTE_MS).toUTCString() };
    expect((await call(simulator, 'GET', `${API}/sobjects/Contact/describe`, { headers: since })).status).toBe(304);
  });
});

describe('what the org refuses', () => {
  it('wrong names, in the words of the recorded answers', async () => {
    const simulator = await startOrg();
    expect((await call(simulator, 'GET', `${API}/sobjects/Account/${mintId('001', 1)}?fields=AccountNumer`)).status).toBe(404);
    simulator.create('Account', { Name: 'Acme' });
    const unknownField = await call(simulator, 'GET', `${API}/sobjects/Account/${mintId('001', 1)}?fields=AccountNumer`);
    expect(unknownField).toMatchObject({ status: 400, body: fixture('amp-labs-connectors/unknown-field.json') });
    const unknownObject = await query(simulator, 'SELECT Id,Name,BillingCity,IsDeleted FROM Accout');
    expect(unknownObject).toMatchObject({ status: 400, body: fixture('amp-labs-connectors/unknown-object.json') });
    const id = simulator.create('Contact', { LastName: 'x' });
    const readOnly = await call(simulator, 'PATCH', `${API}/sobjects/Contact/${id}`, { json: { MasterRecordId: null } });
    expect(readOnly).toMatchObject({ status: 400, body: fixture('amp-labs-connectors/invalid-field-upsert.json') });
    simulator.remove('Contact', id);
    const deleted = await call(simulator, 'DELETE', `${API}/sobjects/Contact/${id}`);
    expect(deleted).toMatchObject({ status: 404, body: fixture('amp-labs-connectors/crm/delete/not-found.json') });
  });

  it('retired and unknown versions, unknown addresses, wrong methods and bodies', async () => {
    const simulator = await startOrg();
    const statusOf = async (method: string, address: string, options = {}) =>
      (await call(simulator, method, address, options)).status;
    expect(await statusOf('GET', '/services/data/v30.0/limits')).toBe(410);
    expect(await statusOf('GET', '/services/data/v46.0/limits')).toBe(200);
    expect(await statusOf('GET', '/services/data/v68.0/limits')).toBe(200);
    expect(await statusOf('GET', '/services/data/v69.0/limits')).toBe(404);
    expect(await statusOf('GET', `${API}/sobjects/Unknown__c/describe`)).toBe(404);
    expect(await statusOf('DELETE', `${API}/limits`)).toBe(405);
    expect(await statusOf('POST', `${API}/sobjects/Contact`, { headers: { 'content-type': 'text/plain' } })).toBe(415);
    expect(await statusOf('GET', `${API}/query?q=${'x'.repeat(17_000)}`)).toBe(414);
  });

  it('duplicates and broken rules when the org has such rules', async () => {
    const simulator = await startOrg({ orgSettings: { duplicateContacts: 'alert' } });
    const id = simulator.create('Contact', { LastName: 'Byron', Email: 'ada@example.test' });
    const twin = { json: { LastName: 'Lovelace', Email: 'Ada@Example.test' } };
    const shape = z.array(z.unknown()).parse(documented('create-duplicates-detected-400').body);
    const refused = await call(simulator, 'POST', `${API}/sobjects/Contact`, twin);
    expect(refused).toMatchObject({ status: 400, body: shape });
    expect(JSON.stringify(refused.body)).toContain(id);
    const allowed = { ...twin, headers: { 'sforce-duplicate-rule-header': 'allowSave=true; runAsCurrentUser=false' } };
    expect((await call(simulator, 'POST', `${API}/sobjects/Contact`, allowed)).status).toBe(201);

    simulator.orgSettings.validationRules = [{ object: 'Contact', field: 'Title', forbids: '^Boss$', message: 'No bosses here' }];
    const broken = await call(simulator, 'PATCH', `${API}/sobjects/Contact/${id}`, { json: { Title: 'Boss' } });
    expect(broken.body).toEqual([
      { message: 'No bosses here', errorCode: 'FIELD_CUSTOM_VALIDATION_EXCEPTION', fields: ['Title'] },
    ]);
    expect(() => simulator.edit('Contact', id, { Email: 'nonsense' })).toThrow(/Email/);
  });

  it('calls past the daily limit, which every answer counts', async () => {
    const clock = movableClock();
    const simulator = await startOrg({ clock, orgSettings: { dailyApiCalls: 3 } });
    const connection = await connect(simulator);
    await connection.limits();
    await connection.limits();
    expect(connection.limitInfo).toMatchObject({ apiUsage: { used: 2, limit: 3 } });
    await connection.limits();
    expect(await call(simulator, 'GET', `${API}/limits`)).toMatchObject({ ...documented('request-limit-403') });
    expect(simulator.calls().byStatus).toEqual({ 200: 3, 403: 1 });
    clock.advance(25 * 3_600_000);
    expect((await call(simulator, 'GET', `${API}/limits`)).headers.get('sforce-limit-info')).toBe('api-usage=1/3');
    simulator.settings.limits = false;
    for (let i = 0; i < 5; i += 1) expect((await call(simulator, 'GET', `${API}/limits`)).status).toBe(200);
  });
});

describe('faults', () => {
  it('take the place of an answer, before or after the effect', async () => {
    const simulator = await startOrg();
    const path_ = `${API}/composite/sobjects`;
    const write = { json: { records: [{ attributes: { type: 'Contact' }, LastName: 'Once' }] } };
    simulator.settings.faults = [
      { match: `POST ${path_}`, times: 1, kind: 'status', status: 503 },
      { match: `POST ${path_}`, times: 1, kind: 'drop', afterEffect: true },
    ];
    const unavailable = await call(simulator, 'POST', path_, write);
    expect(unavailable.status).toBe(503);
    expect(unavailable.body).toMatch(/^<html>/);
    expect(simulator.objects('Contact')).toHaveLength(0);
    await expect(call(simulator, 'POST', path_, write)).rejects.toThrow();
    expect(simulator.objects('Contact')).toHaveLength(1); // it had committed all the same
    expect(simulator.settings.faults).toEqual([]);

    simulator.settings.faults = [{ match: 'GET /services/data', times: 1, kind: 'hang' }];
    const hung = fetch(`${simulator.url}${API}/limits`, { signal: AbortSignal.timeout(100) });
    await expect(hung).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('make rows appear behind a poll that has passed their stamp', async () => {
    const simulator = await startOrg();
    const [id = ''] = simulator.load('Contact', [{ LastName: 'Ray' }], Date.now() - MINUTE_MS);
    simulator.orgSettings.commitLagMs = 1200;
    const writing = call(simulator, 'PATCH', `${API}/sobjects/Contact/${id}`, { json: { Title: 'late' } });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect(simulator.object('Contact', id)?.values.Title).toBeNull();
    const polledAtMs = Date.now();
    expect((await writing).status).toBe(204);
    expect(simulator.object('Contact', id)?.values.Title).toBe('late');
    expect(simulator.object('Contact', id)?.modifiedAtMs).toBeLessThan(polledAtMs - 1000 + 100);
  });
});

describe('the control surface', () => {
  it('drives an org in another process as a person would', async () => {
    const simulator = await startOrg();
    const remote = remoteSimulator(simulator.url);
    const watching = new AbortController();
    const seen = (async () => {
      const kinds: string[] = [];
      for await (const entry of remote.watchWrites(watching.signal)) if (kinds.push(entry.kind) === 4) return kinds;
      return kinds;
    })();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const id = await remote.create('Contact', { LastName: 'Ray' }, 'Bob Sales');
    await remote.edit('Contact', id, { Title: 'CTO' }, 'Bob Sales');
    await remote.remove('Contact', id);
    await remote.restore('Contact', id);
    expect(await seen).toEqual(['create', 'update', 'delete', 'restore']);
    expect(await remote.object('Contact', id)).toMatchObject({ deleted: false, values: { Title: 'CTO' } });
    expect((await remote.writes(1))[0]).toMatchObject({
      fields: { Title: { from: null, to: 'CTO' } },
      by: { kind: 'person', name: 'Bob Sales' },
    });
    await expect(remote.edit('Contact', id, { Email: 'nonsense' })).rejects.toThrow(/Email/);
    expect(await remote.changeSettings({ latencyMs: 5 })).toMatchObject({ latencyMs: 5 });
    await expect(remote.act('PATCH', 'settings', z.unknown(), { latency: 5 })).rejects.toThrow(/latency/);
    expect((await remote.load('Contact', [{ LastName: 'A' }, { LastName: 'B' }])).length).toBe(2);
    expect((await remote.calls()).total).toBe(0);
    await remote.reset();
    expect(await remote.objects('Contact')).toEqual([]);
    watching.abort();
  });

  it('refuses pages from elsewhere', async () => {
    const simulator = await startOrg();
    const foreign = await fetch(`${simulator.url}/__sim/writes`, { headers: { origin: 'https://evil.example' } });
    expect(foreign.status).toBe(403);
    const local = await fetch(`${simulator.url}/__sim/writes`, { headers: { origin: 'http://localhost:3000' } });
    expect(local.headers.get('access-control-allow-origin')).toBe('http://localhost:3000');
  });

  it('tells API writes from those of persons, in the log and in LastModifiedById', async () => {
    const simulator = await startOrg();
    const id = simulator.create('Contact', { LastName: 'Ray' }, 'Bob Sales');
    const by = z.object({ records: z.array(z.object({ LastModifiedById: z.string() })) });
    const lastModifier = async () =>
      by.parse((await query(simulator, 'SELECT LastModifiedById FROM Contact')).body).records[0]?.LastModifiedById;
    const bob = await lastModifier();
    expect(bob).not.toBe(simulator.integrationUserId);
    await call(simulator, 'PATCH', `${API}/sobjects/Contact/${id}`, { json: { Title: 'x' } });
    expect(await lastModifier()).toBe(simulator.integrationUserId);
    expect(simulator.writes().at(-1)).toMatchObject({ by: { kind: 'api', name: simulator.integrationUserId }, call: 2 });
    simulator.edit('Contact', id, { Title: 'y' }, 'Bob Sales');
    expect(await lastModifier()).toBe(bob);
  });

  it('saves the org to a file from which another resumes', async () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'salesforce-')), 'org.json');
    const first = await startOrg();
    const id = first.create('Contact', { LastName: 'Ray', Email: 'ray@example.test' });
    const gone = first.create('Contact', { LastName: 'Gone' });
    first.remove('Contact', gone);
    first.save(file);
    const second = await startOrg();
    expect(second.restoreFrom(`${file}.missing`)).toBe(false);
    expect(second.restoreFrom(file)).toBe(true);
    expect(second.objects('Contact')).toEqual(first.objects('Contact'));
    expect(second.writes()).toEqual(first.writes());
    expect(second.create('Contact', { LastName: 'Next' })).toBe(mintId('003', 3));
    const found = await query(second, "SELECT Id FROM Contact WHERE Email = 'RAY@example.test'");
    expect(found.body).toMatchObject({ totalSize: 1, records: [{ Id: id }] });
  });
});
