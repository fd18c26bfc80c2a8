import { type ApiAnswer, type ApiCall, ok } from './api-call.ts';
import { tableAt } from './api-writes.ts';
import { parseDatetime, restDatetime } from './datetime.ts';
import type { Org } from './org.ts';
import { RowRefusal } from './row-refusal.ts';

/**
 * `/sobjects/T/updated/` and `/deleted/`. Seconds of the window are ignored, and what it covers
 * ends before the oldest transaction that is still under way.
 * (Salesforce: developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_getupdated.htm)
 */

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const UPDATED_REACH_MS = 30 * DAY_MS;
const DELETED_REACH_MS = 15 * DAY_MS;
const IDS_MAX = 600_000;

export function updatedRows(org: Org, call: ApiCall): ApiAnswer {
  const table = tableAt(org, call);
  const window = windowOf(org, call, UPDATED_REACH_MS);
  const ids: string[] = [];
  for (const row of table.byStamp(window.fromMs)) {
    if (row.stampMs >= window.toMs) break;
    if (row.deletedAtMs === undefined) ids.push(row.id);
    if (ids.length > IDS_MAX) throw new RowRefusal('EXCEEDED_ID_LIMIT', `more than ${IDS_MAX} ids: ask for a shorter time`);
  }
  return ok({ ids, latestDateCovered: restDatetime(window.toMs) });
}

export function deletedRows(org: Org, call: ApiCall): ApiAnswer {
  const table = tableAt(org, call);
  const window = windowOf(org, call, DELETED_REACH_MS);
  const deleted = org.deleted(table.schema.name, window.fromMs, window.toMs);
  return ok({
    deletedRecords: deleted.map((entry) => ({ id: entry.id, deletedDate: restDatetime(entry.atMs) })),
    earliestDateAvailable: restDatetime(wholeMinute(org.now() - DELETED_REACH_MS)),
    latestDateCovered: restDatetime(window.toMs),
  });
}

function windowOf(org: Org, call: ApiCall, reachMs: number): { fromMs: number; toMs: number } {
  const fromMs = wholeMinute(timeOf(call, 'start'));
  const endMs = wholeMinute(timeOf(call, 'end'));
  if (fromMs >= endMs) throw new RowRefusal('INVALID_REPLICATION_DATE', 'startDate must be at least one minute before endDate');
  if (fromMs < wholeMinute(org.now() - reachMs)) {
    throw new RowRefusal('INVALID_REPLICATION_DATE', `startDate cannot be more than ${reachMs / DAY_MS} days ago`);
  }
  const settledMs = wholeMinute(Math.min(org.now(), org.oldestOpenMs() ?? Number.POSITIVE_INFINITY));
  return { fromMs, toMs: Math.max(fromMs, Math.min(endMs, settledMs)) };
}

function timeOf(call: ApiCall, name: string): number {
  const value = call.query.get(name);
  // A plus sign that was not URL-encoded comes in as a space.
  const atMs = value === null ? undefined : parseDatetime(value);
  if (atMs !== undefined) return atMs;
  throw new RowRefusal('INVALID_REPLICATION_DATE', `${name} is not a datetime with an offset: ${value}`);
}

const wholeMinute = (atMs: number) => Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
