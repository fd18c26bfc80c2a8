import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { RemoteSimulator } from '../../local/simulators/remote.ts';
import type { ApiFault } from '../../local/simulators/simulator.ts';
import { claims, letSomeTimePass } from './passing-time.ts';
import { doubledCreates, echoWrites, ourWrites, type Pair, type RunningTemplate, startTemplate } from './running-template.ts';

const HUBSPOT_CONTACTS = '/crm/v3/objects/contacts';
const SALESFORCE_DATA = '/services/data/v67.0';
const HTML = '<html><body>Down for maintenance</body></html>';
const json = { 'content-type': 'application/json' };

let template: RunningTemplate;

beforeAll(async () => {
  template = await startTemplate(33);
}, 90_000);

afterAll(() => template?.stop());

async function edit(pair: Pair, system: 'salesforce' | 'hubspot', value: string): Promise<void> {
  if (system === 'salesforce') await template.salesforce.edit('Contact', pair.salesforceId, { Title: value }, 'ada');
  else await template.hubspot.edit('contacts', pair.hubspotId, { jobtitle: value }, 'grace');
}

async function struck(crm: RemoteSimulator): Promise<boolean> {
  return (await crm.settings()).faults.length === 0;
}

type Trouble = Omit<ApiFault, 'times'> & { readonly what: string; readonly times?: number };

describe('an edit arrives once, and in one write, though Salesforce', () => {
  const read = `POST ${SALESFORCE_DATA}/composite/sobjects/Contact`;
  const update = `PATCH ${SALESFORCE_DATA}/composite/sobjects`;
  it.each<Trouble>([
    {
      what: 'lets the session expire',
      match: read,
      kind: 'status',
      status: 401,
      headers: json,
      body: '[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]',
    },
    {
      what: 'lets the session expire just before the write',
      match: update,
      kind: 'status',
      status: 401,
      headers: json,
      body: '[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]',
    },
    { what: 'refuses the integration user for a while', match: read, kind: 'status', status: 403 },
    {
      what: 'has too many calls at once',
      match: update,
      kind: 'status',
      status: 403,
      headers: { ...json, 'retry-after': '1' },
      body: '[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"ConcurrentRequests Limit exceeded."}]',
    },
    { what: 'answers 503 to the read', match: read, kind: 'status', status: 503 },
    { what: 'shows a maintenance page with status 200', match: read, kind: 'status', status: 200, body: HTML },
    { what: 'drops the connection of the read', match: read, kind: 'drop' },
  ])('$what', async ({ what: _, times = 1, ...fault }) => {
    const pair = template.pair();
    await template.salesforce.changeSettings({ faults: [{ ...fault, times }] });
    await edit(pair, 'hubspot', 'Arrived');
    await template.concord.untilQuiet(25_000);

    expect(await struck(template.salesforce)).toBe(true);
    expect((await template.both(pair)).salesforce.Title).toBe('Arrived');
    expect(await ourWrites(template.salesforce, pair.salesforceId)).toHaveLength(1);
  });

  it('has somebody else hold the row', async () => {
    const pair = template.pair();
    const locks = [{ objectId: pair.salesforceId, times: 1 }];
    await template.salesforce.act('PATCH', 'salesforce/settings', z.looseObject({}), { locks });
    await edit(pair, 'hubspot', 'Arrived');
    await template.concord.untilQuiet(25_000);

    expect((await template.both(pair)).salesforce.Title).toBe('Arrived');
    expect(await ourWrites(template.salesforce, pair.salesforceId)).toHaveLength(1);
  });
});

