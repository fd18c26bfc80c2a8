import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { isReserved } from './reserved-words.ts';
import { type Item, UnknownToModelError, validation } from './table-refusals.ts';

export type Names = Readonly<Record<string, string>>;

/** Reads something off an item (its absence is an empty one), with the names and values that came with the expression. */
export type Reading<Result> = (item: Readonly<Item>, names: Names, values: Readonly<Item>) => Result;
export type Operand = Reading<AttributeValue | undefined>;

/** An expression, read once and used as often as its text comes again. */
export interface Expression<Read> {
  readonly read: Read;
  readonly names: ReadonlySet<string>;
  readonly values: ReadonlySet<string>;
}

const TOKEN = /\s*(<=|>=|<>|[:#][A-Za-z0-9_]+|[A-Za-z_][A-Za-z0-9_]*|\S)/gy;
/** The stores make a few dozen texts; whoever makes more writes values into them. */
const TEXTS_MAX = 2_000;

/** Walks through the text of one expression. */
export class ExpressionReader {
  readonly names = new Set<string>();
  readonly values = new Set<string>();
  readonly kind: string;
  readonly text: string;
  private readonly tokens: readonly string[];
  private at = 0;

  constructor(kind: string, text: string) {
    this.kind = kind;
    this.text = text;
    this.tokens = [...text.matchAll(TOKEN)].map(([, token = '']) => token);
  }

  get isAtEnd(): boolean {
    return this.at >= this.tokens.length;
  }

  /** The next token is this one, in any case of letters. */
  isNext(token: string): boolean {
    return this.tokens[this.at]?.toUpperCase() === token;
  }

  /** Takes the next token if it is this one. */
  skip(token: string): boolean {
    if (!this.isNext(token)) return false;
    this.at += 1;
    return true;
  }

  take(): string {
    const token = this.tokens[this.at];
    if (token === undefined) throw this.malformed('it ends too early');
    this.at += 1;
    return token;
  }

  expect(token: string): void {
    if (!this.skip(token)) throw this.malformed(`${token} expected at ${this.tokens[this.at] ?? 'the end'}`);
  }

  /** The name of an attribute, as a placeholder or as it is. */
  path(): (names: Names) => string {
    const token = this.take();
    if (this.isNext('.') || this.isNext('[')) throw new UnknownToModelError(`paths into documents: ${this.text}`);
    if (token.startsWith('#')) {
      this.names.add(token);
      return (names) => names[token] ?? '';
    }
    if (!/^[A-Za-z_]\w*$/.test(token)) throw this.malformed(`a name expected at ${token}`);
    if (isReserved(token)) throw this.malformed(`Attribute name is a reserved keyword; reserved keyword: ${token}`);
    return () => token;
  }

  /** A value of the request. */
  value(): Operand {
    const token = this.take();
    if (!token.startsWith(':')) throw this.malformed(`a value expected at ${token}`);
    this.values.add(token);
    return (_item, _names, values) => values[token];
  }

  operand(): Operand {
    if (this.tokens[this.at]?.startsWith(':')) return this.value();
    if (this.tokens[this.at + 1] === '(') throw new UnknownToModelError(`the function ${this.tokens[this.at]}: ${this.text}`);
    const path = this.path();
    return (item, names) => item[path(names)];
  }

  malformed(why: string): Error {
    return validation(`Invalid ${this.kind}: ${why}`);
  }

  expressionOf<Read>(read: Read): Expression<Read> {
    if (!this.isAtEnd) throw this.malformed(`unexpected ${this.tokens[this.at]}`);
    return { read, names: this.names, values: this.values };
  }
}

/** Keeps what a text was read as. */
export function remembered<Read>(read: (text: string) => Expression<Read>): (text: string) => Expression<Read> {
  const known = new Map<string, Expression<Read>>();
  return (text) => {
    let expression = known.get(text);
    if (expression === undefined) {
      expression = read(text);
      if (known.size >= TEXTS_MAX) known.clear();
      known.set(text, expression);
    }
    return expression;
  };
}

/** Every placeholder is defined, and every definition used, or DynamoDB refuses the request. */
export function refuseWrongPlaceholders(
  expressions: readonly (Expression<unknown> | undefined)[],
  names: Names = {},
  values: Readonly<Item> = {},
): void {
  for (const expression of expressions) {
    if (expression === undefined) continue;
    for (const name of expression.names)
      if (names[name] === undefined)
        throw validation(`An expression attribute name used in the document path is not defined; attribute name: ${name}`);
    for (const value of expression.values)
      if (values[value] === undefined)
        throw validation(`An expression attribute value used in expression is not defined; attribute value: ${value}`);
  }
  for (const name in names)
    if (!expressions.some((expression) => expression?.names.has(name)))
      throw validation(`Value provided in ExpressionAttributeNames unused in expressions: keys: {${name}}`);
  for (const value in values)
    if (!expressions.some((expression) => expression?.values.has(value)))
      throw validation(`Value provided in ExpressionAttributeValues unused in expressions: keys: {${value}}`);
}
