import { isReserved } from './reserved-words.ts';
import { UnknownToModelError, validation } from './table-refusals.ts';

/** One conditional update of one item. Its parameters are first those of `sets`, then those of `where`. */
export interface PartiqlUpdate {
  readonly table: string;
  readonly sets: readonly string[];
  readonly removes: readonly string[];
  /** Equalities. */
  readonly where: readonly string[];
}

const TOKEN = /\s*("(?:[^"]|"")*"|[A-Za-z_]\w*|\S)/gy;
const TEXTS_MAX = 2_000;
const known = new Map<string, PartiqlUpdate>();

/**
 * `UPDATE "table" SET a=? SET "as"=? REMOVE c WHERE pk=? AND sk=? AND v=?`, the one form that the stores use.
 * docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.update.html
 */
export function partiqlUpdateOf(text: string): PartiqlUpdate {
  let update = known.get(text);
  if (update === undefined) {
    update = read(text);
    if (known.size >= TEXTS_MAX) known.clear();
    known.set(text, update);
  }
  return update;
}

function read(text: string): PartiqlUpdate {
  const tokens = [...text.matchAll(TOKEN)].map(([, token = '']) => token);
  let at = 0;
  const isNext = (word: string): boolean => tokens[at]?.toUpperCase() === word;
  const skip = (word: string): boolean => {
    const isThere = isNext(word);
    if (isThere) at += 1;
    return isThere;
  };
  const expect = (word: string): void => {
    if (!skip(word)) throw new UnknownToModelError(`the statement ${text} (${word} expected at ${tokens[at] ?? 'the end'})`);
  };
  const name = (): string => {
    const token = tokens[at] ?? '';
    at += 1;
    if (token.startsWith('"')) return token.slice(1, -1).replaceAll('""', '"');
    if (!/^[A-Za-z_]\w*$/.test(token) || isReserved(token))
      throw validation(`Statement wasn't well formed, can't be processed: Unexpected keyword ${token}`);
    return token;
  };
  const parameter = (): string => {
    const attribute = name();
    expect('=');
    expect('?');
    return attribute;
  };

  expect('UPDATE');
  const table = name();
  const sets: string[] = [];
  const removes: string[] = [];
  for (;;) {
    if (skip('SET')) sets.push(parameter());
    else if (skip('REMOVE')) removes.push(name());
    else break;
  }
  expect('WHERE');
  const where = [parameter()];
  while (skip('AND')) where.push(parameter());
  if (at < tokens.length) throw new UnknownToModelError(`the statement ${text} (after ${tokens[at - 1]})`);
  return { table, sets, removes, where };
}
