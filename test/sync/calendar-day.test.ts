import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarDay } from '../../shared/sync/calendar-day.ts';

describe('a calendar day', () => {
  it.each([
    ['2026-06-15', '2026-06-15'],
    ['2026-06-15T00:00:00.000Z', '2026-06-15'],
    ['2026-06-15T00:00:00+0000', '2026-06-15'],
    ['1781481600000', '2026-06-15'],
    ['0', '1970-01-01'],
    ['86400000', '1970-01-02'],
    ['-86400000', '1969-12-31'],
    ['-2208988800000', '1900-01-01'],
    ['2024-02-29', '2024-02-29'],
  ])('is read from %s', (text, day) => {
    expect(calendarDay(text)).toBe(day);
  });

  it.each([
    '2026-06-15T10:00:00Z', // a day never moves with a time zone
    '2026-06-15T00:00:00+10:00',
    '1781481600001', // not midnight
    '15/06/2026',
    '03/04/2026', // April or March: nobody can know
    '2026-02-30',
    '2026-13-01',
    '2026-6-5',
    '26-06-15',
    '99999999999999999999',
    '8640000000000000', // the year 275760
    '',
    'soon',
  ])('is not read from %s', (text) => {
    expect(calendarDay(text)).toBeUndefined();
  });

  it('is the same as text and as epoch milliseconds, through all years of four digits', () => {
    fc.assert(
      fc.property(fc.integer({ min: -719_162, max: 2_932_896 }), (days) => {
        const atMs = days * 86_400_000;
        const iso = new Date(atMs).toISOString().slice(0, 10);
        expect(calendarDay(String(atMs))).toBe(iso);
        expect(calendarDay(iso)).toBe(iso);
      }),
    );
  });
});
