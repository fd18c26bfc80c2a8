import { describe, expect, it } from 'vitest';
import { isOpen, linksOf, medianMs, NO_TRAVELS, settle, type Travels, totalMs, withEvent } from '../../../local/page/journeys.ts';
import type { TrailMessage } from '../../../local/page/messages.ts';

const travelsOf = (...events: TrailMessage[]): Travels => events.reduce(withEvent, NO_TRAVELS);

function saved(atMs: number, more: Partial<Extract<TrailMessage, { type: 'write' }>> = {}): TrailMessage {
  return {
    type: 'write',
    seq: atMs,
    atMs,
    system: 'hubspot',
    object: 'contacts',
    objectId: '501',
    kind: 'update',
    fields: { jobtitle: { from: 'Buyer', to: 'Head Buyer' } },
    by: { kind: 'person', name: 'Grace' },
    ...more,
  };
}

function received(atMs: number, correlationId: string, by = 'other'): TrailMessage {
  return { type: 'received', atMs, system: 'hubspot', change: { correlationId, objectId: '501', by } };
}

function processed(atMs: number, correlationId: string, more: object = {}): TrailMessage {
  const change = {
    correlationId,
    objectId: '501',
    recordId: 'r-1',
    fields: ['jobTitle'],
    rules: ['O6'],
    losers: 0,
    deliver: ['salesforce'],
    sinceReceivedMs: 20,
    ...more,
  };
  return { type: 'processed', atMs, system: 'hubspot', change };
}

function delivered(atMs: number, correlationId: string, more: object = {}): TrailMessage {
  const change = {
    correlationId,
    objectId: '003A',
    recordId: 'r-1',
    kind: 'update',
    fields: ['jobTitle'],
    sinceReceivedMs: 90,
    ...more,
  };
  return { type: 'delivered', atMs, system: 'salesforce', change };
}

describe('a journey', () => {
  it('follows an edit from the save to its arrival', () => {
    const travels = travelsOf(
      saved(1_000),
      received(1_010, 'webhook-a'),
      processed(1_030, 'webhook-a'),
      delivered(1_100, 'webhook-a'),
    );
    expect(travels.journeys).toHaveLength(1);
    expect(travels.journeys[0]).toMatchObject({ person: 'Grace', fields: ['jobTitle'], savedAtMs: 1_000, receivedAtMs: 1_010 });
    expect(travels.journeys.map(totalMs)).toEqual([100]);
  });

  it('ends when the other CRM committed the write, not when Concord logged it', () => {
    const commit = saved(1_070, { system: 'salesforce', objectId: '003A', by: { kind: 'api', name: '005' } });
    const travels = travelsOf(saved(1_000), processed(1_030, 'webhook-a'), commit, delivered(1_100, 'webhook-a'));
    expect(travels.journeys.map(totalMs)).toEqual([70]);
  });

  it('is received when its change event says so, where no receiver logs it', () => {
    const travels = travelsOf(saved(1_000), processed(1_030, 'event-a'));
    expect(travels.journeys[0]).toMatchObject({ correlationId: 'event-a', receivedAtMs: 1_010 });
  });

  it('belongs to the oldest save of the object that nobody has received', () => {
    const travels = travelsOf(saved(1_000), saved(1_020), received(1_010, 'webhook-a'), received(1_030, 'webhook-b'));
    expect(travels.journeys.map(({ savedAtMs, correlationId }) => [savedAtMs, correlationId])).toEqual([
      [1_020, 'webhook-b'],
      [1_000, 'webhook-a'],
    ]);
  });

  it('is not begun by the echo of a delivery', () => {
    expect(
      travelsOf(received(1_000, 'webhook-echo', 'us'), processed(1_010, 'webhook-echo', { rules: [], deliver: [] })).journeys,
    ).toEqual([]);
  });

  it('stays open until each CRM that needs it has it', () => {
    const travels = travelsOf(saved(1_000), processed(1_030, 'a', { deliver: ['salesforce', 'hubspot'] }), delivered(1_100, 'a'));
    expect(travels.journeys.map(isOpen)).toEqual([true]);
    expect(settle(travels, () => 'agreed').journeys.map(isOpen)).toEqual([false]);
  });

  it('has no total when a CRM refused it', () => {
    const travels = travelsOf(
      saved(1_000),
      processed(1_030, 'a'),
      delivered(1_100, 'a', { kind: 'refused', code: 'REQUIRED_FIELD_MISSING' }),
    );
    expect(travels.journeys.map((journey) => [isOpen(journey), totalMs(journey)])).toEqual([[false, undefined]]);
  });
});

describe('the travels of a session', () => {
  it('count a first sync instead of listing its people', () => {
    const travels = travelsOf(
      processed(1_000, 'first-sync-1'),
      delivered(1_050, 'first-sync-1'),
      processed(1_100, 'first-sync-2', { recordId: 'r-2' }),
    );
    expect(travels.journeys).toEqual([]);
    expect(travels.firstSync).toMatchObject({ records: new Set(['r-1', 'r-2']), deliveries: 1 });
  });

  it('tell which objects are the same person', () => {
    expect(linksOf(travelsOf(saved(1_000), processed(1_030, 'a'), delivered(1_100, 'a')))).toEqual(new Map([['003A', '501']]));
  });

  it('know the median of the times from save to arrival', () => {
    const one = (startMs: number, tookMs: number) => {
      const id = `webhook-${startMs}`;
      return [saved(startMs), processed(startMs + 5, id, { sinceReceivedMs: 3 }), delivered(startMs + tookMs, id)];
    };
    expect(medianMs(travelsOf(...one(1_000, 80), ...one(2_000, 300), ...one(3_000, 120)))).toBe(120);
    expect(medianMs(NO_TRAVELS)).toBeUndefined();
  });
});
