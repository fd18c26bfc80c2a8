import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { movableClock } from '../../local/aws/clock.ts';
import type { SalesforceOptions } from '../../local/simulators/salesforce/salesforce-simulator.ts';
import { API, call, connect, startOrg } from './salesforce-org.ts';

const SOURCE = 'aws.partner/salesforce.com/00DSim000000001MAA/0YLSim000000001OAA';
const DAY_MS = 86_400_000;

const headerSchema = z.looseObject({
  changeType: z.string(),
  changedFields: z.array(z.string()),
  recordIds: z.array(z.string()),
  sequenceNumber: z.int(),
  transactionKey: z.string(),
  changeOrigin: z.string(),
  commitUser: z.string(),
});
const payloadSchema = z.looseObject({ ChangeEventHeader: headerSchema });
const sampleSchema = z.object({ 'detail-type': z.string(), source: z.string(), detail: z.object({ payload: payloadSchema }) });
const putSchema = z.object({
  Entries: z
    .array(
      z.object({
        Time: z.number(),
        Source: z.string(),
        Resources: z.array(z.string()),
        DetailType: z.string(),
        Detail: z.string(),
      }),
    )
    .min(1)
    .max(20),
});
type Entry = z.infer<typeof putSchema>['Entries'][number];

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
const payloadOf = (entry: Entry) => z.object({ payload: payloadSchema }).parse(JSON.parse(entry.Detail)).payload;
const kindsOf = (entries: readonly Entry[]) => entries.map((entry) => payloadOf(entry).ChangeEventHeader.changeType);
const sample = (name: string): unknown =>
  JSON.parse(readFileSync(path.join(import.meta.dirname, '../fixtures/salesforce/eventbridge', name), 'utf8'));

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Listens like EventBridge, or like the receiver of outbound messages; `respond` may refuse. */
async function receiver(respond: (body: string, request: IncomingMessage) => { status: number; body: string }) {
  const server = createServer(async (request, response) => {
    const answer = respond(await text(request), request);
    response.writeHead(answer.status).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.closeAllConnections() ?? server.close());
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  return `http://127.0.0.1:${address.port}`;
}

async function relayedOrg(options: Partial<SalesforceOptions> = {}) {
  const entries: Entry[] = [];
  const batches: number[] = [];
  const headers: NodeJS.Dict<string | string[]>[] = [];
  const bus = { down: false, refuseNext: 0 };
  const endpoint = await receiver((body, request) => {
    if (bus.down) return { status: 503, body: 'down' };
    const put = putSchema.parse(JSON.parse(body));
    headers.push(request.headers);
    batches.push(put.Entries.length);
    const refused = put.Entries.splice(0, bus.refuseNext);
    bus.refuseNext = 0;
    entries.push(...put.Entries);
    const results = [...refused.map(() => ({ ErrorCode: 'InternalFailure' })), ...put.Entries.map(() => ({ EventId: 'x' }))];
    return { status: 200, body: JSON.stringify({ FailedEntryCount: refused.length, Entries: results }) };
  });
  const simulator = await startOrg({ events: { endpoint, source: SOURCE, accessKeyId: 'RELAYKEY' }, ...options });
  const settled = (count: number) => vi.waitFor(() => expect(entries).toHaveLength(count), { timeout: 5000, interval: 5 });
  return { simulator, entries, batches, headers, bus, settled };
}

describe('change events', () => {
  it('reach EventBridge by a signed PutPartnerEvents, their commit number a bare integer beyond 2^53', async () => {
    const { simulator, entries, headers, settled } = await relayedOrg();
    simulator.create('Contact', { LastName: 'Byron' });
    await settled(1);
    expect(headers[0]).toMatchObject({
      'x-amz-target': 'AWSEvents.PutPartnerEvents',
      authorization: expect.stringMatching(
        /^AWS4-HMAC-SHA256 Credential=RELAYKEY\/\d{8}\/us-east-1\/events\/aws4_request, SignedHeaders=/,
      ),
    });
    expect(entries[0]).toMatchObject({ Source: SOURCE, DetailType: 'ContactChangeEvent', Resources: [] });
    const [, number = '0'] = /"commitNumber":(\d+),/.exec(entries[0]?.Detail ?? '') ?? [];
    expect(BigInt(number)).toBeGreaterThan(2n ** 53n);
  });

  it('have the shape of the samples', async () => {
    const { simulator, entries, settled } = await relayedOrg({
      customFields: {
        Contact: [{ name: 'Interests__c', label: 'Interests', type: 'multipicklist', length: 4099, custom: true }],
      },
      clock: movableClock(Date.UTC(2026, 5, 15, 10)),
    });
    const [accountId = ''] = simulator.load('Account', [{ Name: 'Acme' }]);
    const id = simulator.create('Contact', {
      FirstName: 'Ada',
      LastName: 'Byron',
      AccountId: accountId,
      Email: 'ada@example.test',
      Phone: '1',
      MailingStreet: '1 Main St',
      MailingCity: 'London',
      MailingCountry: 'United Kingdom',
      Interests__c: 'Golf;Chess',
    });
    simulator.edit('Contact', id, { LastName: 'Lovelace', MailingStreet: '12 St James Sq' });
    simulator.edit('Contact', id, { Phone: null });
    const client = await connect(simulator, { client: 'crm-sync' });
    await client.sobject('Contact').update({ Id: id, Title: 'CTO' });
    simulator.remove('Contact', id);
    simulator.restore('Contact', id);
    simulator.emitGap('Contact', 'GAP_UPDATE', [id]);
    simulator.emitGap('Account', 'GAP_OVERFLOW', []);
    await settled(8);

    const samples = [
      '01-contact-create.json',
      '02-contact-update-compound.json',
      '03-contact-update-field-set-to-null.json',
      '05-contact-update-own-write-echo.json',
      '06-contact-delete.json',
      '07-contact-undelete.json',
      '08-contact-gap-update.json',
      '09-account-gap-overflow.json',
    ];
    for (const [i, name] of samples.entries()) {
      const { detail, source, 'detail-type': detailType } = sampleSchema.parse(sample(name));
      const entry = entries[i];
      if (!entry) throw new Error(`no event for ${name}`);
      const payload = payloadOf(entry);
      const { ChangeEventHeader: expected, ...expectedBody } = detail.payload;
      const { ChangeEventHeader: actual, ...actualBody } = payload;
      expect({ source: entry.Source, type: entry.DetailType }, name).toEqual({ source, type: detailType });
      expect(Object.keys(actual).toSorted(), name).toEqual(Object.keys(expected).toSorted());
      for (const member of ['changeType', 'changedFields', 'changeOrigin', 'entityName', 'sequenceNumber']) {
        expect(actual[member], `${name}: ${member}`).toEqual(expected[member]);
      }
      // Stamps and ids are the org's own; a CREATE or UNDELETE of ours may hold more fields than the sample's.
      const withoutOwn = (body: Record<string, unknown>) =>
        Object.fromEntries(Object.entries(body).map(([field, value]) => [field, /Id$|Date$/.test(field) ? typeof value : value]));
      if (actual.changeType === 'UNDELETE')
        expect(Object.keys(actualBody), name).toEqual(expect.arrayContaining(Object.keys(expectedBody)));
      else if (actual.changeType === 'CREATE') expect(withoutOwn(actualBody), name).toMatchObject(withoutOwn(expectedBody));
      else expect(withoutOwn(actualBody), name).toEqual(withoutOwn(expectedBody));
    }
  });

  it('tell one change to many rows in one event, and a transaction by its key', async () => {
    const { simulator, entries, settled } = await relayedOrg();
    const ids = simulator.load(
      'Contact',
      Array.from({ length: 150 }, (_, i) => ({ LastName: `L${i}` })),
    );
    const contacts = (await connect(simulator)).sobject('Contact');
    await contacts.update(ids.map((Id, i) => ({ Id, Title: i < 149 ? 'Same' : 'Other' })));
    await settled(2);
    const headers = entries.map((entry) => payloadOf(entry).ChangeEventHeader);
    expect(headers.map((header) => header.recordIds)).toEqual([ids.slice(0, 149), ids.slice(149)]);
    expect(headers.map((header) => header.sequenceNumber)).toEqual([1, 2]);
    expect(new Set(headers.map((header) => header.transactionKey)).size).toBe(1);
    expect(headers[0]).toMatchObject({ commitUser: simulator.integrationUserId, changeOrigin: 'com/salesforce/api/rest/67.0' });
  });

  it('show a merge as the winner’s update and the losers’ deletes', async () => {
    const { simulator, entries, settled } = await relayedOrg();
    const [winner = '', loser = '', child = ''] = simulator.load('Contact', [
      { LastName: 'W' },
      { LastName: 'L', Concord_Id__c: 'its-record' },
      { LastName: 'C' },
    ]);
    simulator.edit('Contact', child, { ReportsToId: loser });
    await settled(1);
    simulator.merge('Contact', winner, [loser], { Phone: '+1 555 0100' });
    await settled(4);
    const headers = entries.slice(1).map((entry) => payloadOf(entry).ChangeEventHeader);
    expect(headers.map(({ changeType, recordIds, sequenceNumber }) => [changeType, recordIds, sequenceNumber])).toEqual([
      ['UPDATE', [winner], 1],
      ['DELETE', [loser], 2],
      ['UPDATE', [child], 3],
    ]);
    expect(payloadOf(entries[2] ?? entries[0] ?? z.never().parse(0))).toMatchObject({ Concord_Id__c: 'its-record' }); // enriched
  });

  it('come also of writes that change nothing, and not of the system’s own', async () => {
    const { simulator, entries, settled } = await relayedOrg();
    const [id = ''] = simulator.load('Contact', [{ LastName: 'Same' }]);
    simulator.touch('Contact', id);
    simulator.edit('Contact', id, { LastName: 'Same' });
    await settled(1);
    expect(payloadOf(entries[0] ?? z.never().parse(0)).ChangeEventHeader.changedFields).toEqual(['LastModifiedDate']);
    expect(simulator.writes()).toMatchObject([{ kind: 'update', fields: {} }]);
  });
});

describe('the relay', () => {
  it('sends up to 20 events in one request, in order', async () => {
    const { simulator, entries, batches, settled } = await relayedOrg();
    simulator.setRelay('PAUSE');
    for (let i = 0; i < 45; i += 1) simulator.create('Contact', { LastName: `L${i}` });
    expect(simulator.pendingNotifications()).toBe(45);
    simulator.setRelay('RUN');
    await settled(45);
    expect(batches).toEqual([20, 20, 5]);
    expect(entries.map((entry) => Object(payloadOf(entry).Name).LastName)).toEqual(Array.from({ length: 45 }, (_, i) => `L${i}`));
    await vi.waitFor(() => expect(simulator.pendingNotifications()).toBe(0));
  });

  it('repeats what EventBridge did not take', async () => {
    const { simulator, entries, bus, settled } = await relayedOrg();
    bus.down = true;
    simulator.create('Contact', { LastName: 'Patient' });
    await vi.waitFor(() => expect(simulator.relay().error).toBe('ENDPOINT_UNREACHABLE'));
    expect(simulator.pendingNotifications()).toBe(1);
    bus.down = false;
    await settled(1);

    simulator.setRelay('PAUSE');
    for (const LastName of ['A', 'B', 'C']) simulator.create('Contact', { LastName });
    bus.refuseNext = 2;
    simulator.setRelay('RUN');
    await settled(4);
    expect(entries.slice(1).map((entry) => Object(payloadOf(entry).Name).LastName)).toEqual(['C', 'A', 'B']);
  });

  it('forgets its place on STOP: LATEST goes on with what is new, EARLIEST repeats what the bus remembers', async () => {
    const { simulator, entries, settled } = await relayedOrg();
    const id = simulator.create('Contact', { LastName: 'A' });
    await settled(1);
    simulator.setRelay('STOP');
    simulator.edit('Contact', id, { Title: 'missed' });
    simulator.setRelay('RUN');
    simulator.remove('Contact', id);
    await settled(2);
    expect(kindsOf(entries)).toEqual(['CREATE', 'DELETE']);
    expect(simulator.relay()).toMatchObject({ skipped: 1 });

    simulator.orgSettings.replayRecovery = 'EARLIEST';
    simulator.setRelay('STOP');
    simulator.setRelay('RUN');
    await settled(5);
    expect(kindsOf(entries.slice(2))).toEqual(['CREATE', 'UPDATE', 'DELETE']);
  });

  it('delivers no more once the daily allocation is spent, until the day turns', async () => {
    const clock = movableClock(Date.UTC(2026, 5, 15, 10));
    const { simulator, entries, settled } = await relayedOrg({ clock, orgSettings: { dailyEventDeliveries: 2 } });
    for (const LastName of ['A', 'B', 'C', 'D']) simulator.create('Contact', { LastName });
    await settled(2);
    await vi.waitFor(() =>
      expect(simulator.relay()).toMatchObject({ error: 'DAILY_ALLOCATION_SPENT', deliveredToday: 2, allocation: 2, skipped: 2 }),
    );
    const limits = await (await connect(simulator)).limits();
    expect(limits.DailyDeliveredPlatformEvents).toEqual({ Max: 2, Remaining: 0 });
    expect(simulator.pendingNotifications()).toBe(0);
    clock.advance(DAY_MS);
    simulator.create('Contact', { LastName: 'E' });
    await settled(3);
    expect(Object(payloadOf(entries[2] ?? z.never().parse(0)).Name).LastName).toBe('E');

    simulator.create('Contact', { LastName: 'F' });
    simulator.create('Contact', { LastName: 'G' });
    await vi.waitFor(() => expect(simulator.relay().error).toBe('DAILY_ALLOCATION_SPENT'));
    simulator.orgSettings.replayRecovery = 'EARLIEST';
    simulator.orgSettings.dailyEventDeliveries = 100;
    clock.advance(DAY_MS);
    await settled(4 + 7); // A to G once more
  });

  it('loses, doubles, holds and shuffles as it is told', async () => {
    const { simulator, entries, settled } = await relayedOrg();
    simulator.settings.dropNotifications = 1;
    simulator.create('Contact', { LastName: 'lost' });
    simulator.settings.dropNotifications = 0;
    simulator.settings.notificationCopies = 2;
    simulator.create('Contact', { LastName: 'twice' });
    await settled(2);
    await vi.waitFor(() => expect(simulator.pendingNotifications()).toBe(0)); // EventBridge has them; its answer is on the way
    simulator.settings.notificationCopies = 1;

    simulator.settings.holdNotifications = true;
    const names = ['1', '2', '3'];
    for (const LastName of names) simulator.create('Contact', { LastName });
    expect(simulator.pendingNotifications()).toBe(3);
    simulator.releaseNotifications('reverse');
    await settled(5);
    expect(entries.slice(2).map((entry) => Object(payloadOf(entry).Name).LastName)).toEqual(['3', '2', '1']);
    simulator.create('Contact', { LastName: 'held and lost' });
    simulator.releaseNotifications('drop');
    simulator.settings.holdNotifications = false;

    simulator.settings.shuffleNotificationsMs = 20;
    const many = Array.from({ length: 12 }, (_, i) => `S${i}`);
    for (const LastName of many) simulator.create('Contact', { LastName });
    await settled(17);
    const shuffled = entries.slice(5).map((entry) => Object(payloadOf(entry).Name).LastName);
    expect(shuffled).not.toEqual(many);
    expect(shuffled.toSorted()).toEqual(many.toSorted());
  });

  it('takes what it had not delivered into a snapshot and out of it', async () => {
    const { simulator, settled } = await relayedOrg();
    simulator.setRelay('PAUSE');
    simulator.create('Contact', { LastName: 'waiting' });
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'salesforce-')), 'org.json');
    simulator.save(file);
    simulator.reset();
    expect(simulator.pendingNotifications()).toBe(0);
    expect(simulator.restoreFrom(file)).toBe(true);
    await settled(1);
  });
});

