import type { ChangeFeed, ObjectReader, ObjectState } from '../shared/connectors/connector.ts';
import type { GuardRef, GuardStore } from '../shared/store/guard-store.ts';
import { type HighWater, judgeListing, type ListingFacts, type NewestRow, raisedMark } from '../shared/sync/guards/high-water.ts';
import type { Stop } from '../shared/sync/guards/write-guard.ts';

/** A mark that is younger than this is not looked at again: it costs two calls. */
const MARK_LIFE_MS = 55 * 60_000;
/** How far back the very first mark looks for objects that were changed. */
const FIRST_LOOK_MS = 24 * 3_600_000;

export interface WatchPorts {
  readonly guards: Pick<GuardStore, 'mark' | 'putMark' | 'stop'>;
  readonly now: () => number;
}

/** One side of a sync, as far as watching it needs. */
export interface WatchedSide extends GuardRef {
  readonly object: string;
  readonly externalIdField: string;
  readonly stampResolutionMs: number;
}

/**
 * G3: holds what was just found in a system against what it had before. Where it is not the system it was, its writes stop; the
 * mark stays as it was, so that the stop names what changed until a person approves of it.
 */
export async function watchSystem(
  side: GuardRef & { readonly stampResolutionMs: number },
  facts: ListingFacts,
  ports: WatchPorts,
): Promise<Stop | undefined> {
  return judgeAndRaise(side, await ports.guards.mark(side), facts, [], ports);
}

/** Looks by itself, once an hour: are the objects that were changed last still there, as new as they were? */
export async function watchNewest(
  side: WatchedSide,
  accountId: string | undefined,
  connector: Pick<ObjectReader, 'read'> & Pick<ChangeFeed, 'changes'>,
  ports: WatchPorts,
): Promise<Stop | undefined> {
  const mark = await ports.guards.mark(side);
  if (mark !== undefined && ports.now() - mark.atMs < MARK_LIFE_MS) return undefined;
  const fields = [side.externalIdField];
  const ids = (mark?.newest ?? []).map(({ objectId }) => objectId);
  const states = ids.length === 0 ? new Map<string, ObjectState>() : await connector.read(side.object, ids, fields);
  const facts: ListingFacts = {
    ...(accountId !== undefined && { accountId }),
    newest: new Map([...states].map(([objectId, state]) => [objectId, standingOf(state)])),
  };
  const fromMs = mark?.newest[0]?.stampMs ?? ports.now() - FIRST_LOOK_MS;
  const { rows } = await connector.changes(side.object, fields, { fromMs, overlapMs: 0 });
  const changed = rows.flatMap((row): NewestRow[] =>
    row.state === 'present' ? [{ objectId: row.objectId, stampMs: row.stampMs }] : [],
  );
  return judgeAndRaise(side, mark, facts, changed, ports);
}

async function judgeAndRaise(
  side: GuardRef & { readonly stampResolutionMs: number },
  mark: HighWater | undefined,
  facts: ListingFacts,
  rows: readonly NewestRow[],
  { guards, now }: WatchPorts,
): Promise<Stop | undefined> {
  const reason = judgeListing(mark, facts, side.stampResolutionMs);
  if (reason !== undefined) return guards.stop(side, 'listing', reason);
  await guards.putMark(side, raisedMark(mark, facts, rows, now()));
  return undefined;
}

function standingOf(state: ObjectState): number | 'gone' | 'missing' {
  if (state.state === 'present') return state.stampMs;
  return state.state === 'missing' ? 'missing' : 'gone';
}
