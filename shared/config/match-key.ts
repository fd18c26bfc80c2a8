import { type Canon, trimmedText } from '../sync/canon.ts';
import type { MatchKey } from './compiled-sync.ts';
import type { FieldConfig, SyncConfig } from './define-sync.ts';
import { canonOf } from './field-mapping.ts';

/** What looks like a value but tells nobody apart: `n/a` in a hundred contacts must not make them one. */
const TELLING: Readonly<Partial<Record<NonNullable<FieldConfig['kind']>, RegExp>>> = {
  email: /^[^\s@]+@[^\s@]+$/,
  phone: /^\+\d/,
  date: /^\d{4}-\d{2}-\d{2}$/,
};

/** A key's value is stored and compared as text: the canon of each part, whatever its case. */
export function compiledMatchKey(fields: readonly string[], configs: SyncConfig['fields']): MatchKey {
  const parts = fields.flatMap((field): { field: string; canon: Canon; telling: RegExp | undefined }[] => {
    const config = configs[field];
    return config === undefined ? [] : [{ field, canon: canonOf(config), telling: TELLING[config.kind ?? 'text'] }];
  });
  return {
    name: fields.join('+'),
    fields,
    keyOf(values) {
      const texts: string[] = [];
      for (const { field, canon, telling } of parts) {
        const value = values[field] ?? null;
        const text = value === null ? null : trimmedText(canon(value)); // a checkbox nobody ticked is no key
        if (text === null || telling?.test(text) === false) return undefined;
        texts.push(text.toLowerCase().normalize('NFC'));
      }
      const [only] = texts;
      // As a list, so that no value can pass for two.
      return texts.length === 1 ? only : JSON.stringify(texts);
    },
  };
}
