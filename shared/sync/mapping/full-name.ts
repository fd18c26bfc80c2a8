import { trimmedText } from '../canon.ts';
import type { NativeValue } from '../change-hint.ts';
import type { FieldValue } from '../field-value.ts';

export interface NameParts {
  readonly first: FieldValue;
  readonly last: FieldValue;
}

/** Splits at the last space: "Ada King Lovelace" is Ada King + Lovelace. One word is a last name, which CRMs insist on. */
export function splitFullName(native: NativeValue): NameParts {
  const words = trimmedText(native)?.split(/\s+/) ?? [];
  const last = words.pop() ?? null;
  return { first: words.length > 0 ? words.join(' ') : null, last };
}

/** Joins what {@link splitFullName} splits. There is no way back for "Ada" + "van Lovelace", nor for a first name alone. */
export function joinFullName({ first, last }: NameParts): string | null {
  return [first, last].flatMap((part) => trimmedText(part) ?? []).join(' ') || null;
}
