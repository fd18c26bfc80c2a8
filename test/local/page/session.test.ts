import { describe, expect, it } from 'vitest';
import type { TrailMessage, WriteMessage } from '../../../local/page/messages.ts';
import {
  type Action,
  ARRIVAL_SHOWN_MS,
  DELETED_SHOWN_MS,
  newSession,
  reduce,
  type Session,
  shownPairs,
} from '../../../local/page/session.ts';

const OPENED_MS = 1_000;

function contact(objectId: string, values: Record<string, string>, deleted = false) {
  return { objectId, values, deleted, modifiedAtMs: 0, modifiedBy: 'import' };
}

const CONTACTS: Action = {
  kind: 'contacts',
  contacts: {
    salesforce: [
      contact('003A', { FirstName: 'Lone', Email: 'lone@example.com' }),
      contact('003B', { FirstName: 'Noah', Email: 'noah@example.com', Person_Number__c: '2' }),
      contact('003C', { FirstName: 'Amelia', Email: 'Amelia@Example.com' }),
    ],
    hubspot: [
      contact('501', { firstname: 'Amelia', email: 'amelia@example.com' }),
      contact('502', { firstname: 'Noah', email: 'another@example.com', person_number: '2' }),
      contact('503', { firstname: 'Gone' }, true),
      contact('504', { firstname: 'Stranger' }),
    ],
  },
};

function written(atMs: number, more: Partial<WriteMessage>): WriteMessage {
  return {
    type: 'write',
    seq: atMs,
    atMs,
    system: 'salesforce',
    object: more.system === 'hubspot' ? 'contacts' : 'Contact',
    objectId: '003B',
    kind: 'update',
    fields: { Title: { from: null, to: 'Buyer' } },
    by: { kind: 'person', name: 'Ada' },
    ...more,
  };
}

const events = (nowMs: number, ...list: TrailMessage[]): Action => ({ kind: 'events', events: list, nowMs });
const sessionOf = (...actions: Action[]): Session => [CONTACTS, ...actions].reduce(reduce, newSession(OPENED_MS));
const lines = (session: Session) =>
  shownPairs(session).map(({ salesforce, hubspot }) => [salesforce?.objectId, hubspot?.objectId]);

describe('companies and deals', () => {
  const company = { object: 'companies', system: 'hubspot', objectId: '501' }; // the id of a contact, too
  const step = { atMs: 3_000, system: 'hubspot' };

  it('are none of the contacts, whatever becomes of them', () => {
    const before = sessionOf();
    const after = reduce(
      before,
      events(
        3_000,
        written(2_000, { ...company, kind: 'create', objectId: '900', fields: { name: { from: null, to: 'Initech' } } }),
        written(2_100, { ...company, kind: 'delete', fields: {} }),
        { type: 'received', ...step, change: { correlationId: 'webhook-1', object: 'companies', objectId: '501', by: 'other' } },
        {
          type: 'delivered',
          ...step,
          change: {
            correlationId: 'webhook-1',
            sync: 'companies',
            objectId: '501',
            recordId: 'r1',
            kind: 'update',
            fields: ['name'],
            sinceReceivedMs: 10,
          },
        },
      ),
    );
    expect(lines(after)).toEqual(lines(before));
    expect(after.travels.journeys).toEqual([]);
  });
});

describe('the rows', () => {
  it('put the two sides of a person together by the match keys of the config, and the unmatched last', () => {
    expect(lines(sessionOf())).toEqual([
      ['003B', '502'],
      ['003C', '501'],
      ['003A', undefined],
      [undefined, '504'],
    ]);
  });

  it('believe what Concord says of a link more than a match key', () => {
    expect(lines(sessionOf({ kind: 'link', salesforce: '003A', hubspot: '504' }))).toContainEqual(['003A', '504']);
  });

  it('begin with contacts made while the page is open', () => {
    const create = written(2_000, { kind: 'create', objectId: '003Z', fields: { FirstName: { from: null, to: 'New' } } });
    expect(lines(sessionOf(events(2_000, create)))[0]).toEqual(['003Z', undefined]);
  });

  it('keep a deleted contact for a moment', () => {
    const gone = sessionOf(events(2_000, written(2_000, { kind: 'delete', objectId: '003A', fields: {} })));
    expect(lines(gone)).toContainEqual(['003A', undefined]);
    expect(lines(reduce(gone, { kind: 'tick', nowMs: 2_001 + DELETED_SHOWN_MS }))).not.toContainEqual(['003A', undefined]);
  });
});

describe('an arrival', () => {
  const edit = written(2_000, {});
  const arrival = written(2_150, {
    system: 'hubspot',
    objectId: '502',
    fields: { jobtitle: { from: null, to: 'Buyer' } },
    by: { kind: 'api', name: '660001' },
  });

  it('is marked in the other CRM with the time since the save', () => {
    const session = sessionOf(events(2_150, edit, arrival));
    expect(session.contacts?.hubspot.get('502')?.values.jobtitle).toBe('Buyer');
    expect([...session.arrivals]).toEqual([['hubspot:502:jobTitle', { fromSystem: 'salesforce', tookMs: 150, seenAtMs: 2_150 }]]);
  });

  it('is marked once, and not for long', () => {
    const session = sessionOf(events(2_150, edit, arrival));
    const later = reduce(session, { kind: 'tick', nowMs: 2_150 + ARRIVAL_SHOWN_MS });
    expect(later.arrivals.size).toBe(0);
    expect(reduce(later, events(9_000, edit, arrival)).arrivals.size).toBe(0); // the stream was opened anew
  });

  it('is marked after a reset too, when the numbers of the writes begin anew', () => {
    const session = sessionOf(events(2_150, edit, { ...arrival, seq: 40 }));
    const again = { ...arrival, seq: 1, atMs: 3_000 };
    expect(reduce(session, events(3_000, again)).arrivals.get('hubspot:502:jobTitle')?.seenAtMs).toBe(3_000);
  });

  it('does not change what was loaded when it lies before the page was opened', () => {
    const old = written(OPENED_MS - 1, { fields: { FirstName: { from: 'A', to: 'B' } } });
    expect(sessionOf(events(2_000, old)).contacts?.salesforce.get('003B')?.values.FirstName).toBe('Noah');
  });
});

describe('an edit whose delivery nobody saw', () => {
  it('is over when both sides agree', () => {
    const edit = written(2_000, { fields: { FirstName: { from: 'Noah', to: 'Noé' } } });
    const open = sessionOf(events(2_000, edit));
    expect(reduce(open, { kind: 'tick', nowMs: 6_000 }).travels.journeys[0]?.settled).toBeUndefined();
    const agreed = reduce(open, { kind: 'saved', system: 'hubspot', objectId: '502', native: 'firstname', value: 'Noé' });
    expect(reduce(agreed, { kind: 'tick', nowMs: 6_000 }).travels.journeys[0]?.settled).toBe('agreed');
  });
});
