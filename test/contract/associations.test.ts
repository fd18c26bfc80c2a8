import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type HubSpotSimulator, startHubSpotSimulator } from '../../local/simulators/hubspot/hubspot-simulator.ts';
import { connectionSchema } from '../../shared/connectors/connection.ts';
import type { Connector } from '../../shared/connectors/connector.ts';
import { readWebhook } from '../../shared/connectors/hubspot/webhook.ts';
import { unlimitedBudget } from '../../shared/connectors/local-budget.ts';
import { connectorFor } from '../../shared/connectors/registry.ts';
import { delivered, receiveWebhooks } from './hubspot-account.ts';

const COMPANY = 'association:companies:primary';
const PARENT = 'association:companies:parent';

describe.each(['v3', '2026-09'])('associations in HubSpot, by %s', (apiVersion) => {
  let hubspot: HubSpotSimulator;
  let connector: Connector;
  beforeAll(async () => {
    hubspot = await startHubSpotSimulator({
      portalId: 880001,
      appId: 660001,
      clientSecret: 'secret',
      accessToken: 'pat-eu1-0001',
      properties: ['contacts', 'companies', 'deals'].map((object) => ({
        object,
        name: 'concord_id',
        type: 'string' as const,
        hasUniqueValue: true,
      })),
      behaviour: { searchLagMs: 0, searchLagSpreadMs: 0 },
    });
    const connection = connectionSchema.parse({
      kind: 'hubspot',
      baseUrl: hubspot.url,
      accessToken: 'pat-eu1-0001',
      webhookSecret: 'secret',
      apiVersion,
    });
    connector = connectorFor(connection, unlimitedBudget(), {});
  });
  beforeEach(() => hubspot.reset());
  afterAll(() => hubspot.close());

  const company = (name: string) => hubspot.create('companies', { name });
  const contact = (lastname: string, of: string | null = null) => hubspot.create('contacts', { lastname, [COMPANY]: of });
  const held = (object: string, id: string, name: string) => hubspot.object(object, id)?.values[name] ?? null;
  const calls = (part: string) =>
    Object.entries(hubspot.calls().byEndpoint).flatMap(([endpoint, count]) => (endpoint.includes(part) ? [count] : []));

  it('are read like fields, with one call more for all objects of a read', async () => {
    const acme = company('Acme');
    const ids = [...Array(120).keys()].map((n) => contact(`Person ${n}`, n % 2 === 0 ? acme : null));
    hubspot.resetCalls();
    const states = await connector.read('contacts', ids, ['lastname', COMPANY]);
    expect(ids.map((id) => states.get(id)).map((state) => state?.state === 'present' && state.values[COMPANY])).toEqual(
      ids.map((_, n) => (n % 2 === 0 ? acme : null)),
    );
    expect(calls('/associations/')).toEqual([1]);
  });

  it('cost no call where none is asked for', async () => {
    const id = contact('Ada', company('Acme'));
    hubspot.resetCalls();
    await connector.read('contacts', [id], ['lastname']);
    await connector.update('contacts', [{ objectId: id, values: { lastname: 'King' } }]);
    await connector.list('contacts', ['lastname'], undefined);
    expect(calls('/associations/')).toEqual([]);
  });

  it('are shown by listings, searches for changes and look-ups too', async () => {
    const acme = company('Acme');
    const id = contact('Ada', acme);
    const tied = { state: 'present', objectId: id, values: { lastname: 'Ada', [COMPANY]: acme } };
    const { rows } = await connector.list('contacts', ['lastname', COMPANY], undefined);
    expect(rows).toMatchObject([tied]);
    const changes = await connector.changes('contacts', ['lastname', COMPANY], { fromMs: Date.now() - 60_000, overlapMs: 0 });
    expect(changes.rows).toMatchObject([tied]);
    const found = await connector.findByField('contacts', 'lastname', ['ada'], ['lastname', COMPANY]);
    expect(found.get('ada')).toMatchObject([tied]);
  });

  it('are found among many: the primary one may be on a later page', async () => {
    hubspot.behaviour.associationsPerPage = 2;
    const deal = hubspot.create('deals', { dealname: 'Big', dealstage: 'closedwon' });
    const companies = [...Array(5).keys()].map((n) => company(`Company ${n}`));
    for (const id of companies) hubspot.edit('deals', deal, { [COMPANY]: id }); // each in turn was the primary one
    const states = await connector.read('deals', [deal], ['dealname', COMPANY]);
    expect(states.get(deal)).toMatchObject({ values: { [COMPANY]: companies.at(-1) } });
  });

  it('are set, moved and cleared by an update, beside properties or alone', async () => {
    const [acme, globex] = [company('Acme'), company('Globex')];
    const [ada, grace] = [contact('Ada'), contact('Grace', acme)];
    const written = await connector.update('contacts', [
      { objectId: ada, values: { jobtitle: 'Engineer', [COMPANY]: acme } },
      { objectId: grace, values: { [COMPANY]: globex } },
    ]);
    expect(written.get(ada)).toMatchObject({ outcome: 'written', values: { jobtitle: 'Engineer', [COMPANY]: acme } });
    expect(written.get(grace)).toMatchObject({ outcome: 'written', values: { [COMPANY]: globex } });
    expect([held('contacts', ada, COMPANY), held('contacts', grace, COMPANY)]).toEqual([acme, globex]);
    const cleared = await connector.update('contacts', [
      { objectId: ada, values: { [COMPANY]: null } },
      { objectId: contact('Nobody'), values: { [COMPANY]: null } },
    ]);
    expect([...cleared.values()].map(({ outcome }) => outcome)).toEqual(['written', 'written']);
    expect(held('contacts', ada, COMPANY)).toBeNull();
    expect(held('contacts', ada, 'jobtitle')).toBe('Engineer');
  });

  it('come with an object that is created', async () => {
    const acme = company('Acme');
    const outcomes = await connector.create('deals', 'concord_id', [
      { recordId: 'r1', values: { dealname: 'Big', dealstage: 'closedwon', [COMPANY]: acme } },
      { recordId: 'r2', values: { dealname: 'Small', dealstage: 'closedwon' } },
    ]);
    const [big] = [outcomes.get('r1')].map((outcome) => (outcome?.outcome === 'written' ? outcome.objectId : ''));
    expect(held('deals', big ?? '', COMPANY)).toBe(acme);
    expect(outcomes.get('r2')?.outcome).toBe('written');
  });

  it('of an object whose company does not exist are refused by name, and its properties stay as they were', async () => {
    const [ada, grace] = [contact('Ada'), contact('Grace')];
    const acme = company('Acme');
    const outcomes = await connector.update('contacts', [
      { objectId: ada, values: { jobtitle: 'Engineer', [COMPANY]: '999999' } },
      { objectId: grace, values: { jobtitle: 'Engineer', [COMPANY]: acme } },
    ]);
    expect(outcomes.get(ada)).toMatchObject({ outcome: 'rejected', fields: [COMPANY] });
    expect(held('contacts', ada, 'jobtitle')).toBeNull();
    expect(outcomes.get(grace)).toMatchObject({ outcome: 'written' });
  });

  it('that fail after their object was created leave the outcome unknown, so that it is looked at', async () => {
    const acme = company('Acme');
    const path = apiVersion === 'v3' ? '/crm/v4/associations' : '/crm/associations';
    hubspot.settings.faults = [{ match: `POST ${path}`, times: 5, kind: 'status', status: 503 }];
    const values = { dealname: 'Big', dealstage: 'closedwon', [COMPANY]: acme };
    const outcomes = await connector.create('deals', 'concord_id', [{ recordId: 'r1', values }]);
    expect(outcomes.get('r1')?.outcome).toBe('unknown');
    expect(hubspot.objects('deals')).toHaveLength(1);
  });

  it('tie a company to its parent, from the child', async () => {
    const [group, acme] = [company('Group'), company('Acme')];
    await connector.update('companies', [{ objectId: acme, values: { [PARENT]: group } }]);
    expect(held('companies', acme, PARENT)).toBe(group);
    const states = await connector.read('companies', [acme, group], ['name', PARENT]);
    expect(states.get(acme)).toMatchObject({ values: { [PARENT]: group } });
    expect(states.get(group)).toMatchObject({ values: { [PARENT]: null } });
  });

  it('follow their objects through a merge, which all three object types tell of', async () => {
    const [acme, globex] = [company('Acme'), company('Globex')];
    const ada = contact('Ada', globex);
    const survivor = hubspot.merge('companies', acme, globex);
    expect(held('contacts', ada, COMPANY)).toBe(survivor);
    const states = await connector.read('companies', [acme, globex], ['name']);
    for (const id of [acme, globex]) {
      if (id !== survivor) expect(states.get(id)).toEqual({ state: 'merged', objectId: id, intoObjectId: survivor });
    }
    const deals = ['One', 'Two'].map((dealname) => hubspot.create('deals', { dealname, dealstage: 'closedwon' }));
    const [one = '', two = ''] = deals;
    const deal = hubspot.merge('deals', one, two);
    expect((await connector.read('deals', [two], ['dealname'])).get(two)).toMatchObject({ state: 'merged', intoObjectId: deal });
  });

  it('are described, so that a mapping can be checked', async () => {
    const fields = await connector.describe('contacts');
    expect(fields.find(({ name }) => name === COMPANY)).toMatchObject({ type: 'reference', writable: true });
    expect((await connector.describe('deals')).some(({ name }) => name === PARENT)).toBe(false);
  });
});

describe('a tie that a person makes in HubSpot', () => {
  it('is told by webhooks, which become one hint at the contact', async () => {
    const receiver = await receiveWebhooks();
    const hubspot = await startHubSpotSimulator({
      portalId: 880001,
      appId: 660001,
      clientSecret: 'secret',
      webhookUrl: receiver.url,
    });
    try {
      const acme = hubspot.create('companies', { name: 'Acme' });
      const ada = hubspot.create('contacts', { lastname: 'Ada' });
      hubspot.edit('contacts', ada, { [COMPANY]: acme }, 'grace');
      await delivered(hubspot);
      const events = receiver.deliveries.flatMap(({ body }) => JSON.parse(body));
      const { hints } = readWebhook(JSON.stringify(events), {
        appId: 660001,
        receivedAtMs: Date.now(),
        correlationId: (index) => `c${index}`,
      });
      const told = hints.find(({ object, fields }) => object === 'contacts' && COMPANY in fields);
      expect(told).toMatchObject({ objectId: ada, by: 'other', fields: { [COMPANY]: { value: acme } } });
      expect(hints.filter(({ object }) => object === 'companies').flatMap(({ fields }) => Object.keys(fields))).toEqual(['name']);
    } finally {
      await hubspot.close();
    }
  });
});
