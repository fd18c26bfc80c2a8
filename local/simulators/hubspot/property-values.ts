import type { PropertyProblem } from './api-refusal.ts';
import type { PropertyDefinition } from './property-definition.ts';
import { isoStamp, parseDay, parseTime } from './timestamps.ts';

/** `value` is the text to store; empty text clears. */
export type Accepted = { readonly value: string } | { readonly problem: PropertyProblem };

/**
 * Brings one value into the form it is stored in.
 * Encodings: developers.hubspot.com/docs/api-reference/crm-properties-v3/guide
 *
 * @param current - the stored text, '' where there is none: a checkbox value may append to it, a stage may not fall behind it.
 */
export function acceptValue(
  definition: PropertyDefinition,
  input: string,
  current: string,
  options: { readonly lowerCaseEmails: boolean },
): Accepted {
  if (input === '') return { value: '' };
  const refuse = (code: string, message: string): Accepted => ({ problem: { property: definition.name, code, message } });
  switch (definition.type) {
    case 'number':
      return NUMBER.test(input) ? { value: input } : refuse('INVALID_INTEGER', `${input} was not a valid number.`);
    case 'bool':
      return input === 'true' || input === 'false'
        ? { value: input }
        : refuse('INVALID_OPTION', `${input} was not one of the allowed options: [true, false]`);
    case 'date': {
      const day = parseDay(input);
      return day === undefined ? refuse('INVALID_DATE', `${input} is not midnight UTC of a day.`) : { value: day };
    }
    case 'datetime': {
      const atMs = parseTime(input);
      return atMs === undefined ? refuse('INVALID_DATE', `${input} was not a valid datetime.`) : { value: isoStamp(atMs) };
    }
    case 'enumeration': {
      const appended =
        definition.fieldType === 'checkbox' && input.startsWith(';') && current !== '' ? `${current}${input}` : input;
      const chosen =
        definition.fieldType === 'checkbox' ? [...new Set(appended.split(';').filter((part) => part !== ''))] : [input];
      const allowed = definition.options?.map((option) => option.value);
      const strange = allowed && chosen.find((value) => !allowed.includes(value));
      if (strange !== undefined)
        return refuse('INVALID_OPTION', `${strange} was not one of the allowed options: [${allowed?.join(', ')}]`);
      if (
        definition.name === 'lifecyclestage' &&
        allowed &&
        current !== '' &&
        allowed.indexOf(input) < allowed.indexOf(current)
      ) {
        return { value: current }; // moves forward only; backward needs clearing first
      }
      return { value: chosen.join(';') };
    }
    case 'string':
      if (definition.name === 'email') return acceptEmails([input], options.lowerCaseEmails, refuse);
      if (definition.name === 'hs_additional_emails') return acceptEmails(input.split(';'), options.lowerCaseEmails, refuse);
      return { value: input };
  }
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const EMAIL = /^[^\s@;,]+@[^\s@;,]+\.[^\s@;,.]+$/;

function acceptEmails(
  inputs: readonly string[],
  lowerCase: boolean,
  refuse: (code: string, message: string) => Accepted,
): Accepted {
  const emails = inputs.map((input) => (lowerCase ? input.trim().toLowerCase() : input.trim()));
  const wrong = emails.find((email) => !EMAIL.test(email));
  return wrong === undefined ? { value: emails.join(';') } : refuse('INVALID_EMAIL', `Email address ${wrong} is invalid`);
}

/** The number a value is compared by in searches; undefined where it is compared as text. */
export function comparableNumber(definition: PropertyDefinition, text: string): number | undefined {
  switch (definition.type) {
    case 'number':
      return Number(text);
    case 'date':
    case 'datetime':
      return parseTime(text) ?? Number.NaN;
    default:
      return undefined;
  }
}
