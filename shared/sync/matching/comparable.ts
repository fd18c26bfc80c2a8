import type { FieldValue } from '../field-value.ts';

/**
 * What a field tells about who an object is, which decides how two values of it are compared and what they weigh.
 *
 * `name`: part of a name, that may stand in the wrong field. `place`: part of an address, which a household shares.
 * `identifier`: nearly one of its own for each. `text`: anything else, which changes easily. `category`: one of a few.
 */
export type ComparableKind = 'name' | 'date' | 'identifier' | 'email' | 'phone' | 'place' | 'text' | 'category';

/** A field that takes part in the scored match. */
export interface ScoredField {
  readonly field: string;
  readonly kind: ComparableKind;
}

/** What the scored match keeps of an object: comparable texts by field, none for what is empty. */
export type Facts = Readonly<Record<string, string>>;

/** Longer values tell nothing more, and each is held in memory. */
const TEXT_MAX = 60;
const ACCENTS = /\p{M}+/gu;
const NO_WORD = /[^\p{L}\p{N}]+/gu;
const NO_DIGIT = /\D+/g;

/** A value as it is compared: without case, accents, punctuation; undefined where nothing is left. */
export function comparableText(value: FieldValue, kind: ComparableKind): string | undefined {
  if (value === null) return undefined;
  const text = String(value).normalize('NFKD').replace(ACCENTS, '').toLowerCase().trim();
  const left = shaped(text, kind).slice(0, TEXT_MAX).toWellFormed();
  return left === '' ? undefined : left;
}

function shaped(text: string, kind: ComparableKind): string {
  switch (kind) {
    case 'email':
      return text;
    case 'phone':
    case 'date': {
      const digits = text.replace(NO_DIGIT, '');
      return digits === '' ? '' : digits;
    }
    case 'identifier':
      return text.replace(NO_WORD, '');
    default:
      return text.replace(NO_WORD, ' ').trim();
  }
}
