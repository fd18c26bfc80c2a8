import { calendarDay } from '../calendar-day.ts';
import { trimmedText } from '../canon.ts';
import type { NativeValue } from '../change-hint.ts';
import { decimalOf } from '../decimal.ts';
import type { FieldValue } from '../field-value.ts';
import { writablePhone } from '../phone-number.ts';

/**
 * A pair of functions between a system's form of a value and the canonical one. A value that cannot be read passes
 * through as it is, in both directions: it is never taken for an empty one.
 */
export interface Transform {
  /** Never the empty text, whatever comes in; never throws. */
  readonly toCanonical: (native: NativeValue) => FieldValue;
  readonly toNative: (canonical: FieldValue) => NativeValue;
  /** Native values that show what is special about this pair, beside those of the field's kind. */
  readonly samples: readonly NativeValue[];
  /** Canonical values it is made for. */
  readonly canonicalSamples?: readonly FieldValue[];
}

const unchanged = (value: FieldValue): NativeValue => value;

/** White space alone is empty. */
function emptyToNull(value: NativeValue): FieldValue {
  if (typeof value !== 'string') return value;
  return value.trim() === '' ? null : value.toWellFormed();
}

/** A pair that brings text into one form, whichever way it travels. */
function rewriting(change: (text: string) => FieldValue, samples: readonly NativeValue[]): Transform {
  const rewrite = (value: NativeValue): FieldValue => {
    const text = trimmedText(value);
    return text === null ? null : change(text);
  };
  return { toCanonical: rewrite, toNative: rewrite, samples };
}

/** Text as it is: what differs in white space alone is the canon's business. A number in a text field is text. */
export const textTransform: Transform = {
  toCanonical: (value) => (typeof value === 'string' ? emptyToNull(value) : trimmedText(value)),
  toNative: unchanged,
  samples: [],
};
export const trimTransform = rewriting((text) => text.normalize('NFC'), [' Ada ']);
export const lowerCaseTransform = rewriting((text) => text.toLowerCase(), ['ADA']);
export const upperCaseTransform = rewriting((text) => text.toUpperCase(), ['ada', 'Straße']);
/** Lower case is how HubSpot stores e-mail addresses. */
export const emailTransform = rewriting((text) => text.normalize('NFC').toLowerCase().normalize('NFC'), ['Ada@Example.com']);

/** Calendar days travel as `YYYY-MM-DD`, which both CRMs take. */
export const dateTransform: Transform = {
  toCanonical: (native) => {
    const text = trimmedText(native);
    return text === null ? null : (calendarDay(text) ?? textTransform.toCanonical(native));
  },
  toNative: unchanged,
  samples: ['2026-06-15', '1781481600000', '2026-06-15T00:00:00.000Z', '15/06/2026'],
};

/** A number where it has one exact `number`; a longer one stays text, so that no digit is lost. */
function toNumber(native: NativeValue): FieldValue {
  const value = emptyToNull(native);
  if (typeof value !== 'string') return value;
  const decimal = decimalOf(value);
  if (decimal === undefined) return value;
  return decimalOf(Number(decimal)) === decimal ? Number(decimal) : decimal;
}

const NUMBERS = ['17', '1234.50', '-3', '0.1', 1e21, '12345678901234567890', '1,234'];

/** Numbers, whether the system gives them as numbers or as text. */
export const numberTransform: Transform = { toCanonical: toNumber, toNative: toNumber, samples: NUMBERS };

/** A text field that holds a number: it is written in full, `0.0000001` and not `1e-7`. */
export const numberTextTransform: Transform = {
  toCanonical: toNumber,
  toNative: (value) => (typeof value === 'number' ? (decimalOf(value) ?? String(value)) : value),
  samples: NUMBERS,
};

/** What is neither true nor false stays as it is. */
function toBoolean(native: NativeValue): FieldValue {
  const text = trimmedText(native)?.toLowerCase();
  if (text === 'true') return true;
  return text === 'false' ? false : emptyToNull(native);
}

/** Ticked or not. An empty one is written as not ticked: a Salesforce checkbox refuses null. */
export const booleanTransform: Transform = {
  toCanonical: toBoolean,
  toNative: (canonical) => toBoolean(canonical) ?? false,
  samples: ['true', 'FALSE', 'perhaps'],
};

/** A text field that holds `true` or `false`. */
export const booleanTextTransform: Transform = {
  toCanonical: toBoolean,
  toNative: (canonical) => (typeof canonical === 'boolean' ? String(canonical) : canonical),
  samples: ['true', 'FALSE', 'perhaps'],
};

/**
 * Telephone numbers travel as E.164; what is more than a number, or no valid one, travels as it was typed.
 *
 * @param defaultCountry - of numbers without a country code, as ISO 3166: `AU`.
 */
export function phoneTransform(defaultCountry: string): Transform {
  return {
    toCanonical: (native) => {
      const text = trimmedText(native);
      return text === null ? null : (writablePhone(text, defaultCountry) ?? textTransform.toCanonical(native));
    },
    toNative: unchanged,
    samples: ['+61 2 5550 1234', '+61 2 5550 1234 ext. 5', '+61 412 345 678, ask for Bob', 'ext. 5'],
  };
}
