import { type Canon, canons, phoneCanon } from '../sync/canon.ts';
import type { NativeValue } from '../sync/change-hint.ts';
import { choiceTableTransform } from '../sync/mapping/choice-table.ts';
import { setTextTransform, setTransform } from '../sync/mapping/set-text.ts';
import {
  booleanTextTransform,
  booleanTransform,
  dateTransform,
  emailTransform,
  lowerCaseTransform,
  numberTextTransform,
  numberTransform,
  phoneTransform,
  type Transform,
  textTransform,
  trimTransform,
  upperCaseTransform,
} from '../sync/mapping/transforms.ts';
import { domainCanon, domainTransform } from '../sync/mapping/web-domain.ts';
import type { Direction } from '../sync/rules.ts';
import type { FieldConfig, FieldKind, FieldSide, TransformSpec } from './define-sync.ts';

/** A canonical field in one system, with all that the config leaves unsaid. */
export interface FieldMapping {
  readonly field: string;
  readonly system: string;
  readonly native: string;
  readonly direction: Direction;
  readonly transform: Transform;
}

/** Where a field is found, and how it travels, in each system that has it. */
export function mappingsOf(field: string, config: FieldConfig): FieldMapping[] {
  return Object.entries(config.in).flatMap(([system, side]): FieldMapping[] =>
    side === undefined
      ? []
      : [
          {
            field,
            system,
            native: nativeOf(side),
            direction: directionOf(side),
            transform: transformOf(transformSpecOf(side) ?? config),
          },
        ],
  );
}

export const nativeOf = (side: FieldSide): string => (typeof side === 'string' ? side : side.field);
export const directionOf = (side: FieldSide): Direction => (typeof side === 'string' ? 'both' : (side.direction ?? 'both'));
export const transformSpecOf = (side: FieldSide): TransformSpec | undefined =>
  typeof side === 'string' ? undefined : side.transform;

/** How two values of a field are compared. */
export function canonOf(config: FieldConfig): Canon {
  switch (config.kind) {
    case 'phone':
      return phoneCanon(config.defaultCountry);
    case 'email':
    case 'date':
    case 'number':
    case 'boolean':
    case 'set':
      return canons[config.kind];
    case 'domain':
      return domainCanon;
    case 'reference':
      return canons.text; // ids, as they are
    case 'picklist':
      return config.ignoreCase ? canons.picklistIgnoringCase : canons.picklist;
    default:
      return config.ignoreCase ? canons.textIgnoringCase : canons.text;
  }
}

/** The transform that a side names, or else that of the field's kind. */
function transformOf(spec: TransformSpec | FieldConfig): Transform {
  switch (spec.kind) {
    case 'trim':
      return trimTransform;
    case 'lower-case':
      return lowerCaseTransform;
    case 'upper-case':
      return upperCaseTransform;
    case 'email':
      return emailTransform;
    case 'number':
      return numberTransform;
    case 'number-text':
      return numberTextTransform;
    case 'boolean':
      return booleanTransform;
    case 'boolean-text':
      return booleanTextTransform;
    case 'date':
      return dateTransform;
    case 'phone':
      return phoneTransform(spec.defaultCountry);
    case 'picklist':
      return choiceTableTransform('table' in spec ? spec.table : {});
    case 'set':
      return setTransform;
    case 'domain':
      return domainTransform;
    case 'separated':
      return setTextTransform(spec.separator);
    default:
      return textTransform;
  }
}

/** Which transforms make values of a kind that its canon can compare. */
export const transformsOfKind: Readonly<Record<FieldKind, readonly TransformSpec['kind'][]>> = {
  text: ['text', 'trim', 'lower-case', 'upper-case', 'picklist'],
  picklist: ['picklist', 'text', 'trim', 'lower-case', 'upper-case'],
  email: ['email', 'text', 'trim', 'lower-case'],
  phone: ['phone', 'text', 'trim'],
  date: ['date'],
  number: ['number-text', 'picklist'],
  boolean: ['boolean-text', 'picklist'],
  set: ['separated', 'picklist'],
  domain: ['text', 'trim', 'lower-case'],
  reference: [],
};

/** Native values of each kind on which a mapping has to hold its laws. */
export const samplesOfKind: Readonly<Record<FieldKind, readonly NativeValue[]>> = {
  text: [
    null,
    '',
    'Ada Lovelace',
    ' ada ',
    'ADA',
    'Zoe\u0308',
    '\u{1F469}\u{1F3FD}\u200D\u{1F4BB}',
    '007',
    'two\r\nlines',
    'a;b',
  ],
  picklist: [null, '', 'not in the table', 'Not In The Table', 'a;b'],
  email: [null, '', 'ada@example.com', ' Ada@Example.com ', 'no address'],
  phone: [null, '', '+61255501234', '+61 2 5550 1234 ext. 5', 'ask for Bob', '4521'],
  date: [null, '', '2026-06-15', '1781481600000', '15/06/2026'],
  number: [null, '', '17', 17, '1234.50', '-0.5', 'about 5', '12345678901234567890'],
  boolean: [null, '', true, false, 'true', 'False'],
  set: [null, '', 'b;a', ' a ; b ', 'a', 17],
  domain: [null, '', 'acme.com', 'https://www.Acme.com/about', 'no domain'],
  reference: [],
};
