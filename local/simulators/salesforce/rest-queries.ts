import { type ApiAnswer, type ApiCall, headerOption, ok } from './api-call.ts';
import type { Org } from './org.ts';
import { mintId } from './record-id.ts';
import { RowRefusal } from './row-refusal.ts';
import { type Found, runSoql } from './soql-plan.ts';

const PAGE_SIZE_MAX = 2000;
const PAGE_SIZE_MIN = 200;
/** Documented as 2 days; an older page address answers INVALID_QUERY_LOCATOR. */
const CURSOR_LIFE_MS = 2 * 86_400_000;
/** Open result sets per user; one more closes the oldest. */
const CURSORS_MAX = 10;
const QUERY_LENGTH_MAX = 100_000;

interface Cursor {
  readonly found: Found;
  readonly withDeleted: boolean;
  readonly pageSize: number;
  readonly openedAtMs: number;
}

/** `/query`, `/queryAll` and the pages after the first. A result set is the ids found; each page shows the rows as they are then. */
export interface Queries {
  query(call: ApiCall, withDeleted: boolean): ApiAnswer;
  page(call: ApiCall): ApiAnswer;
  /** Forgets every open result set. */
  clear(): void;
}

export function queries(org: Org): Queries {
  const cursors = new Map<string, Cursor>();
  let opened = 0;

  function show(cursor: Cursor, from: number, version: string, locator: string | undefined): ApiAnswer {
    const { found, pageSize } = cursor;
    const to = Math.min(from + pageSize, found.ids.length);
    const records = found.ids.slice(from, to).flatMap((id) => {
      const row = org.table(found.object)?.get(id);
      return row && (cursor.withDeleted || row.deletedAtMs === undefined) ? [found.show(row, version)] : [];
    });
    const done = to >= found.ids.length;
    const next = done ? {} : { nextRecordsUrl: `/services/data/v${version}/query/${locator}-${to}` };
    return ok({ totalSize: found.ids.length, done, ...next, records });
  }

  return {
    query(call, withDeleted) {
      const text = call.query.get('q');
      if (text === null) throw new RowRefusal('MALFORMED_QUERY', 'The q parameter is required');
      if (text.length > QUERY_LENGTH_MAX)
        throw new RowRefusal('QUERY_TOO_LONG', `SOQL statements cannot exceed ${QUERY_LENGTH_MAX} characters`);
      const found = runSoql(org, text, withDeleted);
      if (found.count) return countAnswer(found.count);
      const cursor = { found, withDeleted, pageSize: pageSizeOf(call), openedAtMs: org.now() };
      if (found.ids.length <= cursor.pageSize) return show(cursor, 0, call.version, undefined);
      opened += 1;
      const locator = mintId('01g', opened);
      cursors.set(locator, cursor);
      const [oldest] = cursors.keys();
      if (cursors.size > CURSORS_MAX && oldest) cursors.delete(oldest);
      return show(cursor, 0, call.version, locator);
    },
    page(call) {
      const [locator = '', from = ''] = (call.path.locator ?? '').split('-');
      const cursor = cursors.get(locator);
      if (!cursor || !/^\d+$/.test(from) || org.now() - cursor.openedAtMs > CURSOR_LIFE_MS) {
        throw new RowRefusal('INVALID_QUERY_LOCATOR', 'invalid query locator');
      }
      return show(cursor, Number(from), call.version, locator);
    },
    clear: () => cursors.clear(),
  };
}

function countAnswer({ total, alias }: NonNullable<Found['count']>): ApiAnswer {
  if (alias === undefined) return ok({ totalSize: total, done: true, records: [] });
  return ok({ totalSize: 1, done: true, records: [{ attributes: { type: 'AggregateResult' }, [alias]: total }] });
}

/** `Sforce-Query-Options: batchSize=500`, held to 200..2,000. */
function pageSizeOf(call: ApiCall): number {
  const wanted = Number(headerOption(call.header('sforce-query-options'), 'batchsize') ?? PAGE_SIZE_MAX);
  return Number.isInteger(wanted) ? Math.min(PAGE_SIZE_MAX, Math.max(PAGE_SIZE_MIN, wanted)) : PAGE_SIZE_MAX;
}
