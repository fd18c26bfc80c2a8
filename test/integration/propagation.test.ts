import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { LOCAL_ORGANIZATION_ID } from '../../local/local-crms.ts';
import {
  allOurWrites,
  atOnce,
  doubledCreates,
  echoWrites,
  ourWrites,
  type Pair,
  type RunningTemplate,
  recordOf,
  startTemplate,
  withSettings,
} from './running-template.ts';

let template: RunningTemplate;

beforeAll(async () => {
  template = await startTemplate(24);
}, 90_000);

afterAll(() => template?.stop());

/** The ledger's entry of the last change of a field. */
async function changeOf(pair: Pair, field: string) {
  const { ledger } = await recordOf(template, pair);
  return ledger.toSorted((a, b) => b.version - a.version).find((entry) => entry.lines.some((line) => line.field === field));
}

describe('an edit', () => {
  it('in HubSpot reaches Salesforce by its webhook, under one correlation id from the hint to the CRM call', async () => {
    const pair = template.pair();
    await template.hubspot.edit('contacts', pair.hubspotId, { jobtitle: 'Engineer' }, 'grace');
    await template.concord.untilQuiet();

    expect((await template.both(pair)).salesforce.Title).toBe('Engineer');
    const entry = await changeOf(pair, 'jobTitle');
    expect(entry?.correlationId).toMatch(/^webhook-/);
    const told = template.logs.filter((line) => JSON.stringify(line).includes(entry?.correlationId ?? '?'));
    expect(new Set(told.map((line) => line.message))).toEqual(new Set(['received', 'processed', 'delivered']));
    const writes = await ourWrites(template.salesforce, pair.salesforceId);
    expect(writes.map((write) => write.trace)).toEqual([entry?.correlationId]);
  });

  it('in Salesforce reaches HubSpot by its change event, under one correlation id from the hint to the CRM call', async () => {
    const pair = template.pair();
    await template.salesforce.edit('Contact', pair.salesforceId, { Title: 'Head of Sales' }, 'ada');
    await template.concord.untilQuiet();

    expect((await template.both(pair)).hubspot.jobtitle).toBe('Head of Sales');
    const entry = await changeOf(pair, 'jobTitle');
    expect(entry?.correlationId).toMatch(/^event-/);
    const told = template.logs.filter((line) => JSON.stringify(line).includes(entry?.correlationId ?? '?'));
    expect(new Set(told.map((line) => line.message))).toEqual(new Set(['processed', 'delivered']));
    const writes = await ourWrites(template.hubspot, pair.hubspotId);
    expect(writes.map((write) => write.trace)).toEqual([entry?.correlationId]);
  });

  it('leaves no value of a field in any log line', async () => {
    const pair = template.pair();
    await template.hubspot.edit('contacts', pair.hubspotId, { address: '12 Secret Garden Lane' }, 'grace');
    await template.salesforce.edit('Contact', pair.salesforceId, { MailingPostalCode: '99-SECRET' }, 'ada');
    await template.concord.untilQuiet();

    const { salesforce, hubspot } = await template.both(pair);
    expect([salesforce.MailingStreet, hubspot.zip]).toEqual(['12 Secret Garden Lane', '99-SECRET']);
    expect(template.logs.filter((line) => /secret garden|99-secret/i.test(JSON.stringify(line)))).toEqual([]);
  });

  it('that empties a field empties it on the other side', async () => {
    const pair = template.pair();
    await template.salesforce.edit('Contact', pair.salesforceId, { Title: null }, 'ada');
    await template.hubspot.edit('contacts', pair.hubspotId, { city: null }, 'grace');
    await template.concord.untilQuiet();

    const { salesforce, hubspot } = await template.both(pair);
    expect([salesforce.Title ?? null, salesforce.MailingCity ?? null]).toEqual([null, null]);
    expect([hubspot.jobtitle || null, hubspot.city || null]).toEqual([null, null]);
  });
});

