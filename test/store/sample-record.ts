import type { RecordCommit } from '../../shared/store/record-store.ts';
import type { CommitNote } from '../../shared/sync/ledger.ts';
import type { Link, Receipt, RecordField, SyncRecord } from '../../shared/sync/record.ts';

export const T0 = 1_790_000_000_000;

const contact = {
  firstName: 'Alexandra',
  lastName: 'Montgomery-Smith',
  email: 'alexandra.montgomery@example.com',
  phone: '+4915112345678',
  mobile: '+4915112345679',
  jobTitle: 'Head of Procurement',
  street: 'Friedrichstraße 123',
  city: 'Berlin',
  postalCode: '10117',
  country: 'Germany',
  lifecycleStage: 'opportunity',
};

/** A contact as most are: eleven fields, edited on a few occasions in either system, both links in agreement. */
export function sampleRecord(recordId: string, version = 1): SyncRecord {
  const fields = Object.entries(contact).map(([name, value], index): [string, RecordField] => [
    name,
    { value, atMs: T0 + (index % 3) * 86_400_000, by: index % 2 === 0 ? 'salesforce' : 'hubspot' },
  ]);
  return {
    recordId,
    sync: 'contacts',
    version,
    fields: Object.fromEntries(fields),
    links: {
      salesforce: link('003Wx00000ABCdEFGH', T0 + 1_000),
      hubspot: link('123456789012', T0 + 900),
    },
    holds: {},
  };
}

function link(objectId: string, stampMs: number): Link {
  return {
    objectId,
    state: 'linked',
    stampMs,
    observedAtMs: stampMs + 2_456,
    seen: {},
    receipts: [],
    deliveredAtMs: stampMs,
  };
}

export const sampleNote: CommitNote = {
  correlationId: '04543efd-ae61-421d-9133-b64a0f0c42ae',
  decidedAtMs: T0 + 5_000,
  receivedAtMs: T0 + 4_000,
  lines: [
    {
      event: 'changed',
      field: 'phone',
      rule: 'M5',
      by: 'salesforce',
      atMs: T0 + 3_000,
      from: '+4915112345670',
      to: '+4915112345678',
    },
  ],
};

/** What a person's edit of one field makes of the record: HubSpot still holds the old value. */
export function edited(record: SyncRecord): RecordCommit {
  const hubspot = record.links.hubspot ?? link('123456789012', T0);
  return {
    record: {
      ...record,
      version: record.version + 1,
      fields: { ...record.fields, phone: { value: '+4915112345678', atMs: T0 + 200_000_000, by: 'salesforce' } },
      links: { ...record.links, hubspot: { ...hubspot, seen: { phone: { value: '+4915112345670' } } } },
    },
    outbox: { note: sampleNote, deliver: ['hubspot'] },
    dirty: true,
  };
}

const receipt: Receipt = {
  id: '11aeeb40-dc60-472f-9eaa-58360f20e8a0',
  claimedAtMs: T0 + 200_005_000,
  stampMs: T0,
  fields: { phone: { before: '+4915112345670', value: '+4915112345678' } },
};

/** The deliverer's claim on the edited record. */
export function claimed(record: SyncRecord): RecordCommit {
  const hubspot = record.links.hubspot ?? link('123456789012', T0);
  const claim = { owner: receipt.id, untilMs: receipt.claimedAtMs + 60_000 };
  return {
    record: {
      ...record,
      version: record.version + 1,
      links: { ...record.links, hubspot: { ...hubspot, claim, receipts: [receipt] } },
    },
    dirty: true,
  };
}

/** The deliverer's confirm: HubSpot holds what the record says. */
export function confirmed(record: SyncRecord): RecordCommit {
  const { claim: _, ...hubspot } = record.links.hubspot ?? link('123456789012', T0);
  const answered = { ...receipt, answeredAtMs: receipt.claimedAtMs + 400 };
  return {
    record: {
      ...record,
      version: record.version + 1,
      links: { ...record.links, hubspot: { ...hubspot, seen: {}, receipts: [answered] } },
    },
    dirty: false,
  };
}
