import { parseDate, parseDatetime } from './datetime.ts';
import { RowRefusal } from './row-refusal.ts';

/**
 * The text of a query and its meaning as a tree. Fields are names only here; `soql-plan.ts` ties them to an object.
 * (Salesforce: developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql.htm)
 */

export interface FieldName {
  readonly name: string; // `Email`, `Account.Name`
  readonly at: number; // place in the text
}

export type Literal =
  | { readonly type: 'string'; readonly value: string; readonly pattern: string; readonly at: number }
  | { readonly type: 'number'; readonly value: number; readonly at: number }
  | { readonly type: 'boolean'; readonly value: boolean; readonly at: number }
  | { readonly type: 'null'; readonly at: number }
  | { readonly type: 'date'; readonly value: string; readonly at: number }
  | { readonly type: 'dateTime'; readonly value: number; readonly at: number } // epoch ms
  /** `TODAY`, `LAST_N_DAYS:7`: from `daysBack` days ago up to and including the day `until` days ago. */
  | { readonly type: 'days'; readonly daysBack: number; readonly until: number; readonly at: number };

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=' | 'LIKE';

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly part: Condition }
  | { readonly kind: 'compare'; readonly field: FieldName; readonly operator: Comparison; readonly value: Literal }
  | { readonly kind: 'in'; readonly field: FieldName; readonly negated: boolean; readonly values: readonly Literal[] }
  | { readonly kind: 'includes'; readonly field: FieldName; readonly negated: boolean; readonly values: readonly Literal[] };