describe('two people at once', () => {
  it('who edit different fields both see both edits', async () => {
    const pair = template.pair();
    await atOnce(template, async () => {
      await template.salesforce.edit('Contact', pair.salesforceId, { Title: 'Head of Sales' }, 'ada');
      await template.hubspot.edit('contacts', pair.hubspotId, { city: 'Melbourne' }, 'grace');
    });
    await template.concord.untilQuiet();

    const { salesforce, hubspot } = await template.both(pair);
    expect([salesforce.Title, salesforce.MailingCity]).toEqual(['Head of Sales', 'Melbourne']);
    expect([hubspot.jobtitle, hubspot.city]).toEqual(['Head of Sales', 'Melbourne']);
  });

  it.each([
    { first: 'salesforce', later: 'hubspot' },
    { first: 'hubspot', later: 'salesforce' },
  ])('who edit the same field, $first first: the later edit wins everywhere, the other is in the ledger', async (order) => {
    const pair = template.pair();
    const edit = async (system: string) => {
      if (system === 'salesforce') await template.salesforce.edit('Contact', pair.salesforceId, { MailingCity: system }, 'ada');
      else await template.hubspot.edit('contacts', pair.hubspotId, { city: system }, 'grace');
    };
    await atOnce(template, async () => {
      await edit(order.first);
      await sleep(1_200); // past Salesforce's whole-second stamps, so that the times say which was later
      await edit(order.later);
    });
    await template.concord.untilQuiet();

    const { salesforce, hubspot } = await template.both(pair);
    expect([salesforce.MailingCity, hubspot.city]).toEqual([order.later, order.later]);
    const { ledger } = await recordOf(template, pair);
    const lost = ledger.flatMap((entry) => entry.lines).flatMap((line) => (line.lost ? [{ ...line.lost, rule: line.rule }] : []));
    expect(lost).toEqual([
      expect.objectContaining({ value: order.first, by: order.first, rule: expect.stringMatching(/O7|S1/) }),
    ]);
  });
});

describe('a new contact', () => {
  it('in Salesforce is created once in HubSpot, and carries its record id there', async () => {
    const salesforceId = await template.salesforce.create(
      'Contact',
      { LastName: 'Lovelace', Email: 'lovelace@example.test' },
      'ada',
    );
    await template.concord.untilQuiet();
    await template.concord.pollNow();

    const { record } = await recordOf(template, { salesforceId });
    const created = (await ourWrites(template.hubspot)).filter(
      (write) => write.kind === 'create' && write.fields.email?.to === 'lovelace@example.test',
    );
    expect(created.map((write) => write.fields.concord_id?.to)).toEqual([record.recordId]);
    expect(record.links.hubspot?.objectId).toBe(created[0]?.objectId);
  });

  it('in HubSpot is created once in Salesforce, and carries its record id there', async () => {
    const hubspotId = await template.hubspot.create('contacts', { lastname: 'Hopper', email: 'hopper@example.test' }, 'grace');
    await template.concord.untilQuiet();
    await template.concord.pollNow();

    const found = await template.concord.record(`hubspot:${hubspotId}`);
    const created = (await ourWrites(template.salesforce)).filter(
      (write) => write.kind === 'create' && write.fields.Email?.to === 'hopper@example.test',
    );
    expect(created.map((write) => write.fields.Concord_Id__c?.to)).toEqual([found?.record.recordId]);
    expect(found?.record.links.salesforce?.objectId).toBe(created[0]?.objectId);
  });

  it('that both CRMs get at once is one record, not two contacts on each side', async () => {
    let salesforceId = '';
    let hubspotId = '';
    await atOnce(template, async () => {
      salesforceId = await template.salesforce.create('Contact', { LastName: 'Twin', Email: 'twin@example.test' }, 'ada');
      hubspotId = await template.hubspot.create('contacts', { lastname: 'Twin', email: 'twin@example.test' }, 'grace');
    });
    await template.concord.untilQuiet();

    const { record } = await recordOf(template, { salesforceId });
    expect(record.links.hubspot?.objectId).toBe(hubspotId);
    const named = [...(await template.salesforce.objects('Contact')), ...(await template.hubspot.objects('contacts'))].filter(
      (object) => String(object.values.Email ?? object.values.email) === 'twin@example.test',
    );
    expect(named).toHaveLength(2);
  });
});

