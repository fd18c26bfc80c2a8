import { RequestRefusedError } from '../../errors.ts';
import { isObject, textAt } from '../answer-shape.ts';
import type { ObjectState, RowPage } from '../connector.ts';
import { mustStartOver, resumeAfterPage } from '../poll-run.ts';
import { askedAtTheirs } from '../transport.ts';
import { type ChangePosition, readCursor, type SearchPosition } from './change-cursor.ts';
import { type ReadTarget, readRows } from './object-read.ts';
import { lastModifiedProperty, mergedIds } from './row.ts';
import { type FoundRow, type SearchFilter, searchPage } from './search.ts';

/** Archived pages (100 rows each) per run: the listing has no time filter, and an old account's is long. */
const ARCHIVE_PAGES_PER_RUN = 10;
const ARCHIVE_PAGE_SIZE = 100;

interface Listing {
  readonly fields: readonly string[];
  readonly from: { readonly cursor?: string; readonly fromMs: number; readonly overlapMs: number };
  readonly clock: () => number;
}

/**
 * One page of changes. A run first searches by the last-modified stamp, then reads the listing of
 * archived objects for deletions, which no search shows; a long listing goes on in the next run.
 */
export async function changePage(target: ReadTarget, listing: Listing): Promise<RowPage> {
  const position = readCursor(listing.from.cursor, listing.from);
  return position.search === undefined
    ? await archivedPage(target, listing, position)
    : await searchedPage(target, listing, position, position.search);
}

async function searchedPage(
  target: ReadTarget,
  listing: Listing,
  position: ChangePosition,
  at: SearchPosition,
): Promise<RowPage> {
  const stampProperty = lastModifiedProperty(target.object);
  const filters: SearchFilter[] = [{ propertyName: stampProperty, operator: 'GTE', value: String(at.fromMs) }];
  if (at.tieAfterId !== undefined) {
    filters.push({ propertyName: stampProperty, operator: 'LTE', value: String(at.fromMs) });
    filters.push({ propertyName: 'hs_object_id', operator: 'GT', value: at.tieAfterId });
  }
  const sortBy = at.tieAfterId === undefined ? stampProperty : 'hs_object_id';
  const askedAtOursMs = listing.clock();
  const page = await searchPage(target, { filters, sortBy }, listing.fields);
  const askedAtMs = askedAtTheirs(page.answer, { askedAtMs: askedAtOursMs, answeredAtMs: listing.clock() });
  const { overlapMs } = listing.from;

  const step = nextSearch(at, page);
  const resumeMs = resumeAfterPage(at.resumeMs, { fromMs: at.fromMs, toMs: step.next?.fromMs, askedAtMs, overlapMs });
  // No listing shows what was merged away; the survivor names it, and a merge moves the survivor's stamp.
  const rows = step.rows.flatMap((row): ObjectState[] => [
    row.state,
    ...mergedIds(row).map((objectId): ObjectState => ({ state: 'merged', objectId, intoObjectId: row.objectId })),
  ]);
  if (step.next === undefined) {
    return pageAt(rows, { ...position, search: undefined, nextFromMs: resumeMs ?? at.fromMs, archivePages: 0 }, false);
  }
  const search = mustStartOver(resumeMs, askedAtMs, overlapMs) ? { fromMs: resumeMs ?? at.fromMs } : { ...step.next, resumeMs };
  return pageAt(rows, { ...position, search }, false);
}

/**
 * Which rows of a page are final, and where the next begins. Rows of one stamp have no order among
 * themselves, so a full page gives up those of its last stamp and the next begins with that stamp;
 * if all have it, they are read by id first.
 */
function nextSearch(
  at: SearchPosition,
  page: { rows: readonly FoundRow[]; full: boolean },
): { rows: readonly FoundRow[]; next: SearchPosition | undefined } {
  const last = page.rows.at(-1);
  if (at.tieAfterId !== undefined) {
    const done = !page.full || last === undefined;
    return { rows: page.rows, next: done ? { fromMs: at.fromMs + 1 } : { fromMs: at.fromMs, tieAfterId: last.objectId } };
  }
  if (!page.full || last === undefined) return { rows: page.rows, next: undefined };
  const earlier = page.rows.filter((row) => row.stampMs < last.stampMs);
  if (earlier.length > 0) return { rows: earlier, next: { fromMs: last.stampMs } };
  return { rows: [], next: { fromMs: last.stampMs, tieAfterId: '0' } };
}

async function archivedPage(target: ReadTarget, listing: Listing, position: ChangePosition): Promise<RowPage> {
  const { archive } = position;
  const askedAtMs = listing.clock();
  let startedAtMs = archive.startedAtMs;
  const after = archive.after === undefined ? '' : `&after=${encodeURIComponent(archive.after)}`;
  let json: unknown;
  try {
    const answer = await target.api.call({
      method: 'GET',
      path: `${target.path}?archived=true&limit=${ARCHIVE_PAGE_SIZE}&properties=hs_object_id${after}`,
      effect: 'read',
    });
    json = answer.json;
    startedAtMs ??= askedAtTheirs(answer, { askedAtMs, answeredAtMs: listing.clock() });
  } catch (error) {
    // A stored place in the listing that is no longer known: the next run begins the pass again.
    if (!(error instanceof RequestRefusedError) || archive.after === undefined) throw error;
    return pageAt([], endOfRun(position, { sinceMs: archive.sinceMs }), true);
  }
  const rows: ObjectState[] = [];
  for (const { objectId, archivedAtMs } of readRows(target, json)) {
    if (archivedAtMs !== undefined && archivedAtMs >= archive.sinceMs) {
      rows.push({ state: 'deleted', objectId, deletedAtMs: archivedAtMs });
    }
  }
  const next = nextAfter(json);
  if (next === undefined) {
    // What is archived behind the pass has a later time than its start, and is found by the next pass.
    const sinceMs = Math.max(archive.sinceMs, startedAtMs - listing.from.overlapMs);
    return pageAt(rows, endOfRun(position, { sinceMs }), true);
  }
  const pass = { sinceMs: archive.sinceMs, startedAtMs, after: next };
  const archivePages = position.archivePages + 1;
  if (archivePages >= ARCHIVE_PAGES_PER_RUN) return pageAt(rows, endOfRun(position, pass), true);
  return pageAt(rows, { ...position, archive: pass, archivePages }, false);
}

function endOfRun(position: ChangePosition, archive: ChangePosition['archive']): ChangePosition {
  return { v: 1, search: { fromMs: position.nextFromMs ?? archive.sinceMs }, archive, archivePages: 0 };
}

function pageAt(rows: readonly ObjectState[], position: ChangePosition, done: boolean): RowPage {
  return { rows, cursor: JSON.stringify(position), done };
}

/** `paging.next.after`, absent on the last page. */
export function nextAfter(json: unknown): string | undefined {
  const paging = isObject(json) ? json.paging : undefined;
  return textAt(isObject(paging) ? paging.next : undefined, 'after');
}