describe('an edit arrives once, and in one write, though HubSpot', () => {
  const read = `POST ${HUBSPOT_CONTACTS}/batch/read`;
  const update = `POST ${HUBSPOT_CONTACTS}/batch/update`;
  it.each<Trouble>([
    { what: 'refuses the token once', match: read, kind: 'status', status: 401 },
    { what: 'misses a scope for a while', match: read, kind: 'status', status: 403 },
    {
      what: 'limits the rate of reads',
      match: read,
      kind: 'status',
      status: 429,
      headers: { ...json, 'retry-after': '1' },
      body: '{"status":"error","policyName":"TEN_SECONDLY_ROLLING","errorType":"RATE_LIMIT","message":"slow down"}',
    },
    {
      what: 'limits the rate of writes',
      match: update,
      kind: 'status',
      status: 429,
      headers: { ...json, 'retry-after': '1' },
      body: '{"status":"error","policyName":"TEN_SECONDLY_ROLLING","errorType":"RATE_LIMIT","message":"slow down"}',
    },
    { what: 'holds the record locked', match: update, kind: 'status', status: 423 },
    { what: 'answers 500 to two reads', match: read, kind: 'status', status: 500, times: 2 },
    { what: 'shows a maintenance page with status 200', match: read, kind: 'status', status: 200, body: HTML },
    { what: 'drops the connection of the read', match: read, kind: 'drop' },
  ])('$what', async ({ what: _, times = 1, ...fault }) => {
    const pair = template.pair();
    await template.hubspot.changeSettings({ faults: [{ ...fault, times }] });
    await edit(pair, 'salesforce', 'Arrived');
    await template.concord.untilQuiet(25_000);

    expect(await struck(template.hubspot)).toBe(true);
    expect((await template.both(pair)).hubspot.jobtitle).toBe('Arrived');
    expect(await ourWrites(template.hubspot, pair.hubspotId)).toHaveLength(1);
  });

  it('never answers a read: meanwhile other contacts travel', async () => {
    const [stuck, other] = [template.pair(), template.pair()];
    await template.hubspot.changeSettings({ faults: [{ match: read, kind: 'hang', times: 1 }] });
    await edit(stuck, 'salesforce', 'Arrived');
    await expect.poll(() => struck(template.hubspot), { timeout: 10_000 }).toBe(true);
    const beganAtMs = Date.now();
    await edit(other, 'salesforce', 'Unaffected');
    await expect.poll(async () => (await template.both(other)).hubspot.jobtitle, { timeout: 10_000 }).toBe('Unaffected');
    expect(Date.now() - beganAtMs).toBeLessThan(10_000);
    expect((await template.both(stuck)).hubspot.jobtitle).toBe('Analyst');
    await template.concord.untilQuiet(40_000);

    expect((await template.both(stuck)).hubspot.jobtitle).toBe('Arrived');
    expect(await ourWrites(template.hubspot, stuck.hubspotId)).toHaveLength(1);
  }, 60_000);
});

describe('a write whose outcome is not known', () => {
  /** The write keeps its claim, for only the end of its lease makes sure that it cannot land any more. */
  const untilClaimed = (claim: string) => expect.poll(() => claims(template.environment), { timeout: 10_000 }).toContain(claim);

  it.each([
    { what: 'went through before the connection broke', afterEffect: true, kind: 'drop' as const },
    { what: 'went through before a 502', afterEffect: true, kind: 'status' as const, status: 502 },
    { what: 'did not go through', afterEffect: false, kind: 'status' as const, status: 500 },
  ])('and $what is made sure of by a read, and stands once', async ({ what: _, ...fault }) => {
    const pair = template.pair();
    await template.hubspot.changeSettings({
      faults: [{ match: `POST ${HUBSPOT_CONTACTS}/batch/update`, times: 1, ...fault }],
    });
    await edit(pair, 'salesforce', 'Arrived');
    await untilClaimed(`hubspot:${pair.hubspotId}`);
    await expect.poll(() => struck(template.hubspot)).toBe(true);
    await edit(pair, 'salesforce', 'And edited again');
    await expect.poll(async () => (await template.concord.stats()).undelivered.records).toBe(1);
    await letSomeTimePass(template.environment);
    await template.concord.untilQuiet(25_000);

    expect((await template.both(pair)).hubspot.jobtitle).toBe('And edited again');
    const written = (await ourWrites(template.hubspot, pair.hubspotId)).map((write) => write.fields.jobtitle?.to);
    expect(written).toEqual(fault.afterEffect ? ['Arrived', 'And edited again'] : ['And edited again']);
    expect(await claims(template.environment)).toEqual([]);
  });

  it.each([
    { what: 'was made in HubSpot before the connection broke', afterEffect: true },
    { what: 'was not made in HubSpot', afterEffect: false },
  ])('of a contact that $what, gives one contact', async ({ afterEffect }) => {
    const email = `ambiguous-${afterEffect}@example.test`;
    await template.hubspot.changeSettings({
      faults: [{ match: `POST ${HUBSPOT_CONTACTS}/batch/upsert`, times: 1, kind: 'drop', afterEffect }],
    });
    const salesforceId = await template.salesforce.create('Contact', { LastName: 'Ambiguous', Email: email }, 'ada');
    await untilClaimed('hubspot:creating');
    await expect.poll(() => struck(template.hubspot)).toBe(true);
    await letSomeTimePass(template.environment);
    await template.concord.untilQuiet(25_000);

    const made = (await template.hubspot.objects('contacts')).filter((object) => object.values.email === email);
    expect(made).toHaveLength(1);
    const found = await template.concord.record(`salesforce:${salesforceId}`);
    expect(found?.record.links.hubspot?.objectId).toBe(made[0]?.objectId);
  });

  it('of a contact that was made in Salesforce before the connection broke, gives one contact', async () => {
    await template.salesforce.changeSettings({
      faults: [{ match: `PATCH ${SALESFORCE_DATA}/composite/sobjects/Contact`, times: 1, kind: 'drop', afterEffect: true }],
    });
    const hubspotId = await template.hubspot.create('contacts', { lastname: 'Ambiguous', email: 'there@example.test' }, 'grace');
    await untilClaimed('salesforce:creating');
    await expect.poll(() => struck(template.salesforce)).toBe(true);
    await letSomeTimePass(template.environment);
    await template.concord.untilQuiet(25_000);

    const made = (await template.salesforce.objects('Contact')).filter((object) => object.values.Email === 'there@example.test');
    expect(made).toHaveLength(1);
    const found = await template.concord.record(`hubspot:${hubspotId}`);
    expect(found?.record.links.salesforce?.objectId).toBe(made[0]?.objectId);
  });
});

