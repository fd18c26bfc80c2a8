import { AwsError } from './aws-error.ts';

/** What the gateway must know of a PartiQL statement. */
export interface Statement {
  readonly verb: 'Select' | 'Insert' | 'Update' | 'Delete';
  readonly tableName: string;
  readonly indexName: string | undefined;
  /** The same statement in the form that dynoxide understands. */
  readonly forServer: string;
  /** What an attribute is compared with (`pk = ?`) or set to in an INSERT: a parameter by number from 0, or a literal string. */
  readonly equals: ReadonlyMap<string, { readonly parameter: number } | { readonly literal: string }>;
}

interface Token {
  readonly kind: 'word' | 'name' | 'text' | 'parameter' | 'mark';
  readonly value: string; // without quotes
  readonly start: number;
  readonly end: number;
}

const TOKEN = /\s+|'((?:[^']|'')*)'|"((?:[^"]|"")*)"|([A-Za-z_][A-Za-z0-9_]*)|(\?)|(<<|>>|<>|<=|>=|[0-9.]+|.)/gsy;
const OPENING = new Set(['(', '[', '{', '<<']);
const CLOSING = new Set([')', ']', '}', '>>']);
/** Statements are few and come with each request. */
const KNOWN_MAX = 1_000;
const known = new Map<string, Statement>();

/**
 * Reads one statement.
 *
 * DynamoDB documents an UPDATE as a row of clauses, `SET a=? SET b=? REMOVE c`; dynoxide 1.2.1 takes only one SET and one REMOVE
 * with commas. So an UPDATE in the documented form is rewritten, and nothing else is.
 * docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.update.html
 *
 * @throws AwsError ValidationException when the statement is in no form that is known here.
 */
export function readStatement(text: string): Statement {
  const before = known.get(text);
  if (before !== undefined) return before;
  const statement = parse(text);
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(text, statement);
  return statement;
}

function parse(text: string): Statement {
  const tokens = tokensOf(text);
  const [first, second] = tokens;
  const verb = keyword(first);
  if (verb === 'UPDATE') return statement('Update', 1, rewriteUpdate(text, tokens));
  if (verb === 'INSERT' && keyword(second) === 'INTO') return statement('Insert', 2, text);
  if (verb === 'DELETE' && keyword(second) === 'FROM') return statement('Delete', 2, text);
  if (verb === 'SELECT') {
    const from = tokens.findIndex((token) => keyword(token) === 'FROM');
    if (from > 0) return statement('Select', from + 1, text);
  }
  throw malformed('it begins with none of SELECT ... FROM, INSERT INTO, UPDATE, DELETE FROM');

  function statement(verbName: Statement['verb'], tableAt: number, forServer: string): Statement {
    const table = tokens[tableAt];
    if (table?.kind !== 'name' && table?.kind !== 'word') throw malformed('it names no table');
    const index = tokens[tableAt + 1]?.value === '.' ? tokens[tableAt + 2] : undefined;
    return { verb: verbName, tableName: table.value, indexName: index?.value, forServer, equals: equalities(tokens, verbName) };
  }
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const [whole, string, name, word, parameter, mark] = match;
    const at = { start: match.index, end: match.index + whole.length };
    if (string !== undefined) tokens.push({ kind: 'text', value: string.replaceAll("''", "'"), ...at });
    else if (name !== undefined) tokens.push({ kind: 'name', value: name.replaceAll('""', '"'), ...at });
    else if (word !== undefined) tokens.push({ kind: 'word', value: word, ...at });
    else if (parameter !== undefined) tokens.push({ kind: 'parameter', value: '?', ...at });
    else if (mark !== undefined) tokens.push({ kind: 'mark', value: mark, ...at });
  }
  return tokens;
}

const keyword = (token: Token | undefined): string | undefined =>
  token?.kind === 'word' ? token.value.toUpperCase() : undefined;

interface Clause {
  readonly keyword: 'SET' | 'REMOVE';
  readonly start: number; // of what follows the keyword
  end: number;
}

/** Parameters are counted by position, and a REMOVE has none, so the SETs may all come first. */
function rewriteUpdate(text: string, tokens: readonly Token[]): string {
  const clauses: Clause[] = [];
  let depth = 0;
  let whereAt: number | undefined;
  let headEnd: number | undefined;
  for (const [at, token] of tokens.entries()) {
    if (OPENING.has(token.value) && token.kind === 'mark') depth++;
    if (CLOSING.has(token.value) && token.kind === 'mark') depth--;
    const word = depth === 0 && tokens[at - 1]?.value !== '.' ? keyword(token) : undefined;
    const clause = clauses.at(-1);
    if (word === 'WHERE') {
      whereAt = token.start;
      break;
    }
    if (word === 'SET' || word === 'REMOVE') {
      headEnd ??= token.start;
      clauses.push({ keyword: word, start: token.end, end: token.end });
    } else if (clause !== undefined) {
      if (depth === 0 && token.value === ',' && token.kind === 'mark') {
        throw malformed(
          `DynamoDB documents one ${clause.keyword} for each attribute, so repeat the keyword instead of the comma`,
        );
      }
      if (clause.keyword === 'REMOVE' && token.kind === 'parameter') throw malformed('a REMOVE takes no parameter');
      clause.end = token.end;
    }
  }
  if (headEnd === undefined || clauses.some((clause) => clause.end === clause.start))
    throw malformed('an UPDATE needs SET path = data or REMOVE path');
  if (whereAt === undefined) throw malformed('an UPDATE needs a WHERE with the whole primary key');
  const joined = (word: Clause['keyword']): string => {
    const parts = clauses
      .filter((clause) => clause.keyword === word)
      .map((clause) => text.slice(clause.start, clause.end).trim());
    return parts.length === 0 ? '' : `${word} ${parts.join(', ')} `;
  };
  return `${text.slice(0, headEnd)}${joined('SET')}${joined('REMOVE')}${text.slice(whereAt)}`;
}

/** `pk = ?` after WHERE, and `'pk': ?` in an INSERT. */
function equalities(tokens: readonly Token[], verb: Statement['verb']): Statement['equals'] {
  const found = new Map<string, { parameter: number } | { literal: string }>();
  const sign = verb === 'Insert' ? ':' : '=';
  let parameters = 0;
  let inWhere = verb === 'Insert';
  for (const [at, token] of tokens.entries()) {
    if (keyword(token) === 'WHERE') inWhere = true;
    const name = tokens[at - 2];
    const isValue = inWhere && name !== undefined && tokens[at - 1]?.value === sign;
    if (token.kind === 'parameter') {
      if (isValue) found.set(name.value, { parameter: parameters });
      parameters++;
    } else if (token.kind === 'text' && isValue) {
      found.set(name.value, { literal: token.value });
    }
  }
  return found;
}

function malformed(reason: string): AwsError {
  return new AwsError('ValidationException', `Statement wasn't well formed, can't be processed: ${reason}`);
}
