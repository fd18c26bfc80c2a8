import { RequestRefusedError } from '../../errors.ts';

/** No dots: a field of a related object changes without a trace on the row that shows it. */
const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '"': '\\"',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\f': '\\f',
};

/** A text as a SOQL string literal: whatever it holds, it stays one literal. */
export function soqlText(text: string): string {
  // A lone surrogate cannot be sent as UTF-8, and so cannot be stored there either.
  return `'${text.toWellFormed().replace(/[\\'"\n\r\t\b\f]/g, (character) => ESCAPES[character] ?? character)}'`;
}

/** An object or field name, checked: names come from configuration, and a query has no other place to bind them. */
export function soqlName(system: string, name: string): string {
  if (NAME.test(name)) return name;
  throw new RequestRefusedError(system, 'BAD_NAME', `"${name.slice(0, 60)}" is no object or field name; check the mapping`);
}

export function soqlTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** Query URLs are kept below this many characters: Salesforce refuses longer request lines (16,384). */
const ENCODED_LIST_MAX = 10_000;

/** Cuts literals into lists that each fit one query URL. */
export function literalLists(literals: readonly string[]): string[][] {
  const lists: string[][] = [];
  let current: string[] = [];
  let length = 0;
  for (const literal of literals) {
    const encodedLength = encodeURIComponent(literal).length + 3; // and its comma
    if (current.length > 0 && length + encodedLength > ENCODED_LIST_MAX) {
      lists.push(current);
      current = [];
      length = 0;
    }
    current.push(literal);
    length += encodedLength;
  }
  if (current.length > 0) lists.push(current);
  return lists;
}
