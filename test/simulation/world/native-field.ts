import type { NativeValue } from '../../../shared/sync/change-hint.ts';

/** Which CRM a model behaves like. */
export type Family = 'salesforce' | 'hubspot';

export type NativeType = 'text' | 'email' | 'phone' | 'number' | 'boolean' | 'date' | 'set';

/** F25: how a system changes what it is given before it stores it. */
export type Normaliser =
  | { readonly kind: 'trim' | 'lower-case' | 'upper-case' | 'phone-digits' | 'phone-spaced' | 'compose' }
  | { readonly kind: 'truncate'; readonly length: number }
  | { readonly kind: 'round'; readonly decimals: number };

/** F28: what a system does not take. */
export type Validation =
  | { readonly kind: 'required' }
  | { readonly kind: 'forbids-text'; readonly text: string }
  | { readonly kind: 'at-most'; readonly bound: number };

export interface NativeField {
  readonly name: string;
  readonly type: NativeType;
  readonly unique?: boolean;
  readonly normalisers?: readonly Normaliser[];
  readonly validations?: readonly Validation[];
}

/** The form in which a system stores a value of a field: its own type, empty as null, and what its normalisers make of it. */
export function storedForm(field: NativeField, value: NativeValue, family: Family): NativeValue {
  let form: NativeValue = value === '' ? null : value;
  for (const normaliser of field.normalisers ?? []) form = normalised(form, normaliser);
  return typed(form, field.type, family);
}

/** HubSpot keeps every value as text; Salesforce keeps types, trims texts, and knows no empty checkbox. */
function typed(value: NativeValue, type: NativeType, family: Family): NativeValue {
  if (family === 'hubspot') return value === null || value === '' ? null : String(value);
  if (type === 'boolean') return value === true || value === 'true';
  if (value === null) return null;
  if (type === 'number' && typeof value === 'string') return Number.isNaN(Number(value)) ? value : Number(value);
  if (typeof value === 'string') return value.trim() === '' ? null : value.trim();
  return value;
}

function normalised(value: NativeValue, normaliser: Normaliser): NativeValue {
  if (value === null || typeof value === 'boolean') return value;
  if (normaliser.kind === 'round') {
    const number = Number(value);
    if (Number.isNaN(number)) return value;
    const rounded = Number(number.toFixed(normaliser.decimals));
    return typeof value === 'number' ? rounded : String(rounded);
  }
  if (typeof value !== 'string') return value;
  switch (normaliser.kind) {
    case 'trim':
      return value.trim();
    case 'lower-case':
      return value.toLowerCase();
    case 'upper-case':
      return value.toUpperCase();
    case 'compose':
      return value.normalize('NFC');
    case 'phone-digits':
      return value.replace(/[^\d+]/g, '');
    case 'phone-spaced':
      return value.replace(/[^\d+]/g, '').replace(/^(\+\d\d)(\d{2,3})(\d+)$/, '$1 $2 $3');
    case 'truncate':
      // By code points: a system that cuts an emoji in half stores what no encoder can send.
      return [...value].slice(0, normaliser.length).join('').trimEnd();
  }
}

/** @returns why a value is refused, if it is. */
export function refusalOf(
  field: NativeField,
  value: NativeValue,
): { readonly code: string; readonly message: string } | undefined {
  for (const validation of field.validations ?? []) {
    switch (validation.kind) {
      case 'required':
        if (value === null) return { code: 'REQUIRED_FIELD_MISSING', message: `required fields are missing: [${field.name}]` };
        break;
      case 'forbids-text':
        if (typeof value === 'string' && value.includes(validation.text))
          return { code: 'FIELD_CUSTOM_VALIDATION_EXCEPTION', message: `${field.name} must not contain ${validation.text}` };
        break;
      case 'at-most':
        if (value !== null && Number(value) > validation.bound)
          return { code: 'NUMBER_OUTSIDE_VALID_RANGE', message: `${field.name} must be at most ${validation.bound}` };
    }
  }
  return undefined;
}
