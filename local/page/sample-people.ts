import type { NativeValues } from '../../shared/sync/change-hint.ts';
import { COLUMNS, type System } from './fields.ts';

/**
 * Invented people, tidy enough for a picture: e-mail at example.com (RFC 2606), and telephone numbers that the Australian
 * regulator keeps free for fiction (acma.gov.au, "Phone numbers for use in TV shows, films and creative works").
 */
const PEOPLE = `
Amelia|Hughes|a.hughes@example.com|0491 570 006|Head of Growth|Melbourne|12 Lonsdale St|3000|VIC|1986-03-14|1004211
Noah|Okafor|n.okafor@example.com|0491 570 156|Procurement Lead|Sydney|88 Pitt St|2000|NSW|1979-11-02|1004212
Priya|Raman|p.raman@example.com|0491 570 157|Finance Director|Brisbane|5 Eagle St|4000|QLD|1982-07-21|1004213
Lucas|Meyer|l.meyer@example.com|0491 570 158|Operations Manager|Perth|41 Hay St|6000|WA|1990-01-30|1004214
Sofia|Marin|s.marin@example.com|0491 570 159|Marketing Analyst|Adelaide|7 Rundle Mall|5000|SA|1993-05-09|1004215
Kenji|Mori|k.mori@example.com|0491 570 110|Plant Engineer|Hobart|19 Murray St|7000|TAS|1984-12-17|1004216
Hannah|Fischer|h.fischer@example.com|0491 570 313|Account Executive|Canberra|3 Bunda St|2601|ACT|1988-08-25|1004217
Omar|Haddad|o.haddad@example.com|0491 570 737|Chief of Staff|Darwin|60 Smith St|0800|NT|1975-04-11|1004218
Grace|Nguyen|g.nguyen@example.com|0491 571 266|Legal Counsel|Geelong|24 Moorabool St|3220|VIC|1991-10-03|1004219
Tom|Callahan|t.callahan@example.com|0491 571 491|Site Supervisor|Newcastle|15 Hunter St|2300|NSW|1980-02-28|1004220
Elena|Petrova|e.petrova@example.com|0491 571 804|Product Owner|Cairns|9 Lake St|4870|QLD|1987-06-19|1004221
Daniel|Osei|d.osei@example.com|0491 572 549|Data Architect|Fremantle|2 Market St|6160|WA|1983-09-07|1004222
Maya|Lind|m.lind@example.com|0491 572 665|Sales Director|Ballarat|31 Sturt St|3350|VIC|1989-12-01|1004223
`;

const CELLS = [
  'firstName',
  'lastName',
  'email',
  'phone',
  'jobTitle',
  'city',
  'street',
  'postalCode',
  'state',
  'dateOfBirth',
  'personNumber',
];

/** The people as one CRM holds them. */
export function samplePeople(system: System): NativeValues[] {
  return PEOPLE.trim()
    .split('\n')
    .map((line) => {
      const cells = line.split('|');
      return Object.fromEntries(
        COLUMNS.flatMap(({ field, native }) => {
          const value = cells[CELLS.indexOf(field)];
          const name = native[system];
          return value === undefined || name === undefined ? [] : [[name, value] as const];
        }),
      );
    });
}