describe('a deletion', () => {
  it('in Salesforce archives the contact in HubSpot', async () => {
    const pair = template.pair();
    await template.salesforce.remove('Contact', pair.salesforceId, 'ada');
    await template.concord.untilQuiet();

    expect((await template.hubspot.object('contacts', pair.hubspotId))?.deleted).toBe(true);
  });

  it('in HubSpot moves the contact in Salesforce to the recycle bin', async () => {
    const pair = template.pair();
    await template.hubspot.remove('contacts', pair.hubspotId, 'grace');
    await template.concord.untilQuiet();

    expect((await template.salesforce.object('Contact', pair.salesforceId))?.deleted).toBe(true);
  });
});

describe('notifications', () => {
  it('that come five times each are written once', async () => {
    const [one, other] = [template.pair(), template.pair()];
    await withSettings([template.salesforce, template.hubspot], { notificationCopies: 5 }, async () => {
      await template.hubspot.edit('contacts', one.hubspotId, { jobtitle: 'Engineer' }, 'grace');
      await template.salesforce.edit('Contact', other.salesforceId, { Title: 'Engineer' }, 'ada');
      await template.concord.untilQuiet();
    });

    expect((await template.both(one)).salesforce.Title).toBe('Engineer');
    expect((await template.both(other)).hubspot.jobtitle).toBe('Engineer');
    expect(await ourWrites(template.salesforce, one.salesforceId)).toHaveLength(1);
    expect(await ourWrites(template.hubspot, other.hubspotId)).toHaveLength(1);
  });

  it('that come in reverse leave the last edit standing', async () => {
    const [one, other] = [template.pair(), template.pair()];
    const crms = [template.salesforce, template.hubspot];
    await withSettings(crms, { holdNotifications: true }, async () => {
      for (const value of ['first', 'second', 'third']) {
        await template.hubspot.edit('contacts', one.hubspotId, { jobtitle: value }, 'grace');
        await template.salesforce.edit('Contact', other.salesforceId, { Title: value }, 'ada');
      }
      for (const crm of crms) await crm.releaseNotifications('reverse');
    });
    await template.concord.untilQuiet();

    expect((await template.both(one)).salesforce.Title).toBe('third');
    expect((await template.both(other)).hubspot.jobtitle).toBe('third');
  });

  it('that are lost are made up for by the poll', async () => {
    const [one, other] = [template.pair(), template.pair()];
    await withSettings([template.salesforce, template.hubspot], { dropNotifications: 1 }, async () => {
      await template.hubspot.edit('contacts', one.hubspotId, { jobtitle: 'Found' }, 'grace');
      await template.salesforce.edit('Contact', other.salesforceId, { Title: 'Found' }, 'ada');
      await sleep(600); // HubSpot's search shows an edit only after a moment
      await template.concord.pollNow();
    });

    expect((await template.both(one)).salesforce.Title).toBe('Found');
    expect((await template.both(other)).hubspot.jobtitle).toBe('Found');
    expect((await changeOf(one, 'jobTitle'))?.correlationId).toMatch(/^poll-/);
    expect((await changeOf(other, 'jobTitle'))?.correlationId).toMatch(/^poll-/);
  });

  it('that Salesforce no longer sends, its daily allocation being spent, are made up for by the poll', async () => {
    const pair = template.pair();
    const allocation = (dailyEventDeliveries: number) =>
      template.salesforce.act('PATCH', 'salesforce/settings', z.looseObject({}), { dailyEventDeliveries });
    await allocation(0);
    try {
      await template.salesforce.edit('Contact', pair.salesforceId, { Title: 'Beyond the allocation' }, 'ada');
      await template.concord.pollNow();
    } finally {
      await allocation(50_000);
    }

    expect((await template.both(pair)).hubspot.jobtitle).toBe('Beyond the allocation');
    expect((await changeOf(pair, 'jobTitle'))?.correlationId).toMatch(/^poll-/);
  });
});

