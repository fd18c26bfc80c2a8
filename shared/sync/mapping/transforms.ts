import { canons, e164, isoDate } from '../canon.ts';
import type { NativeValue } from '../change-hint.ts';
import type { FieldValue } from '../field-value.ts';

/** A pair of functions between a system's form of a value and the canonical one. Neither ever loses what it cannot read. */
export interface Transform {
  readonly toCanonical: (native: NativeValue) => FieldValue;
  readonly toNative: (canonical: FieldValue) => NativeValue;
  /** Native values on which the pair is checked (there and back) when the config is compiled. */
  readonly samples: readonly NativeValue[];
  /** Canonical values on which it is checked the other way round. */
  readonly canonicalSamples?: readonly FieldValue[];
}

const emptyToNull = (value: NativeValue): FieldValue => (typeof value === 'string' && value.trim() === '' ? null : value);
const onText =
  (change: (text: string) => FieldValue) =>
  (value: NativeValue): FieldValue =>
    typeof value === 'string' ? (value.trim() === '' ? null : change(value.trim())) : value;
const unchanged = (value: FieldValue): NativeValue => value;

export const textTransform: Transform = {
  toCanonical: onText((text) => text.normalize('NFC')),
  toNative: unchanged,
  samples: ['Ada', ' Ada ', '', null, 'Zoe\u0308'],
};

export const lowerCaseTransform: Transform = {
  toCanonical: onText((text) => text.toLowerCase()),
  toNative: unchanged,
  samples: ['ada', null],
};
export const upperCaseTransform: Transform = {
  toCanonical: onText((text) => text.toUpperCase()),
  toNative: unchanged,
  samples: ['ADA', null],
};
export const emailTransform: Transform = {
  toCanonical: onText((text) => text.toLowerCase()),
  toNative: unchanged,
  samples: ['ada@example.com', null],
};
export const dateTransform: Transform = {
  toCanonical: onText(isoDate),
  toNative: unchanged,
  samples: ['2026-06-15', '1781481600000', null],
};

/** A system that keeps numbers as text, HubSpot for one. */
export const numberTextTransform: Transform = {
  toCanonical: (value) => canons.number(emptyToNull(value)),
  toNative: (value) => (typeof value === 'number' ? String(value) : value),
  samples: ['17', '1234.50', '-3', '', null],
};

export const booleanTextTransform: Transform = {
  toCanonical: (value) => canons.boolean(emptyToNull(value)),
  toNative: (value) => (typeof value === 'boolean' ? String(value) : value),
  samples: ['true', 'false', null],
};

export function phoneTransform(defaultCountry: string): Transform {
  return {
    toCanonical: onText((text) => e164(text, defaultCountry) ?? text),
    toNative: unchanged,
    samples: ['+61412345678', 'ext. 5', null],
  };
}

/** @param table - the system's value by the canonical one. */
export function picklistTransform(table: Readonly<Record<string, string>>): Transform {
  const native = new Map(Object.entries(table));
  const canonical = new Map(Object.entries(table).map(([ours, theirs]) => [theirs, ours]));
  return {
    toCanonical: onText((text) => canonical.get(text) ?? text),
    toNative: (value) => (typeof value === 'string' ? (native.get(value) ?? value) : value),
    samples: [...Object.values(table), 'not in the table', null],
    canonicalSamples: Object.keys(table),
  };
}

/** Splits at the last space: "Ada King Lovelace" is Ada King + Lovelace. One word is a last name. */
export function splitFullName(text: string): { first: string | null; last: string | null } {
  const words = text.trim().split(/\s+/).filter(Boolean);
  const last = words.pop() ?? null;
  return { first: words.length > 0 ? words.join(' ') : null, last };
}

export function joinFullName(first: FieldValue, last: FieldValue): string | null {
  return [first, last].filter((part) => part !== null && part !== '').join(' ') || null;
}
