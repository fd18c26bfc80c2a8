import { readFileSync } from 'node:fs';
import path from 'node:path';
import { comparableText, type Facts, type ScoredField } from '../../../shared/sync/matching/comparable.ts';

/** A row of the Febrl file in one of two systems. People with one `person` are the same one. */
export interface FebrlRow {
  readonly person: string;
  readonly system: 'originals' | 'duplicates';
  readonly values: Readonly<Record<string, string>>;
}

const FILE = path.join(import.meta.dirname, '../../fixtures/febrl/febrl1.csv');

/** The 500 originals as one system, their duplicates as the other. */
export function febrlRows(): FebrlRow[] {
  const [header = '', ...lines] = readFileSync(FILE, 'utf8').trim().split('\n');
  const names = header.split(',').map((name) => name.trim());
  return lines.map((line) => {
    const cells = line.split(',').map((cell) => cell.trim());
    const cell = (name: string) => cells[names.indexOf(name)] ?? '';
    const [, person = '', kind = ''] = /^rec-(\d+)-(org|dup)/.exec(cell('rec_id')) ?? [];
    return {
      person,
      system: kind === 'org' ? 'originals' : 'duplicates',
      values: {
        firstName: cell('given_name'),
        lastName: cell('surname'),
        street: [cell('street_number'), cell('address_1')].filter(Boolean).join(' '),
        city: cell('suburb'),
        postalCode: cell('postcode'),
        state: cell('state'),
        dateOfBirth: cell('date_of_birth'),
        personNumber: cell('soc_sec_id'),
      },
    };
  });
}

const PERSON_FIELDS: readonly ScoredField[] = [
  { field: 'firstName', kind: 'name' },
  { field: 'lastName', kind: 'name' },
  { field: 'street', kind: 'place' },
  { field: 'city', kind: 'place' },
  { field: 'postalCode', kind: 'place' },
  { field: 'state', kind: 'place' },
  { field: 'dateOfBirth', kind: 'date' },
];
/** As the defaults take them from the names of the fields; without the number, nothing in the set is exact. */
export const FEBRL_FIELDS = {
  withNumber: [...PERSON_FIELDS, { field: 'personNumber', kind: 'identifier' }] as const satisfies readonly ScoredField[],
  withoutNumber: PERSON_FIELDS,
};

export function factsOf(values: Readonly<Record<string, string>>, fields: readonly ScoredField[]): Facts {
  return Object.fromEntries(
    fields.flatMap(({ field, kind }) => {
      const text = comparableText(values[field] ?? null, kind);
      return text === undefined ? [] : [[field, text]];
    }),
  );
}
