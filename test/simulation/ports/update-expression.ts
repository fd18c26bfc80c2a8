import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type Expression, ExpressionReader, type Names, type Operand, type Reading, remembered } from './expression-reader.ts';
import { sumOf } from './stored-number.ts';
import { type Item, UnknownToModelError, validation } from './table-refusals.ts';

/** Makes the new item out of the old one. */
export type Update = Reading<Item>;

interface Assignment {
  readonly path: (names: Names) => string;
  readonly value: Operand;
}

/**
 * An update: SET of values, sums and `if_not_exists`; REMOVE; ADD of numbers. All of them see the item as it was.
 * docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
 */
export const updateOf: (text: string) => Expression<Update> = remembered((text) => {
  const reader = new ExpressionReader('UpdateExpression', text);
  const assignments: Assignment[] = [];
  const removed: ((names: Names) => string)[] = [];
  const sections = new Set<string>();
  do {
    const section = reader.take().toUpperCase();
    if (sections.has(section)) throw reader.malformed(`The "${section}" section can only be used once in an update expression;`);
    sections.add(section);
    do {
      const path = reader.path();
      if (section === 'SET') assignments.push({ path, value: assigned(reader) });
      else if (section === 'REMOVE') removed.push(path);
      else if (section === 'ADD') assignments.push({ path, value: added(path, reader.value()) });
      else throw new UnknownToModelError(`the section ${section}: ${text}`);
    } while (reader.skip(','));
  } while (!reader.isAtEnd);

  return reader.expressionOf((item, names, values) => {
    const touched = new Set<string>();
    const touch = (path: (names: Names) => string): string => {
      const name = path(names);
      if (touched.has(name)) {
        throw reader.malformed(
          `Two document paths overlap with each other; must remove or rewrite one of these paths: [${name}]`,
        );
      }
      touched.add(name);
      return name;
    };
    const next: Item = { ...item };
    for (const { path, value } of assignments) {
      const assignedValue = value(item, names, values);
      if (assignedValue === undefined) throw validation(NOT_THERE);
      next[touch(path)] = assignedValue;
    }
    for (const path of removed) delete next[touch(path)];
    return next;
  });
});

const NOT_THERE = 'The provided expression refers to an attribute that does not exist in the item';

function assigned(reader: ExpressionReader): Operand {
  reader.expect('=');
  const left = assignedOperand(reader);
  const sign = reader.skip('+') ? 1 : reader.skip('-') ? -1 : undefined;
  if (sign === undefined) return left;
  const right = assignedOperand(reader);
  return (item, names, values) => sum(left(item, names, values), right(item, names, values), sign);
}

function assignedOperand(reader: ExpressionReader): Operand {
  if (!reader.skip('IF_NOT_EXISTS')) return reader.operand();
  reader.expect('(');
  const path = reader.path();
  reader.expect(',');
  const otherwise = reader.operand();
  reader.expect(')');
  return (item, names, values) => item[path(names)] ?? otherwise(item, names, values);
}

function added(path: (names: Names) => string, by: Operand): Operand {
  return (item, names, values) => {
    const value = by(item, names, values);
    if (value?.N === undefined) throw new UnknownToModelError('ADD of anything but numbers');
    return sum(item[path(names)] ?? { N: '0' }, value, 1);
  };
}

function sum(left: AttributeValue | undefined, right: AttributeValue | undefined, sign: 1 | -1): AttributeValue {
  if (left === undefined || right === undefined) throw validation(NOT_THERE);
  if (left.N === undefined || right.N === undefined)
    throw validation('An operand in the update expression has an incorrect data type');
  return { N: sumOf(left.N, right.N, sign) };
}
