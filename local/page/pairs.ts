import type { NativeValues } from '../../shared/sync/change-hint.ts';
import { COLUMNS, externalIdField, looseCanon, MATCH_KEYS, SYSTEMS, type System, textOf } from './fields.ts';

export interface Contact {
  readonly objectId: string;
  readonly values: NativeValues;
  /** When this page saw it deleted, epoch ms: it is shown struck through for a moment. */
  readonly deletedAtMs?: number;
}

/** Objects by id, in the order in which they were created. */
export type Contacts = Readonly<Record<System, ReadonlyMap<string, Contact>>>;

/** One person: a line that both panes share, so that the two sides stand at the same height. */
export interface Pair {
  readonly key: string;
  readonly salesforce?: Contact;
  readonly hubspot?: Contact;
}

/**
 * Puts the two sides of each person together: by the links that Concord told of, by an external id,
 * else by a match key of the config that one object on either side has. The unmatched come last.
 */
export function pairsOf(contacts: Contacts, links: ReadonlyMap<string, string>): Pair[] {
  const partners = new Map(links);
  const taken = new Set(links.values());
  const tie = (salesforceId: string, hubspotId: string) => {
    if (partners.has(salesforceId) || taken.has(hubspotId)) return;
    partners.set(salesforceId, hubspotId);
    taken.add(hubspotId);
  };
  for (const key of [externalIdOf, ...MATCH_KEYS.map(matchKey)]) {
    const left = uniqueBy(contacts.salesforce, 'salesforce', key);
    const right = uniqueBy(contacts.hubspot, 'hubspot', key);
    for (const [value, salesforceId] of left) {
      const hubspotId = right.get(value);
      if (hubspotId !== undefined) tie(salesforceId, hubspotId);
    }
  }
  const matched: Pair[] = [];
  const alone: Pair[] = [];
  const met = new Set<string>();
  for (const contact of contacts.salesforce.values()) {
    const twin = contacts.hubspot.get(partners.get(contact.objectId) ?? '');
    if (twin !== undefined) met.add(twin.objectId);
    const pair = { key: contact.objectId, salesforce: contact, ...(twin !== undefined && { hubspot: twin }) };
    (twin === undefined ? alone : matched).push(pair);
  }
  for (const contact of contacts.hubspot.values()) {
    if (!met.has(contact.objectId)) alone.push({ key: contact.objectId, hubspot: contact });
  }
  return [...matched, ...alone];
}

/** True when any visible value of either side holds all the words of `query`. */
export function matches(pair: Pair, query: string): boolean {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const text = SYSTEMS.flatMap((system) =>
    COLUMNS.map((column) => textOf(pair[system]?.values[column.native[system] ?? '']).toLowerCase()),
  ).join('\n');
  return words.every((word) => text.includes(word));
}

export function displayName(contact: Contact | undefined, system: System): string {
  const part = (field: string) => {
    const native = COLUMNS.find((column) => column.field === field)?.native[system];
    return native === undefined ? '' : textOf(contact?.values[native]);
  };
  return [part('firstName'), part('lastName')].filter(Boolean).join(' ') || part('email');
}

type KeyOf = (contact: Contact, system: System) => string;

const externalIdOf: KeyOf = (contact, system) => textOf(contact.values[externalIdField(system) ?? '']);

function matchKey(fields: readonly string[]): KeyOf {
  const columns = fields.flatMap((field) => COLUMNS.find((column) => column.field === field) ?? []);
  return (contact, system) => {
    const parts = columns.map((column) => looseCanon(column.kind, contact.values[column.native[system] ?? '']));
    return parts.length === fields.length && parts.every(Boolean) ? parts.join('\n') : '';
  };
}

function uniqueBy(side: ReadonlyMap<string, Contact>, system: System, keyOf: KeyOf): Map<string, string> {
  const found = new Map<string, string>();
  const ambiguous = new Set<string>();
  for (const contact of side.values()) {
    const value = keyOf(contact, system);
    if (value === '') continue;
    if (found.has(value)) ambiguous.add(value);
    else found.set(value, contact.objectId);
  }
  for (const value of ambiguous) found.delete(value);
  return found;
}
