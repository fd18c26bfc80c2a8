/** HubSpot writes ISO 8601 in UTC and drops milliseconds that are zero: `2026-02-01T10:00:00Z`. */
export function isoStamp(atMs: number): string {
  return new Date(atMs).toISOString().replace('.000Z', 'Z');
}

const ISO_DATE = /^\d{4}-\d{2}-\d{2}$/;
const ISO_DATETIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})$/;
const DAY_MS = 86_400_000;

/** @returns epoch ms of an ISO datetime or of epoch milliseconds in text; undefined for anything else. */
export function parseTime(text: string): number | undefined {
  if (/^-?\d+$/.test(text)) return Number(text);
  if (ISO_DATE.test(text)) return epochOfDay(text);
  if (!ISO_DATETIME.test(text)) return undefined;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : atMs;
}

/** @returns `YYYY-MM-DD` of a real day, or of epoch milliseconds that are midnight UTC; undefined for anything else. */
export function parseDay(text: string): string | undefined {
  if (/^-?\d+$/.test(text)) return Number(text) % DAY_MS === 0 ? dayOf(Number(text)) : undefined;
  return ISO_DATE.test(text) && epochOfDay(text) !== undefined ? text : undefined;
}

function epochOfDay(day: string): number | undefined {
  const atMs = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(atMs) && dayOf(atMs) === day ? atMs : undefined;
}

function dayOf(atMs: number): string | undefined {
  const date = new Date(atMs);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().slice(0, 10);
}
