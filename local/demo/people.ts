import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { NativeValues } from '../../shared/sync/change-hint.ts';

/** One row of the Febrl file. */
export interface Person {
  readonly pair: string; // N of rec-N-org and rec-N-dup-0: the ground truth
  readonly original: boolean;
  readonly givenName: string;
  readonly surname: string;
  readonly street: string;
  readonly suburb: string;
  readonly postcode: string;
  readonly state: string;
  readonly dateOfBirth: string; // YYYY-MM-DD, or '' where it is no date
  readonly personNumber: string;
}

const FEBRL = path.join(import.meta.dirname, 'febrl1.csv');

/** Reads the 1,000 people: no value holds a comma or a quote, so a line is its cells. */
export function readPeople(file = FEBRL): Person[] {
  const [header = '', ...lines] = readFileSync(file, 'utf8').trim().split('\n');
  const names = header.split(',').map((name) => name.trim());
  return lines.map((line) => {
    const cells = line.split(',').map((cell) => cell.trim());
    const cell = (name: string) => cells[names.indexOf(name)] ?? '';
    const id = /^rec-(\d+)-(org|dup-0)$/.exec(cell('rec_id'));
    if (id === null) throw new Error(`not a row of the Febrl file: ${cell('rec_id')}`);
    return {
      pair: id[1] ?? '',
      original: id[2] === 'org',
      givenName: cell('given_name'),
      surname: cell('surname'),
      street: [cell('street_number'), cell('address_1')].filter(Boolean).join(' '),
      suburb: cell('suburb'),
      postcode: cell('postcode'),
      state: cell('state'),
      dateOfBirth: isoDate(cell('date_of_birth')),
      personNumber: cell('soc_sec_id'),
    };
  });
}

/** Typing errors make days that no calendar has; a CRM would not have taken them. */
function isoDate(digits: string): string {
  const iso = `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6, 8)}`;
  const time = Date.parse(`${iso}T00:00:00Z`);
  return digits.length === 8 && !Number.isNaN(time) && new Date(time).toISOString().startsWith(iso) ? iso : '';
}

/** Salesforce wants a last name: the one original that has none is filed under its given name, as a clerk would. */
export function asSalesforceContact(person: Person): NativeValues {
  return withoutEmpty({
    FirstName: person.surname === '' ? '' : person.givenName,
    LastName: person.surname === '' ? person.givenName || 'unknown' : person.surname,
    MailingStreet: person.street,
    MailingCity: person.suburb,
    MailingPostalCode: person.postcode,
    MailingState: person.state,
    Birthdate: person.dateOfBirth,
    Person_Number__c: person.personNumber,
  });
}

export function asHubSpotContact(person: Person): NativeValues {
  return withoutEmpty({
    firstname: person.givenName,
    lastname: person.surname,
    address: person.street,
    city: person.suburb,
    zip: person.postcode,
    state: person.state,
    birthdate: person.dateOfBirth,
    person_number: person.personNumber,
  });
}

function withoutEmpty(values: Record<string, string>): NativeValues {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
}
