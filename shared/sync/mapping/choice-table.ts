import { choicesOf, trimmedText } from '../canon.ts';
import type { NativeValue } from '../change-hint.ts';
import type { FieldValue } from '../field-value.ts';
import type { Transform } from './transforms.ts';

/** How one system names the choices of a picklist: by the canonical one; of several, the first is written and all are read. */
export type ChoiceTable = Readonly<Record<string, string | readonly string[]>>;

/** Choices that the table leaves out have one name everywhere. Of several choices (`a;b`) each is looked up. */
export function choiceTableTransform(table: ChoiceTable): Transform {
  const written = new Map(writtenChoices(table));
  // Where two canonical choices have one native name, the first is read.
  const read = new Map(readChoices(table).reverse());
  return {
    toCanonical: renamed(read),
    toNative: renamed(written),
    samples: [...read.keys(), [...read.keys()].join(';')],
    canonicalSamples: [...written.keys()],
  };
}

function renamed(names: ReadonlyMap<string, string>): (value: NativeValue) => FieldValue {
  return (value) => {
    const text = trimmedText(value);
    if (text === null || !text.includes(';')) return text === null ? null : (names.get(text) ?? text);
    const choices = choicesOf(text).map((choice) => names.get(choice) ?? choice);
    return [...new Set(choices)].join(';') || null;
  };
}

function writtenChoices(table: ChoiceTable): [canonical: string, native: string][] {
  return Object.entries(table).flatMap(([canonical, native]) => {
    const first = typeof native === 'string' ? native : native[0];
    return first === undefined ? [] : [[canonical.trim(), first.trim()]];
  });
}

function readChoices(table: ChoiceTable): [native: string, canonical: string][] {
  return Object.entries(table).flatMap(([canonical, native]) =>
    [native].flat().map((one): [string, string] => [one.trim(), canonical.trim()]),
  );
}

/** Native choices that stand for more than one canonical choice, with all of these. */
export function ambiguousChoices(table: ChoiceTable): [native: string, canonical: string[]][] {
  const meanings = new Map<string, string[]>();
  for (const [native, canonical] of readChoices(table)) meanings.set(native, [...(meanings.get(native) ?? []), canonical]);
  return [...meanings].filter(([, canonical]) => canonical.length > 1);
}
