import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/min';
import type { FieldValue } from './field-value.ts';

/** Telephone parsing costs tens of microseconds and the same few numbers are compared again and again. */
const PHONES_REMEMBERED = 5_000;
const phones = new Map<string, string | null>();

/** Two values of a field are the same value when their canons are equal. It never rewrites what is sent. */
export type Canon = (value: FieldValue) => FieldValue;

export const canons = {
  text: (value) => (typeof value === 'string' ? value.trim().normalize('NFC') || null : value),
  email: (value) => (typeof value === 'string' ? value.trim().toLowerCase() || null : value),
  number: (value) => {
    if (typeof value !== 'string') return value;
    const text = value.trim();
    if (text === '') return null;
    const number = Number(text);
    return Number.isFinite(number) ? number : text;
  },
  boolean: (value) => {
    const text = typeof value === 'string' ? value.trim().toLowerCase() : value;
    if (text === 'true') return true;
    if (text === 'false') return false;
    return text === '' ? null : text;
  },
  date: (value) => (typeof value === 'string' ? isoDate(value) : value),
  picklist: (value) => (typeof value === 'string' ? value.trim() || null : value),
} satisfies Record<string, Canon>;

export function phoneCanon(defaultCountry: string | undefined): Canon {
  return (value) => (typeof value === 'string' ? (e164(value, defaultCountry) ?? (value.trim() || null)) : value);
}

/** A calendar day in ISO form, from ISO text, an instant at midnight UTC, or epoch ms; anything else stays as it is. */
export function isoDate(text: string): string | null {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  if (/^\d{4}-\d{2}-\d{2}(T00:00:00(\.000)?(Z|\+0000))?$/.test(trimmed)) return trimmed.slice(0, 10);
  if (/^-?\d{9,14}$/.test(trimmed) && Number(trimmed) % 86_400_000 === 0)
    return new Date(Number(trimmed)).toISOString().slice(0, 10);
  return trimmed;
}

/** E.164, or null where the text is no telephone number of the country or with a country code. */
export function e164(text: string, defaultCountry: string | undefined): string | null {
  const key = `${defaultCountry ?? ''} ${text}`;
  const known = phones.get(key);
  if (known !== undefined) return known;
  if (phones.size >= PHONES_REMEMBERED) phones.clear();
  const parsed =
    defaultCountry !== undefined && isSupportedCountry(defaultCountry)
      ? parsePhoneNumberFromString(text, defaultCountry)
      : parsePhoneNumberFromString(text);
  const found = parsed?.isPossible() ? parsed.number : null;
  phones.set(key, found);
  return found;
}
