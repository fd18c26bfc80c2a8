import { SystemUnavailableError } from '../errors.ts';

// Answers hold up to 2,000 rows and are read on the hot path: rows are narrowed by hand, field by field.

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function textAt(value: unknown, key: string): string | undefined {
  if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
  const text = value[key];
  return typeof text === 'string' ? text : undefined;
}

export function objectAt(value: unknown, key: string): Readonly<Record<string, unknown>> | undefined {
  const inner = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return isObject(inner) ? inner : undefined;
}

export function listAt(value: unknown, key: string): readonly unknown[] {
  const list = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return Array.isArray(list) ? list : [];
}

export function textsIn(list: readonly unknown[]): string[] {
  return list.filter((item) => typeof item === 'string');
}

/** The list an answer must hold. @throws SystemUnavailableError where it holds none: that is not the API speaking. */
export function requiredList(system: string, list: unknown): readonly unknown[] {
  if (Array.isArray(list)) return list;
  throw new SystemUnavailableError(system, 'the answer has not the shape its API documents', 5_000);
}