export interface OrderKey {
  readonly field: FieldName;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export interface SoqlQuery {
  readonly text: string;
  readonly fields: readonly FieldName[];
  /** `COUNT()` gives only a number, `COUNT(Id)` one row with it. */
  readonly count?: { readonly alias?: string };
  readonly from: FieldName;
  readonly where?: Condition;
  readonly orderBy: readonly OrderKey[];
  readonly limit?: number;
  readonly offset: number;
}

type Token =
  | { readonly kind: 'word' | 'symbol' | 'number' | 'datetime'; readonly text: string; readonly at: number }
  | { readonly kind: 'string'; readonly text: string; readonly pattern: string; readonly at: number };

const OFFSET_MAX = 2000;
/** As much of the query as a recorded message shows before the fault. */
const EXCERPT_BEFORE = 32;
const NESTING_MAX = 50;
const LAST_LINE = 'Please reference your WSDL or the describe call for the appropriate names.';

/** An error with the place in the query, as Salesforce draws it. */
export function soqlError(text: string, at: number, code: string, message: string): RowRefusal {
  const from = Math.max(0, at - EXCERPT_BEFORE);
  const excerpt = text.slice(from, at + EXCERPT_BEFORE).replaceAll(/[\r\n\t]/g, ' ');
  return new RowRefusal(code, `\n${excerpt}\n${' '.repeat(at - from)}^\nERROR at Row:1:Column:${at + 1}\n${message}`);
}

export function unknownQueryColumn(text: string, field: FieldName, entity: string): RowRefusal {
  const advice = `If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. ${LAST_LINE}`;
  return soqlError(text, field.at, 'INVALID_FIELD', `No such column '${field.name}' on entity '${entity}'. ${advice}`);
}

export function unknownQueryObject(text: string, object: FieldName): RowRefusal {
  const advice = `If you are attempting to use a custom object, be sure to append the '__c' after the entity name. ${LAST_LINE}`;
  return soqlError(text, object.at, 'INVALID_TYPE', `sObject type '${object.name}' is not supported. ${advice}`);
}

/** @throws RowRefusal MALFORMED_QUERY, also for what SOQL has and the simulator has not (its message says so). */
export function parseSoql(text: string): SoqlQuery {
  const tokens = tokenize(text);
  let position = 0;

  const peek = () => tokens[position];
  const malformed = (message: string, at = peek()?.at ?? text.length) => soqlError(text, at, 'MALFORMED_QUERY', message);
  const unexpected = () => {
    const token = peek();
    return token ? malformed(`unexpected token: '${token.text}'`) : malformed("unexpected token: '<EOF>'");
  };
  const isWord = (word: string) => peek()?.kind === 'word' && peek()?.text.toUpperCase() === word;
  const takeWord = (word: string) => {
    if (!isWord(word)) return false;
    position += 1;
    return true;
  };
  const takeSymbol = (symbol: string) => {
    if (peek()?.kind !== 'symbol' || peek()?.text !== symbol) return false;
    position += 1;
    return true;
  };
  const expectWord = (word: string) => {
    if (!takeWord(word)) throw unexpected();
  };
  const expectSymbol = (symbol: string) => {
    if (!takeSymbol(symbol)) throw unexpected();
  };
  const name = (): FieldName => {
    const token = peek();
    if (token?.kind !== 'word' || RESERVED.has(token.text.toUpperCase())) throw unexpected();
    position += 1;
    return { name: token.text, at: token.at };
  };
  const wholeNumber = () => {
    const token = peek();
    if (token?.kind !== 'number' || !/^\d+$/.test(token.text)) throw unexpected();
    position += 1;
    return Number(token.text);
  };

  function literal(): Literal {
    const token = peek();
    if (!token) throw unexpected();
    position += 1;
    const { at } = token;
    switch (token.kind) {
      case 'string':
        return { type: 'string', value: token.text, pattern: token.pattern, at };
      case 'number':
        return { type: 'number', value: Number(token.text), at };
      case 'datetime':
        return datetimeLiteral(token.text, at);
      default:
        return wordLiteral(token.text.toUpperCase(), at);
    }
  }
  function datetimeLiteral(written: string, at: number): Literal {
    const date = parseDate(written);
    if (date !== undefined) return { type: 'date', value: date, at };
    const atMs = parseDatetime(written);
    if (atMs !== undefined) return { type: 'dateTime', value: atMs, at };
    throw malformed(`line 1:${at} no viable alternative at character '${written.at(-1)}'`, at);
  }
  function wordLiteral(word: string, at: number): Literal {
    if (word === 'NULL') return { type: 'null', at };
    if (word === 'TRUE' || word === 'FALSE') return { type: 'boolean', value: word === 'TRUE', at };
    if (word === 'TODAY') return { type: 'days', daysBack: 0, until: 0, at };
    if (word === 'YESTERDAY') return { type: 'days', daysBack: 1, until: 1, at };
    const days = /^LAST_N_DAYS:(\d{1,4})$/.exec(word);
    if (days) return { type: 'days', daysBack: Number(days[1]), until: 0, at };
    position -= 1;
    if (word === ':') throw malformed('bind variables only allowed in Apex code', at);
    throw unexpected();
  }
  function literals(): Literal[] {
    expectSymbol('(');
    if (isWord('SELECT')) throw malformed('semi-joins are not simulated: query the ids first');
    const values = [literal()];
    while (takeSymbol(',')) values.push(literal());
    expectSymbol(')');
    return values;
  }

  function condition(depth: number): Condition {
    if (depth > NESTING_MAX) throw malformed('maximum nesting exceeded');
    const first = primary(depth);
    const kind = isWord('AND') ? 'and' : isWord('OR') ? 'or' : undefined;
    if (!kind) return first;
    const parts = [first];
    // AND and OR do not mix without parentheses: the other one is an unexpected token.
    while (takeWord(kind.toUpperCase())) parts.push(primary(depth));
    return { kind, parts };
  }
  function primary(depth: number): Condition {
    if (takeWord('NOT')) return { kind: 'not', part: primary(depth + 1) };
    if (takeSymbol('(')) {
      const inner = condition(depth + 1);
      expectSymbol(')');
      return inner;
    }
    const field = name();
    if (takeWord('LIKE')) return { kind: 'compare', field, operator: 'LIKE', value: literal() };
    if (takeWord('IN')) return { kind: 'in', field, negated: false, values: literals() };
    if (takeWord('NOT')) {
      expectWord('IN');
      return { kind: 'in', field, negated: true, values: literals() };
    }
    if (takeWord('INCLUDES')) return { kind: 'includes', field, negated: false, values: literals() };
    if (takeWord('EXCLUDES')) return { kind: 'includes', field, negated: true, values: literals() };
    const operator = COMPARISONS.find((symbol) => takeSymbol(symbol));
    if (!operator) throw unexpected();
    return { kind: 'compare', field, operator: operator === '<>' ? '!=' : operator, value: literal() };
  }

  function selection(): Pick<SoqlQuery, 'fields' | 'count'> {
    if (isWord('COUNT') && tokens[position + 1]?.text === '(') {
      position += 2;
      if (takeSymbol(')')) return { fields: [], count: {} };
      const field = name();
      expectSymbol(')');
      const alias = isWord('FROM') ? 'expr0' : name().name;
      return { fields: [field], count: { alias } };
    }
    const fields: FieldName[] = [];
    do {
      if (peek()?.text === '(') throw malformed('child queries are not simulated: query the children by their parent id');
      const field = name();
      if (takeSymbol('(')) {
        const argument = name();
        expectSymbol(')');
        fields.push({ name: `${field.name}(${argument.name})`.toUpperCase(), at: field.at });
      } else {
        fields.push(field);
      }
    } while (takeSymbol(','));
    return { fields };
  }

  function order(): OrderKey[] {
    const keys: OrderKey[] = [];
    do {
      const field = name();
      const descending = takeWord('DESC') || (takeWord('ASC') && false);
      let nullsFirst = true;
      if (takeWord('NULLS')) {
        nullsFirst = takeWord('FIRST');
        if (!nullsFirst) expectWord('LAST');
      }
      keys.push({ field, descending, nullsFirst });
    } while (takeSymbol(','));
    return keys;
  }

  expectWord('SELECT');
  const selected = selection();
  expectWord('FROM');
  const from = name();
  const where = takeWord('WHERE') ? condition(0) : undefined;
  for (const clause of ['GROUP', 'HAVING', 'WITH', 'FOR', 'USING']) {
    if (isWord(clause)) throw malformed(`${clause} is not simulated`);
  }
  let orderBy: OrderKey[] = [];
  if (takeWord('ORDER')) {
    expectWord('BY');
    orderBy = order();
  }
  const limit = takeWord('LIMIT') ? wholeNumber() : undefined;
  const offset = takeWord('OFFSET') ? wholeNumber() : 0;
  if (offset > OFFSET_MAX) throw new RowRefusal('NUMBER_OUTSIDE_VALID_RANGE', `Maximum SOQL offset allowed is ${OFFSET_MAX}`);
  if (peek()) throw unexpected();
  return { text, ...selected, from, where, orderBy, limit, offset };
}

const COMPARISONS = ['<=', '>=', '!=', '<>', '=', '<', '>'] as const;
const RESERVED = new Set('AND ASC DESC FROM GROUP HAVING IN LIKE LIMIT NOT NULL OR ORDER SELECT WHERE WITH'.split(' '));
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' };

// One token at a time, from `lastIndex` on. Dates come before numbers, which they begin like.
const TOKEN = new RegExp(
  [
    String.raw`(?<space>\s+)`,
    String.raw`(?<datetime>\d{4}-\d{2}-\d{2}(?:T[0-9:.]+(?:Z|[+-]\d{2}:?\d{2}))?)`,
    String.raw`(?<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)`,
    String.raw`(?<word>[A-Za-z_][A-Za-z0-9_.]*(?::\d+)?)`,
    '(?<symbol><=|>=|!=|<>|[=<>(),:])',
  ].join('|'),
  'y',
);

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    if (text[at] === "'") {
      const token = readString(text, at);
      tokens.push(token.token);
      at = token.end;
      continue;
    }
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(text)?.groups;
    if (!groups) throw soqlError(text, at, 'MALFORMED_QUERY', `unexpected token: '${text[at]}'`);
    const [kind = '', written = ''] = Object.entries(groups).find(([, value]) => value !== undefined) ?? [];
    if (kind === 'datetime' || kind === 'number' || kind === 'word' || kind === 'symbol')
      tokens.push({ kind, text: written, at });
    at += written.length;
  }
  return tokens;
}

/** A quoted string. Its `pattern` keeps `\%` and `\_` apart from the wild cards of LIKE. */
function readString(text: string, at: number): { token: Token; end: number } {
  let value = '';
  let pattern = '';
  for (let i = at + 1; i < text.length; i += 1) {
    const character = text[i] ?? '';
    if (character === "'") return { token: { kind: 'string', text: value, pattern, at }, end: i + 1 };
    if (character !== '\\') {
      value += character;
      pattern += character;
      continue;
    }
    i += 1;
    const escaped = text[i] ?? '';
    if (!/^['"\\_%nNrRtTbBfF]$/.test(escaped)) {
      throw soqlError(text, i - 1, 'MALFORMED_QUERY', `Illegal character sequence '\\${escaped}' in string literal`);
    }
    const meant = ESCAPES[escaped.toLowerCase()] ?? escaped;
    value += meant;
    pattern += /[_%\\]/.test(escaped) ? `\\${escaped}` : meant;
  }
  throw soqlError(text, at, 'MALFORMED_QUERY', 'unclosed string literal');
}
