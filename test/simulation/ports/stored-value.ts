import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { comparedNumbers, numberBytes, storedNumber } from './stored-number.ts';
import { type Item, UnknownToModelError, validation } from './table-refusals.ts';

/** An item as the table keeps it: a copy that nobody can change, so that it may be shown to everybody without another copy. */
export interface StoredItem {
  readonly item: Readonly<Item>;
  /** Names and values, as DynamoDB counts them. */
  readonly bytes: number;
  readonly hasBinary: boolean;
}

/** docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html */
const ITEM_BYTES_MAX = 400 * 1_024;

/** @throws a ValidationException with `tooLarge` when the item is larger than 400 KB. */
export function storedItem(given: Item, tooLarge: string): StoredItem {
  const item: Item = {};
  let bytes = 0;
  let hasBinary = false;
  for (const name in given) {
    const value = given[name];
    if (value === undefined) continue;
    item[name] = storedValue(value);
    bytes += Buffer.byteLength(name) + valueBytes(value);
    if (hasBytes(value)) hasBinary = true;
  }
  if (bytes > ITEM_BYTES_MAX) throw validation(tooLarge);
  return { item: Object.freeze(item), bytes, hasBinary };
}

/** What a reader gets. Bytes are the only thing in it that could be changed. */
export function shown({ item, hasBinary }: StoredItem): Item {
  if (!hasBinary) return item;
  const copy: Item = {};
  for (const [name, value] of Object.entries(item)) copy[name] = hasBytes(value) ? structuredClone(value) : value;
  return copy;
}

function hasBytes(value: AttributeValue): boolean {
  return value.B !== undefined || (value.L?.some(hasBytes) ?? false);
}

function storedValue(value: AttributeValue): AttributeValue {
  if (Object.isFrozen(value) && value.B === undefined && value.L === undefined) return value; // from an item that was read
  if (value.S !== undefined) return Object.freeze({ S: value.S });
  if (value.N !== undefined) return Object.freeze({ N: storedNumber(value.N) });
  if (value.BOOL !== undefined) return Object.freeze({ BOOL: value.BOOL });
  if (value.B !== undefined) return Object.freeze({ B: value.B.slice() });
  if (value.L !== undefined) {
    const list = value.L.map(storedValue);
    Object.freeze(list);
    return Object.freeze({ L: list });
  }
  if (Object.keys(value).length === 0)
    throw validation('Supplied AttributeValue is empty, must contain exactly one of the supported datatypes');
  throw new UnknownToModelError(`attributes of the type ${Object.keys(value).join()}`);
}

export function valueBytes(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return numberBytes(value.N);
  if (value.L !== undefined) return value.L.reduce((sum, each) => sum + valueBytes(each) + 1, 3);
  return value.B?.length ?? 1;
}

/** The order of two values of one type; undefined where their types differ or have none. */
export function compared(a: AttributeValue | undefined, b: AttributeValue | undefined): number | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a.S !== undefined && b.S !== undefined) return comparedTexts(a.S, b.S);
  if (a.N !== undefined && b.N !== undefined) return comparedNumbers(a.N, b.N);
  if (a.B !== undefined && b.B !== undefined) return Buffer.compare(a.B, b.B);
  return undefined;
}

export function isEqual(a: AttributeValue | undefined, b: AttributeValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.BOOL !== undefined && b.BOOL !== undefined) return a.BOOL === b.BOOL;
  if (a.L !== undefined && b.L !== undefined) {
    const others = b.L;
    return a.L.length === others.length && a.L.every((each, at) => isEqual(each, others[at]));
  }
  return compared(a, b) === 0;
}

export function isSameItem(a: Readonly<Item>, b: Readonly<Item>): boolean {
  for (const name in a) if (!isEqual(a[name], b[name])) return false;
  for (const name in b) if (a[name] === undefined) return false;
  return true;
}

/** By UTF-8 bytes, which is the order of code points; JavaScript's own order differs where surrogates meet U+E000 and above. */
export function comparedTexts(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (one !== other) return byCodePoint(one) - byCodePoint(other);
  }
  return a.length - b.length;
}

function byCodePoint(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
