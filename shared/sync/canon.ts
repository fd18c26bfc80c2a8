import { calendarDay } from './calendar-day.ts';
import type { NativeValue } from './change-hint.ts';
import { decimalOf } from './decimal.ts';
import type { FieldValue } from './field-value.ts';
import { comparablePhone } from './phone-number.ts';

/** Two values of a field are the same value when their canons are equal. It decides equality and rewrites nothing. */
export type Canon = (value: FieldValue) => FieldValue;

/**
 * A value as text, trimmed; null where nothing is left. Systems differ in whether a number travels as text. Half a
 * surrogate pair is replaced as every UTF-8 encoder replaces it: what was stored then still equals what was read.
 */
export function trimmedText(value: NativeValue): string | null {
  if (typeof value === 'string') return value.toWellFormed().trim() || null;
  if (value === null) return null;
  return typeof value === 'number' ? (decimalOf(value) ?? String(value)) : String(value);
}

/** Salesforce stores the line breaks of a text area as CR LF, whatever was sent. */
const CARRIAGE_RETURNS = /\r\n?/g;

/** White space at the ends, the form of line breaks and the way an accented letter is encoded make no difference. */
function textCanon(value: FieldValue): string | null {
  const text = trimmedText(value);
  if (text === null || isPlainAscii(text)) return text;
  const normal = text.normalize('NFC');
  return normal.includes('\r') ? normal.replace(CARRIAGE_RETURNS, '\n') : normal;
}

/** Nearly all text is, and needs no normalising. */
function isPlainAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0x7e || code === 0x0d) return false;
  }
  return true;
}

/** Upper case first: then the sharp s equals the SS that upper-casing makes of it. */
function foldedCase(value: FieldValue): FieldValue {
  return textCanon(value)?.toUpperCase().toLowerCase().normalize('NFC') ?? null;
}

/** A calendar day in any of the forms that the CRMs give it; what is no day compares as text. */
function dateCanon(value: FieldValue): FieldValue {
  const text = trimmedText(value);
  return text === null ? null : (calendarDay(text) ?? text);
}

/** Numbers as decimal text: two long ones that differ in the last digit are the same `number`. */
function numberCanon(value: FieldValue): FieldValue {
  const text = trimmedText(value);
  return text === null ? null : (decimalOf(text) ?? text);
}

/** An empty checkbox is an unticked one: Salesforce cannot store an empty one, HubSpot begins with it. */
function booleanCanon(value: FieldValue): FieldValue {
  const text = trimmedText(value)?.toLowerCase() ?? 'false';
  return text === 'true' || text === 'false' ? text === 'true' : text;
}

/** Several choices (`a;b`, as both CRMs write them) are a set: their order makes no difference. */
function picklistCanon(value: FieldValue): string | null {
  const text = textCanon(value);
  if (text === null || !text.includes(';')) return text;
  return [...new Set(choicesOf(text))].sort().join(';') || null;
}

/** A set of texts, as `setText` writes it: white space, order and repetition make no difference. */
function setCanon(value: FieldValue): string | null {
  return setText(setMembers(value));
}

export const canons = {
  text: textCanon,
  textIgnoringCase: foldedCase,
  /** Lower case alone, for folding makes two mailboxes of one: the sharp s is not ss there. */
  email: (value) => textCanon(value)?.toLowerCase().normalize('NFC') ?? null,
  number: numberCanon,
  boolean: booleanCanon,
  date: dateCanon,
  picklist: picklistCanon,
  picklistIgnoringCase: (value) => picklistCanon(foldedCase(value)),
  set: setCanon,
} satisfies Record<string, Canon>;

/** Digits, however they are grouped and whether or not the country is written out; what is no number compares as text. */
export function phoneCanon(defaultCountry: string): Canon {
  return (value) => {
    const text = textCanon(value);
    return text === null ? null : (comparablePhone(text, defaultCountry) ?? text);
  };
}

/** The choices of a picklist that takes several. A leading `;` would make HubSpot append instead of replace. */
export function choicesOf(text: string): string[] {
  return text
    .split(';')
    .map((choice) => choice.trim())
    .filter((choice) => choice !== '');
}

/** The members of a set in canonical form. What is no text is the one member of its set. */
export function setMembers(value: FieldValue): string[] {
  return choicesOf(textCanon(value) ?? '');
}

/** A set in canonical form: its members in a fixed order, each once, joined by `;`; null for an empty one. */
export function setText(members: readonly string[]): string | null {
  return [...new Set(members)].sort().join(';') || null;
}