describe('what a CRM refuses for good', () => {
  const conflicts = z.object({
    items: z.array(z.object({ recordId: z.string(), refusals: z.array(z.object({ system: z.string(), code: z.string() })) })),
  });
  const refused = async () =>
    conflicts.parse(await (await fetch(`${template.environment.stack.apiUrl}/conflicts?kind=refused`)).json()).items;
  const validationRules = (rules: object[]) =>
    template.salesforce.act('PATCH', 'salesforce/settings', z.looseObject({}), { validationRules: rules });

  it('is shown with its code, is not sent again by itself, and goes with the next edit', async () => {
    const [pair, other] = [template.pair(), template.pair()];
    await validationRules([{ object: 'Contact', field: 'Title', forbids: '^Forbidden', message: 'not such a title' }]);
    await edit(pair, 'hubspot', 'Forbidden');
    await edit(other, 'hubspot', 'Allowed');
    await template.concord.untilQuiet();

    expect((await template.both(other)).salesforce.Title).toBe('Allowed');
    const recordId = (await template.concord.record(`hubspot:${pair.hubspotId}`))?.record.recordId;
    expect(await refused()).toEqual([
      expect.objectContaining({ recordId, refusals: [{ system: 'salesforce', code: 'FIELD_CUSTOM_VALIDATION_EXCEPTION' }] }),
    ]);
    await template.salesforce.resetCalls();
    await template.concord.pollNow();
    const { byEndpoint } = await template.salesforce.calls();
    expect(Object.keys(byEndpoint).filter((endpoint) => endpoint.startsWith('PATCH'))).toEqual([]);

    await edit(pair, 'hubspot', 'Permitted');
    await template.concord.untilQuiet();
    expect((await template.both(pair)).salesforce.Title).toBe('Permitted');
    expect(await refused()).toEqual([]);
    await validationRules([]);
  });
});

it('after all that, nothing was doubled, echoed, denied by IAM or given up', async () => {
  await template.concord.pollNow();
  expect(await doubledCreates(template)).toEqual([]);
  expect(await echoWrites(template)).toEqual([]);
  const { denied, deadLetters } = template.environment.stack.stats();
  expect(denied).toEqual([]);
  expect(Object.values(deadLetters).filter((count) => count > 0)).toEqual([]);
  expect((await template.concord.stats()).undelivered.records).toBe(0);
});

describe('a property that somebody takes away in HubSpot', () => {
  const take = async (property: string) => {
    const headers = { authorization: `Bearer ${template.secrets.hubspotAccessToken}` };
    const url = `${template.hubspot.url}/crm/v3/properties/contacts/${property}`;
    expect((await fetch(url, { method: 'DELETE', headers })).status).toBe(204);
    const { stack } = template.environment;
    stack.kill('PollHubspot'); // a new instance looks at the mapping at once, an old one only every quarter of an hour
    const since = template.logs.length;
    await stack.runSchedules('HubspotPolling');
    return (message: string) => template.logs.slice(since).filter((line) => line.message === message);
  };

  it('lets its field rest, and the log says which and what to do; all other fields go on', async () => {
    const logged = await take('person_number');
    await expect.poll(() => logged('fields rest').length).toBe(1); // a line takes a moment from its function to here
    expect(JSON.stringify(logged('fields rest'))).toContain('contacts.person_number does not exist in hubspot');
    expect(logged('poll failed')).toEqual([]);

    const pair = template.pair();
    await edit(pair, 'hubspot', 'Unaffected');
    await template.concord.untilQuiet();
    expect((await template.both(pair)).salesforce.Title).toBe('Unaffected');
  });

  it('stops the poll of its sync where it carries the record’s id; the other syncs are polled', async () => {
    const logged = await take('concord_id');
    await expect.poll(() => logged('poll failed').length).toBe(1);
    expect(JSON.stringify(logged('poll failed'))).toContain('MappingError');
    expect(JSON.stringify(logged('poll failed'))).toContain('contacts.concord_id does not exist in hubspot');
    await expect.poll(() => logged('polled').map((line) => line.sync)).toEqual(['companies', 'deals']);
  });
});
