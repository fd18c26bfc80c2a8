import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventBridgeClient, PutEventsCommand, PutPartnerEventsCommand } from '@aws-sdk/client-eventbridge';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { movableClock } from '../../../local/aws/clock.ts';
import { type EventBus, type EventTarget, startEventBus } from '../../../local/aws/event-bus.ts';
import { type EmbeddedAws, embeddedAws } from './embedded-aws.ts';

const PARTNER = 'aws.partner/salesforce.com/00DSim000000001MAA/0YLSim000000001OAA';

function collector(): EventTarget & { readonly texts: string[] } {
  const texts: string[] = [];
  return { id: 'target', texts, deliver: async (text) => void texts.push(text) };
}

describe('over the SDK', () => {
  let aws: EmbeddedAws;
  let client: EventBridgeClient;
  beforeEach(async () => {
    aws = await embeddedAws();
    client = new EventBridgeClient(aws.client());
  });
  afterEach(async () => {
    client.destroy();
    await aws.close();
  });

  it('a partner event reaches the targets of matching rules, its detail as it was sent', async () => {
    const target = collector();
    aws.eventBus.ensureBus(PARTNER);
    const pattern = { source: [{ prefix: 'aws.partner/salesforce.com/' }], 'detail-type': ['ContactChangeEvent'] };
    aws.eventBus.setRule({ name: 'contacts', busName: PARTNER, pattern, targets: [target] });
    const Detail = '{"payload":{"ChangeEventHeader":{"commitNumber":1781517600000001001}}}';
    const Time = new Date('2026-06-15T10:00:01Z');
    const { FailedEntryCount } = await client.send(
      new PutPartnerEventsCommand({
        Entries: [
          { Source: PARTNER, DetailType: 'ContactChangeEvent', Detail, Time },
          { Source: PARTNER, DetailType: 'AccountChangeEvent', Detail, Time },
        ],
      }),
    );
    expect(FailedEntryCount).toBe(0);
    await expect.poll(() => target.texts).toHaveLength(1);
    // 1781517600000001001 is beyond 2^53: only the text keeps it.
    expect(target.texts[0]).toContain('"commitNumber":1781517600000001001');
    expect(JSON.parse(target.texts[0] ?? '')).toMatchObject({
      version: '0',
      'detail-type': 'ContactChangeEvent',
      source: PARTNER,
      account: '000000000000',
      time: '2026-06-15T10:00:01Z',
      region: 'eu-west-1',
      resources: [],
    });
  });

  it('an event for a bus that nobody made is taken and dropped, and counted', async () => {
    const entry = { Source: PARTNER, DetailType: 'ContactChangeEvent', Detail: '{}' };
    const { FailedEntryCount } = await client.send(new PutPartnerEventsCommand({ Entries: [entry] }));
    expect(FailedEntryCount).toBe(0);
    expect(aws.eventBus.counts()).toMatchObject({ received: 1, dropped: 1, matched: 0 });
  });

  it('each wrong entry is refused by itself (API_PutEventsResultEntry)', async () => {
    const good = { Source: 'app', DetailType: 'test', Detail: '{}' };
    const { FailedEntryCount, Entries } = await client.send(
      new PutEventsCommand({
        Entries: [good, { ...good, Detail: '[1]' }, { ...good, DetailType: undefined }, { ...good, Source: 'aws.fake' }],
      }),
    );
    expect(FailedEntryCount).toBe(3);
    expect(Entries?.map((entry) => entry.ErrorCode)).toEqual([
      undefined,
      'MalformedDetail',
      'InvalidArgument',
      'NotAuthorizedForSourceException',
    ]);
  });

  it('a request has at most 10 entries, a partner’s 20, and 256 KB', async () => {
    const entry = { Source: 'app', DetailType: 'test', Detail: '{}' };
    await expect(client.send(new PutEventsCommand({ Entries: Array(11).fill(entry) }))).rejects.toMatchObject({
      name: 'ValidationException',
    });
    const partner = { ...entry, Source: PARTNER };
    await client.send(new PutPartnerEventsCommand({ Entries: Array(20).fill(partner) }));
    const large = { ...entry, Detail: JSON.stringify({ text: 'x'.repeat(256 * 1_024) }) };
    await expect(client.send(new PutEventsCommand({ Entries: [large] }))).rejects.toThrow(/over the limit/);
  });

  it('a role needs leave to put events on this very bus', async () => {
    const Resource = 'arn:aws:events:eu-west-1:000000000000:event-bus/default';
    aws.gateway.admit('FNnotify', {
      name: 'notify',
      documents: [{ Statement: { Effect: 'Allow', Action: 'events:PutEvents', Resource } }],
    });
    const caller = new EventBridgeClient(aws.client('FNnotify'));
    const entry = { Source: 'app', DetailType: 'test', Detail: '{}' };
    await caller.send(new PutEventsCommand({ Entries: [entry] }));
    await expect(caller.send(new PutEventsCommand({ Entries: [{ ...entry, EventBusName: 'other' }] }))).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
    caller.destroy();
  });
});

describe('delivery', () => {
  let directory: string;
  const clock = movableClock();
  function afterMinute<T>(look: () => T): T {
    clock.advance(60_000);
    return look();
  }
  const start = (): EventBus => startEventBus({ file: join(directory, 'events.sqlite'), clock, warn: () => {} });
  const event = { source: 'app', detailType: 'test', detail: '{"n":1}' };
  const rule = (...targets: EventTarget[]) => ({ name: 'all', busName: 'default', pattern: { source: ['app'] }, targets });
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'events-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('is tried again until the target takes the event', async () => {
    const bus = start();
    let tries = 0;
    bus.setRule(
      rule({
        id: 'flaky',
        deliver: async () => {
          if (++tries < 3) throw new Error('not now');
        },
      }),
    );
    await bus.put('default', [event]);
    await expect.poll(() => tries).toBe(1);
    await expect.poll(() => afterMinute(() => tries)).toBe(3);
    await expect.poll(() => bus.pending()).toBe(0);
    await bus.close();
  });

  it('ends in the dead-letter queue after the last try', async () => {
    const bus = start();
    const dead: { text: string; attempts: number }[] = [];
    bus.setRule(
      rule({
        id: 'broken',
        maxAttempts: 2,
        deliver: async () => Promise.reject(new Error('never')),
        deadLetter: async (text, { attempts }) => void dead.push({ text, attempts }),
      }),
    );
    await bus.put('default', [event]);
    await expect.poll(() => afterMinute(() => dead.length)).toBe(1);
    expect(dead[0]?.attempts).toBe(2);
    await expect.poll(() => bus.pending()).toBe(0);
    expect(bus.counts()).toMatchObject({ deadLettered: 1, delivered: 0 });
    await bus.close();
  });

  it('goes on after a restart: an event that was not taken is not lost', async () => {
    const before = start();
    before.setRule(rule({ id: 'target', deliver: async () => Promise.reject(new Error('down')) }));
    await before.put('default', [event]);
    await before.close();

    const after = start();
    const target = collector();
    after.setRule(rule(target));
    expect(after.pending()).toBe(1);
    after.resume();
    await expect.poll(() => afterMinute(() => target.texts.length)).toBe(1);
    await after.close();
  });

  it('to one target does not wait for another', async () => {
    const bus = start();
    const quick = { ...collector(), id: 'quick' };
    bus.setRule(rule({ id: 'stuck', deliver: () => new Promise((resolve) => setTimeout(resolve, 500)) }, quick));
    await bus.put('default', Array(30).fill(event));
    await expect.poll(() => quick.texts.length, { timeout: 400 }).toBe(30);
    await bus.close();
  });
});
