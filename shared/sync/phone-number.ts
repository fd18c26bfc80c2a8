// `min` adds 118 KB to a minified bundle (30 KB zipped), `core` with no country's metadata 37 KB. A metadata file cut to
// chosen countries would have to be made anew for each user's config, and foreign numbers would stop comparing.
import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/min';

interface ParsedPhone {
  /** E.164, with the extension where there is one. */
  readonly number: string;
  /** The number belongs to a range that is in use; otherwise only its length is right. */
  readonly valid: boolean;
}

/** Parsing costs about 25 µs, and the same numbers are read, compared and read again. */
const PHONES_PER_GENERATION = 10_000;
interface Memory {
  young: Map<string, ParsedPhone | undefined>;
  old: Map<string, ParsedPhone | undefined>;
}
const memories = new Map<string, Memory>(); // by country: there are some 250

/** Digits with their usual separators, and an extension: nothing that would be lost by writing the number alone. */
const ONLY_A_NUMBER = /^\+?[\d\s().\-\u2010-\u2015]+(?:(?:ext\.?|extension|x|#|;ext=)\s*\d{1,7})?$/i;
/** Longer text is no telephone number. */
const LENGTH_MAX = 60;

export function isPhoneCountry(country: string): boolean {
  return isSupportedCountry(country);
}

/**
 * The number as E.164 (`+61255501234`, `+61255501234 ext. 5`), for comparing. It goes by length alone, for number ranges
 * come into use faster than this library is updated, and a number must not differ from itself in another notation.
 *
 * @returns undefined where the text is no telephone number.
 */
export function comparablePhone(text: string, defaultCountry: string): string | undefined {
  return parsed(text, defaultCountry)?.number;
}

/** The number as E.164, for writing: only where it is surely one, and the text says nothing else besides. */
export function writablePhone(text: string, defaultCountry: string): string | undefined {
  const phone = parsed(text, defaultCountry);
  return phone?.valid && ONLY_A_NUMBER.test(text) ? phone.number : undefined;
}

/**
 * How people and systems write a number, for a search that compares letters: E.164, with the country code and without, and
 * digits alone.
 *
 * @returns none where the text is no telephone number, or has an extension.
 */
export function phoneForms(text: string, defaultCountry: string): string[] {
  if (text.length > LENGTH_MAX || !isSupportedCountry(defaultCountry)) return [];
  const phone = parsePhoneNumberFromString(text, { defaultCountry, extract: false });
  if (!phone?.isPossible() || phone.ext) return [];
  const national = phone.formatNational();
  const international = phone.formatInternational();
  return [...new Set([phone.number, international, national, national.replace(/\D/g, ''), phone.number.slice(1)])];
}

/** Two generations: what was used lately survives, and the memory is bounded. */
function parsed(text: string, country: string): ParsedPhone | undefined {
  let memory = memories.get(country);
  if (memory === undefined) {
    memory = { young: new Map(), old: new Map() };
    memories.set(country, memory);
  }
  const known = memory.young.get(text);
  if (known !== undefined || memory.young.has(text)) return known;
  const found = memory.old.has(text) ? memory.old.get(text) : parse(text, country);
  if (memory.young.size >= PHONES_PER_GENERATION) {
    memory.old = memory.young;
    memory.young = new Map();
  }
  memory.young.set(text, found);
  return found;
}

function parse(text: string, country: string): ParsedPhone | undefined {
  if (text.length > LENGTH_MAX || !isSupportedCountry(country)) return undefined;
  // The whole text has to be a number: "0412 345 678, ask for Bob" is more than one.
  const phone = parsePhoneNumberFromString(text, { defaultCountry: country, extract: false });
  if (!phone?.isPossible()) return undefined;
  return { number: phone.ext ? `${phone.number} ext. ${phone.ext}` : phone.number, valid: phone.isValid() };
}
