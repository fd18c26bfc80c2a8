const DAY_MS = 86_400_000;
/** The instants that a `Date` can hold. */
const INSTANT_MS_MAX = 8.64e15;

/** A day, alone or as an instant at midnight UTC. */
const ISO_DAY = /^(\d{4}-\d{2}-\d{2})(?:T00:00(?::00(?:\.0{1,9})?)?(?:Z|[+-]00:?00))?$/;
const EPOCH_MS = /^-?\d{1,16}$/;

/**
 * A calendar day as `YYYY-MM-DD`, from ISO text or from epoch ms at midnight UTC; undefined for anything else.
 * Nothing is guessed: `03/04/2026` is April in one country and March in another, and a day never moves with a time zone.
 * Both forms occur in HubSpot: developers.hubspot.com/docs/api-reference/crm-properties-v3/guide
 */
export function calendarDay(text: string): string | undefined {
  const iso = ISO_DAY.exec(text)?.[1];
  if (iso !== undefined) return isRealDay(iso) ? iso : undefined;
  if (!EPOCH_MS.test(text)) return undefined;
  const epochMs = Number(text);
  if (epochMs % DAY_MS !== 0 || Math.abs(epochMs) > INSTANT_MS_MAX) return undefined;
  const day = new Date(epochMs).toISOString().slice(0, 10);
  return ISO_DAY.test(day) ? day : undefined; // years beyond 9999 are written with a sign
}

function isRealDay(iso: string): boolean {
  const atMs = Date.parse(iso);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(iso); // 30 February would become 2 March
}
