import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { recordId18 } from '../../../shared/connectors/salesforce/record-id.ts';

describe('a Salesforce id', () => {
  it('gets the check characters that real ids have', () => {
    const rows = readFileSync(
      new URL('../../fixtures/salesforce/amp-labs-connectors/read-list-contacts.json', import.meta.url),
      'utf8',
    );
    const ids = rows.match(/\b00[13][A-Za-z0-9]{15}\b/g) ?? [];
    expect(ids.length).toBeGreaterThan(10);
    for (const id of ids) expect(recordId18(id.slice(0, 15))).toBe(id);
  });

  it.each([
    '',
    '003',
    '003Sim000000001IA',
    "003Sim000000001'",
    '003Sim000000001IAAA',
    '003Sim 00000001',
    '003Sim000000001IAB',
    '003sim000000001IAA',
  ])('is not %j', (text) => {
    expect(recordId18(text)).toBeUndefined();
  });
});
