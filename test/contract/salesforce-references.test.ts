import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type SalesforceSimulator, startSalesforceSimulator } from '../../local/simulators/salesforce/salesforce-simulator.ts';
import { connectionSchema } from '../../shared/connectors/connection.ts';
import type { Connector } from '../../shared/connectors/connector.ts';
import { unlimitedBudget } from '../../shared/connectors/local-budget.ts';
import { connectorFor } from '../../shared/connectors/registry.ts';

let org: SalesforceSimulator;
let connector: Connector;
beforeAll(async () => {
  org = await startSalesforceSimulator({
    credentials: { clientId: 'client', clientSecret: 'secret', username: 'sync@acme.test' },
  });
  const connection = connectionSchema.parse({
    kind: 'salesforce',
    loginUrl: org.url,
    clientId: 'client',
    clientSecret: 'secret',
  });
  connector = connectorFor(connection, unlimitedBudget(), {});
});
beforeEach(() => org.reset());
afterAll(() => org.close());

const account = (Name: string) => org.create('Account', { Name });
const opportunity = (AccountId: string | null = null) =>
  org.create('Opportunity', { Name: 'Big', StageName: 'Prospecting', CloseDate: '2026-12-31', AccountId });
const outcomeOf = async (object: string, objectId: string, values: Record<string, string | null>) =>
  (await connector.update(object, [{ objectId, values }])).get(objectId);

describe('an opportunity', () => {
  it('is made with its stage, amount and account, and read as it was made', async () => {
    const acme = account('Acme');
    const values = { Name: 'Big', StageName: 'Closed Won', CloseDate: '2026-12-31', Amount: 1234.5, AccountId: acme };
    const made = (await connector.create('Opportunity', 'Concord_Id__c', [{ recordId: 'r1', values }])).get('r1');
    const objectId = made?.outcome === 'written' ? made.objectId : '';
    const states = await connector.read('Opportunity', [objectId], [...Object.keys(values), 'Concord_Id__c']);
    expect(states.get(objectId)).toMatchObject({ state: 'present', values: { ...values, Concord_Id__c: 'r1' } });
  });

  it('is refused without a close date, and with a stage that there is not', async () => {
    const create = async (values: Record<string, string>) =>
      (await connector.create('Opportunity', 'Concord_Id__c', [{ recordId: 'r1', values }])).get('r1');
    expect(await create({ Name: 'Big', StageName: 'Closed Won' })).toMatchObject({ outcome: 'rejected', fields: ['CloseDate'] });
    expect(await create({ Name: 'Big', StageName: 'Hopeful', CloseDate: '2026-12-31' })).toMatchObject({
      outcome: 'rejected',
      fields: ['StageName'],
    });
  });

  it('goes with its account, and moves with it in a merge', async () => {
    const [acme, globex] = [account('Acme'), account('Globex')];
    const [one, two] = [opportunity(acme), opportunity(globex)];
    const child = org.create('Account', { Name: 'Globex South', ParentId: globex });
    org.merge('Account', acme, [globex]);
    expect(org.object('Opportunity', two)?.values.AccountId).toBe(acme);
    expect(org.object('Account', child)?.values.ParentId).toBe(acme);
    expect((await connector.read('Account', [globex], ['Name'])).get(globex)).toEqual({
      state: 'merged',
      objectId: globex,
      intoObjectId: acme,
    });
    org.remove('Account', acme);
    expect([one, two].map((id) => org.object('Opportunity', id)?.deleted)).toEqual([true, true]);
  });
});

describe('a reference to an account that is gone', () => {
  it('is refused by name: the row itself is there, and must not be taken for deleted', async () => {
    const acme = account('Acme');
    const deal = opportunity();
    org.remove('Account', acme);
    expect(await outcomeOf('Opportunity', deal, { AccountId: acme })).toMatchObject({
      outcome: 'rejected',
      fields: ['AccountId'],
    });
  });

  it('does not hide that the row itself is gone', async () => {
    const acme = account('Acme');
    const deal = opportunity();
    org.remove('Opportunity', deal);
    expect(await outcomeOf('Opportunity', deal, { AccountId: acme })).toEqual({ outcome: 'gone' });
  });

  it('is cleared by null', async () => {
    const deal = opportunity(account('Acme'));
    expect(await outcomeOf('Opportunity', deal, { AccountId: null })).toMatchObject({ outcome: 'written' });
    expect(org.object('Opportunity', deal)?.values.AccountId).toBeNull();
  });
});

describe('a lead that was converted', () => {
  it('is merged into a contact, which every way of reading it says', async () => {
    const lead = org.create('Lead', { LastName: 'Lovelace', Company: 'Acme', Email: 'ada@acme.test' });
    expect((await connector.read('Lead', [lead], ['LastName'])).get(lead)).toMatchObject({ state: 'present' });
    const contact = org.convertLead(lead);
    const merged = { state: 'merged', objectId: lead, intoObjectId: contact, intoObject: 'Contact' };
    expect((await connector.read('Lead', [lead], ['LastName'])).get(lead)).toEqual(merged);
    const { rows } = await connector.changes('Lead', ['LastName'], { fromMs: Date.now() - 60_000, overlapMs: 0 });
    expect(rows).toEqual([merged]);
    expect(org.object('Contact', contact)?.values).toMatchObject({ LastName: 'Lovelace', Email: 'ada@acme.test' });
    expect(await outcomeOf('Lead', lead, { Title: 'x' })).toMatchObject({ outcome: 'rejected' });
  });
});