describe('outbound messages', () => {
  const ack = (value: boolean) => ({
    status: 200,
    body: readFileSync(path.join(import.meta.dirname, `../fixtures/salesforce/outbound/ack-${value}.xml`), 'utf8'),
  });

  it('push the latest data of saved rows, up to 100 together, until they are acknowledged', async () => {
    const bodies: string[] = [];
    const url = await receiver((body) => {
      bodies.push(body);
      return ack(bodies.length > 1);
    });
    const simulator = await startOrg({ outbound: { url, retryMinMs: 20 } });
    const id = simulator.create('Contact', { LastName: "O'Lovelace & Co", Email: 'ada@example.test' });
    simulator.edit('Contact', id, { FirstName: 'Ada' });
    for (let i = 0; i < 120; i += 1) simulator.create('Contact', { LastName: `L${i}` });
    simulator.remove('Contact', id);
    await vi.waitFor(() => expect(simulator.pendingNotifications()).toBe(0), { timeout: 5000 });
    const [refused = '', repeated = ''] = bodies;
    const idsOf = (body: string) => [...body.matchAll(/<Id>(04l\w+)<\/Id>/g)].map(([, notificationId]) => notificationId);
    expect(idsOf(repeated).slice(0, idsOf(refused).length)).toEqual(idsOf(refused));
    expect(Math.max(...bodies.map((body) => idsOf(body).length))).toBe(100);
    expect(new Set(bodies.flatMap(idsOf)).size).toBe(122);
    expect(repeated).toContain('<SessionId xsi:nil="true"/>');
    expect(repeated).toContain(`<OrganizationId>${simulator.organizationId}</OrganizationId>`);
    expect(repeated).not.toContain('Lovelace'); // deleted before it was sent: no data
    const elements = (body: string) => new Set([...body.matchAll(/<([\w:]+)/g)].map(([, name]) => name));
    const sent = readFileSync(
      path.join(import.meta.dirname, '../fixtures/salesforce/outbound/notifications-two-contacts.xml'),
      'utf8',
    );
    for (const name of elements(repeated)) expect(elements(sent)).toContain(name);
  });
});

describe('call options', () => {
  it('show in changeOrigin for single rows; for collections only where the org is set so', async () => {
    const { simulator, entries, settled } = await relayedOrg();
    const [id = ''] = simulator.load('Contact', [{ LastName: 'Ray' }]);
    const client = await connect(simulator, { client: 'crm-sync' });
    await client.sobject('Contact').update({ Id: id, Title: '1' });
    await client.sobject('Contact').update([{ Id: id, Title: '2' }]);
    simulator.orgSettings.callOptionsOnCollections = true;
    await client.sobject('Contact').update([{ Id: id, Title: '3' }]);
    await settled(3);
    expect(entries.map((entry) => payloadOf(entry).ChangeEventHeader.changeOrigin)).toEqual([
      'com/salesforce/api/rest/67.0;client=crm-sync',
      'com/salesforce/api/rest/67.0',
      'com/salesforce/api/rest/67.0;client=crm-sync',
    ]);
    expect((await call(simulator, 'GET', `${API}/limits`)).status).toBe(200);
  });
});
