import type { AttributeValue } from '@aws-sdk/client-dynamodb';

export type Item = Record<string, AttributeValue>;

/** Reads an item (its absence is an empty one) with the names and values of a request. */
type Test = (item: Item, names: Names, values: Item) => boolean;
type Change = (item: Item, names: Names, values: Item) => void;
type Names = Readonly<Record<string, string>>;

const tests = new Map<string, Test>();
const changes = new Map<string, Change>();

/** A condition of a write or a query, as far as the stores use the language. @throws Error on what it does not know. */
export function conditionOf(text: string): Test {
  let test = tests.get(text);
  if (test === undefined) {
    const tokens = tokensOf(text);
    test = disjunction(tokens);
    if (tokens.length > 0) throw new Error(`the model does not know the condition ${text}`);
    tests.set(text, test);
  }
  return test;
}

/** An update: SET with plain values, if_not_exists and sums; REMOVE. @throws Error on what it does not know. */
export function updateOf(text: string): Change {
  let change = changes.get(text);
  if (change === undefined) {
    change = updated(tokensOf(text), text);
    changes.set(text, change);
  }
  return change;
}

export function compared(a: AttributeValue | undefined, b: AttributeValue | undefined): number | undefined {
  if (a?.S !== undefined && b?.S !== undefined) return byBytes(a.S, b.S);
  if (a?.N !== undefined && b?.N !== undefined) return Number(a.N) - Number(b.N);
  if (a?.BOOL !== undefined && b?.BOOL !== undefined) return Number(a.BOOL) - Number(b.BOOL);
  return undefined;
}

/** DynamoDB orders texts by their UTF-8 bytes, which is the order of code points. */
function byBytes(a: string, b: string): number {
  if (a === b) return 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function tokensOf(text: string): string[] {
  return text.match(/<=|>=|<>|[=<>(),+-]|[:#]?[\w.]+/g) ?? [];
}

function disjunction(tokens: string[]): Test {
  const parts = [conjunction(tokens)];
  while (tokens[0] === 'OR') {
    tokens.shift();
    parts.push(conjunction(tokens));
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : (...about) => parts.some((part) => part(...about));
}

function conjunction(tokens: string[]): Test {
  const parts = [atom(tokens)];
  while (tokens[0] === 'AND') {
    tokens.shift();
    parts.push(atom(tokens));
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : (...about) => parts.every((part) => part(...about));
}

function atom(tokens: string[]): Test {
  const first = tokens.shift() ?? '';
  if (first === '(') {
    const inner = disjunction(tokens);
    expect(tokens, ')');
    return inner;
  }
  if (first === 'NOT') {
    const inner = atom(tokens);
    return (...about) => !inner(...about);
  }
  if (first === 'attribute_not_exists' || first === 'attribute_exists') {
    expect(tokens, '(');
    const path = operand(tokens);
    expect(tokens, ')');
    const shallExist = first === 'attribute_exists';
    return (...about) => (path(...about) !== undefined) === shallExist;
  }
  if (first === 'begins_with') {
    expect(tokens, '(');
    const path = operand(tokens);
    expect(tokens, ',');
    const prefix = operand(tokens);
    expect(tokens, ')');
    return (...about) => path(...about)?.S?.startsWith(prefix(...about)?.S ?? '\0') ?? false;
  }
  const left = named(first);
  const operator = tokens.shift() ?? '';
  if (operator === 'IN') {
    expect(tokens, '(');
    const options = [operand(tokens)];
    while (tokens[0] === ',') {
      tokens.shift();
      options.push(operand(tokens));
    }
    expect(tokens, ')');
    return (...about) => options.some((option) => compared(left(...about), option(...about)) === 0);
  }
  if (operator === 'BETWEEN') {
    const low = operand(tokens);
    expect(tokens, 'AND');
    const high = operand(tokens);
    return (...about) => {
      const value = left(...about);
      return (compared(value, low(...about)) ?? -1) >= 0 && (compared(value, high(...about)) ?? 1) <= 0;
    };
  }
  const right = operand(tokens);
  const holds = ORDERS[operator];
  if (holds === undefined) throw new Error(`the model does not know the operator ${operator}`);
  return (...about) => {
    const order = compared(left(...about), right(...about));
    return order === undefined ? operator === '<>' : holds(order);
  };
}

const ORDERS: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

type Operand = (item: Item, names: Names, values: Item) => AttributeValue | undefined;

function operand(tokens: string[]): Operand {
  const first = tokens.shift() ?? '';
  let value: Operand;
  if (first === 'if_not_exists') {
    expect(tokens, '(');
    const path = operand(tokens);
    expect(tokens, ',');
    const otherwise = operand(tokens);
    expect(tokens, ')');
    value = (...about) => path(...about) ?? otherwise(...about);
  } else {
    value = named(first);
  }
  const sign = tokens[0];
  if (sign !== '+' && sign !== '-') return value;
  tokens.shift();
  const other = operand(tokens);
  return (...about) => {
    const sum = Number(value(...about)?.N) + (sign === '+' ? 1 : -1) * Number(other(...about)?.N);
    if (Number.isNaN(sum)) throw new Error('the model adds numbers only');
    return { N: String(sum) };
  };
}

function named(token: string): Operand {
  if (token.startsWith(':')) return (_, __, values) => values[token] ?? missing(token);
  if (token.startsWith('#')) return (item, names) => item[names[token] ?? missing(token)];
  if (!/^\w+$/.test(token) || RESERVED.has(token.toLowerCase()))
    throw new Error(`${token} is no name that DynamoDB takes as it is`);
  return (item) => item[token];
}

/** Of its several hundred, those that a short attribute name could be. */
const RESERVED: ReadonlySet<string> = new Set([
  'as',
  'by',
  'do',
  'if',
  'in',
  'is',
  'of',
  'on',
  'or',
  'to',
  'ttl',
  'name',
  'status',
]);

function missing(token: string): never {
  throw new Error(`the request does not say what ${token} is`);
}

function expect(tokens: string[], wanted: string): void {
  const token = tokens.shift();
  if (token !== wanted) throw new Error(`the model expected ${wanted} and met ${token ?? 'the end'}`);
}

function updated(tokens: string[], text: string): Change {
  const sets: { readonly path: string; readonly value: Operand }[] = [];
  const removed: string[] = [];
  let clause = '';
  while (tokens.length > 0) {
    const token = tokens.shift() ?? '';
    if (token === 'SET' || token === 'REMOVE' || token === 'ADD') {
      clause = token;
      continue;
    }
    if (token === ',') continue;
    if (clause === 'SET') {
      expect(tokens, '=');
      sets.push({ path: token, value: operand(tokens) });
    } else if (clause === 'ADD') {
      const [path, sum] = [named(token), operand(tokens)];
      sets.push({ path: token, value: (...about) => ({ N: String(Number(path(...about)?.N ?? 0) + Number(sum(...about)?.N)) }) });
    } else if (clause === 'REMOVE') removed.push(token);
    else throw new Error(`the model does not know the update ${text}`);
  }
  const nameOf = (token: string, names: Names) => (token.startsWith('#') ? (names[token] ?? missing(token)) : token);
  return (item, names, values) => {
    const next = sets.map(({ path, value }) => [nameOf(path, names), value(item, names, values)] as const);
    for (const [name, value] of next) {
      if (value === undefined) throw new Error(`the model cannot set ${name} to nothing`);
      item[name] = value;
    }
    for (const path of removed) delete item[nameOf(path, names)];
  };
}
