import type { FieldValue } from '../sync/field-value.ts';
import { domainForms, webDomain } from '../sync/mapping/web-domain.ts';
import { phoneForms } from '../sync/phone-number.ts';
import type { FieldConfig } from './define-sync.ts';
import type { FieldMapping } from './field-mapping.ts';

/**
 * The texts under which a system may hold a value that equals this one: a search compares letters, where we compare
 * telephone numbers and domains. What is found is compared again, so a form too many costs nothing but its place in a call.
 *
 * @returns the form that would be written first; none for an empty value.
 */
export function searchForms(config: FieldConfig, mapping: FieldMapping, value: FieldValue): string[] {
  const written = mapping.transform.toNative(value);
  if (written === null) return [];
  const text = String(written);
  const more = config.kind === 'phone' ? phoneForms(text, config.defaultCountry) : domainFormsOf(config, text);
  return [...new Set([text, ...more])];
}

function domainFormsOf(config: FieldConfig, text: string): string[] {
  const domain = config.kind === 'domain' ? webDomain(text) : undefined;
  return domain === undefined ? [] : domainForms(domain);
}