describe('an outbound message', () => {
  const message = (pair: Pair) => `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">
  <OrganizationId>${LOCAL_ORGANIZATION_ID}</OrganizationId><ActionId>04kSim000000001IAA</ActionId><SessionId xsi:nil="true"/>
  <Notification><Id>04lSim000000001IAA</Id><sObject xsi:type="sf:Contact" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
   <sf:Id>${pair.salesforceId}</sf:Id></sObject></Notification>
 </notifications></soapenv:Body></soapenv:Envelope>`;
  const send = (pair: Pair, token: string) =>
    fetch(`${template.environment.stack.apiUrl}/webhooks/salesforce/outbound-messages/${token}`, {
      method: 'POST',
      headers: { 'content-type': 'text/xml; charset=utf-8' },
      body: message(pair),
    });

  it('with the right token is acknowledged, and carries the edit where there are no change events', async () => {
    const pair = template.pair();
    await withSettings([template.salesforce], { dropNotifications: 1 }, () =>
      template.salesforce.edit('Contact', pair.salesforceId, { Title: 'By message' }, 'ada'),
    );
    const answer = await send(pair, template.secrets.outboundMessageToken);
    await template.concord.untilQuiet();

    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('<Ack>true</Ack>')]);
    expect((await template.both(pair)).hubspot.jobtitle).toBe('By message');
    expect((await changeOf(pair, 'jobTitle'))?.correlationId).toMatch(/^outbound-/);
  });

  it('with a wrong token is refused, and nothing is queued', async () => {
    const { stack } = template.environment;
    stack.resetStats();
    const answer = await send(template.pair(), `${template.secrets.outboundMessageToken}x`);

    expect([answer.status, await answer.text()]).toEqual([401, expect.stringContaining('<Ack>false</Ack>')]);
    const sent = stack
      .stats()
      .calls.filter((call) => call.caller.includes('ReceiveSalesforce') && call.operation.startsWith('Send'));
    expect(sent).toEqual([]);
  });
});

describe('when all is quiet', () => {
  it('renderings of the CRMs (lower-cased addresses, trimmed text, telephone forms) are not sent to and fro', async () => {
    const pair = template.pair();
    await template.salesforce.edit(
      'Contact',
      pair.salesforceId,
      { Email: 'Mixed.Case@Example.TEST', Phone: '(02) 9374 4000', Title: 'Engineer' },
      'ada',
    );
    await template.hubspot.edit('contacts', pair.hubspotId, { city: '  Sydney  ' }, 'grace');
    await template.concord.untilQuiet();
    await template.concord.pollNow();
    const before = (await allOurWrites(template)).length;
    await template.concord.pollNow();
    await template.concord.pollNow();

    const { salesforce, hubspot } = await template.both(pair);
    expect(salesforce.Email).toBe('Mixed.Case@Example.TEST');
    expect(hubspot.email).toBe('mixed.case@example.test');
    expect(String(salesforce.MailingCity).trim()).toBe('Sydney');
    expect((await allOurWrites(template)).length - before).toBe(0);
  });

  it('no write was an echo, nothing was created twice, IAM denied nothing, and no letter is dead', async () => {
    const { denied, deadLetters } = template.environment.stack.stats();
    expect(await echoWrites(template)).toEqual([]);
    expect(await doubledCreates(template)).toEqual([]);
    expect(denied).toEqual([]);
    expect(Object.values(deadLetters).filter((count) => count > 0)).toEqual([]);
    expect((await template.concord.stats()).undelivered.records).toBe(0);
  });
});
