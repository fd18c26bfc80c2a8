import { type Expression, ExpressionReader, type Operand, type Reading, remembered } from './expression-reader.ts';
import { compared, isEqual } from './stored-value.ts';
import { UnknownToModelError } from './table-refusals.ts';

export type Condition = Reading<boolean>;

/**
 * A condition of a write, as far as the stores use the language.
 * docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
 */
export const conditionOf: (text: string) => Expression<Condition> = remembered((text) => {
  const reader = new ExpressionReader('ConditionExpression', text);
  return reader.expressionOf(disjunction(reader));
});

function disjunction(reader: ExpressionReader): Condition {
  const first = conjunction(reader);
  if (!reader.isNext('OR')) return first;
  const parts = [first];
  while (reader.skip('OR')) parts.push(conjunction(reader));
  return (item, names, values) => parts.some((part) => part(item, names, values));
}

function conjunction(reader: ExpressionReader): Condition {
  const first = negation(reader);
  if (!reader.isNext('AND')) return first;
  const parts = [first];
  while (reader.skip('AND')) parts.push(negation(reader));
  return (item, names, values) => parts.every((part) => part(item, names, values));
}

function negation(reader: ExpressionReader): Condition {
  if (!reader.skip('NOT')) return test(reader);
  const negated = negation(reader);
  return (item, names, values) => !negated(item, names, values);
}

function test(reader: ExpressionReader): Condition {
  if (reader.skip('(')) {
    const inner = disjunction(reader);
    reader.expect(')');
    return inner;
  }
  for (const [name, shallExist] of EXISTENCE) {
    if (!reader.skip(name)) continue;
    reader.expect('(');
    const path = reader.path();
    reader.expect(')');
    return (item, names) => (item[path(names)] !== undefined) === shallExist;
  }
  const left = reader.operand();
  if (reader.skip('IN')) return membership(reader, left);
  const operator = reader.take();
  const right = reader.operand();
  if (operator === '=') return (item, names, values) => sameValues(left(item, names, values), right(item, names, values));
  // An attribute that is not there differs from every value.
  if (operator === '<>') return (item, names, values) => !sameValues(left(item, names, values), right(item, names, values));
  const holds = ORDERS.get(operator);
  if (holds === undefined) throw new UnknownToModelError(`the operator ${operator}: ${reader.text}`);
  return (item, names, values) => {
    const operands = [left(item, names, values), right(item, names, values)] as const;
    if (operands.some((operand) => operand?.BOOL !== undefined))
      throw reader.malformed(`Incorrect operand type for operator or function; operator or function: ${operator}`);
    const order = compared(...operands);
    return order !== undefined && holds(order);
  };
}

function membership(reader: ExpressionReader, left: Operand): Condition {
  reader.expect('(');
  const options = [reader.operand()];
  while (reader.skip(',')) options.push(reader.operand());
  reader.expect(')');
  return (item, names, values) => {
    const value = left(item, names, values);
    return options.some((option) => sameValues(value, option(item, names, values)));
  };
}

/** Two attributes that are both absent are not equal: there is nothing to compare. */
function sameValues(a: Parameters<typeof isEqual>[0], b: Parameters<typeof isEqual>[1]): boolean {
  return a !== undefined && isEqual(a, b);
}

const EXISTENCE: readonly (readonly [string, boolean])[] = [
  ['ATTRIBUTE_NOT_EXISTS', false],
  ['ATTRIBUTE_EXISTS', true],
];

const ORDERS: ReadonlyMap<string, (order: number) => boolean> = new Map([
  ['<', (order: number) => order < 0],
  ['<=', (order: number) => order <= 0],
  ['>', (order: number) => order > 0],
  ['>=', (order: number) => order >= 0],
]);
