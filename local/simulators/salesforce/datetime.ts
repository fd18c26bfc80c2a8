/** The forms in which Salesforce writes times. All are UTC, all with whole seconds. */

/** What a stamp becomes in storage: the milliseconds are dropped, not rounded. */
export function wholeSecondMs(atMs: number): number {
  return Math.floor(atMs / 1000) * 1000;
}

/** REST: `2026-06-15T10:00:02.000+0000`, the offset without a colon. */
export function restDatetime(atMs: number): string {
  return new Date(atMs).toISOString().replace('Z', '+0000');
}

/** Change events and outbound messages: `2026-06-15T10:00:02.000Z`. */
export function eventDatetime(atMs: number): string {
  return new Date(atMs).toISOString();
}

const DATETIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:?\d{2})$/;

/** @returns epoch ms, or undefined where the text is no datetime with an offset. */
export function parseDatetime(text: string): number | undefined {
  const match = DATETIME.exec(text);
  if (!match) return undefined;
  const [, date = '', time = '', zone = ''] = match;
  const offset = zone === 'Z' ? zone : `${zone.slice(0, 3)}:${zone.slice(-2)}`;
  const atMs = Date.parse(`${date}T${time}${offset}`);
  return Number.isNaN(atMs) || parseDate(date) === undefined ? undefined : atMs;
}

/** @returns the date itself where it is a real day written `YYYY-MM-DD`, else undefined. */
export function parseDate(text: string): string | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const atMs = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(text) ? text : undefined;
}
