import type { CompiledSide, CompiledSync } from '../../shared/config/compiled-sync.ts';
import type { ChangeFeed, ObjectState } from '../../shared/connectors/connector.ts';
import { hintMessages } from '../../shared/queue/envelopes.ts';
import type { MessageSender } from '../../shared/queue/message-sender.ts';
import type { CursorStore, PollCursor } from '../../shared/store/cursor-store.ts';
import type { ChangeHint } from '../../shared/sync/change-hint.ts';

/** Longer than a function may run: a poller that died frees its cursor by then. */
const LEASE_MS = 6 * 60_000;

export interface PollPorts {
  readonly tenant: string;
  readonly system: string;
  readonly connector: ChangeFeed;
  readonly cursors: CursorStore;
  readonly changes: MessageSender; // the changes queue of this system
  readonly now: () => number;
  readonly newId: () => string;
  /** Epoch ms; a new page is not begun after it. */
  readonly deadlineMs: number;
}

export interface PollResult {
  readonly rows: number;
  readonly hints: number;
  /** How far behind the present this system's cursor is, ms; absent when another poller has the cursor. */
  readonly lagMs?: number;
  /** False when time ran out, or another poller has the cursor. */
  readonly caughtUp: boolean;
}

/**
 * Lists what changed since the cursor and hints at it. The cursor moves only after the hints are on the queue, so a
 * poller that dies repeats a page and loses none.
 *
 * @param fromMs - where the very first poll begins.
 */
export async function pollChanges(sync: CompiledSync, fromMs: number, ports: PollPorts): Promise<PollResult> {
  const owner = ports.newId();
  const leased = await ports.cursors.lease(sync.name, ports.system, { owner, leaseMs: LEASE_MS, fromMs });
  if (leased === undefined) return { rows: 0, hints: 0, caughtUp: false };
  const run: PollRun = { sync, owner, position: leased };
  try {
    return await pollPages(run, ports);
  } catch (error) {
    // The next poll need not wait for the lease to end; it begins where the last whole page ended.
    const { position } = run;
    await ports.cursors
      .put(sync.name, ports.system, position, { version: position.version, owner, release: true })
      .catch(() => undefined);
    throw error;
  }
}

interface PollRun {
  readonly sync: CompiledSync;
  readonly owner: string;
  /** Where the next page begins. */
  position: PollCursor;
}

async function pollPages(run: PollRun, ports: PollPorts): Promise<PollResult> {
  const { sync, owner } = run;
  const side = sideOf(sync, ports.system);
  const overlapMs = sync.poll.overlapMinutes * 60_000;
  const seen = await ports.cursors.seenRows(sync.name, ports.system, { windowMs: 2 * overlapMs });
  let rows = 0;
  let hinted = 0;
  for (;;) {
    const { position } = run;
    const askedAtMs = ports.now();
    const page = await ports.connector.changes(side.object, side.nativeFields, {
      ...(position.cursor !== undefined && { cursor: position.cursor }),
      fromMs: position.fromMs,
      overlapMs,
    });
    rows += page.rows.length;
    const fresh = seen.unseen(page.rows.map(remembered));
    const hints = fresh.map(({ row }) => hintOf(row, side, askedAtMs, `poll-${ports.newId()}`));
    await ports.changes.send(
      hintMessages({ tenant: ports.tenant, system: ports.system, sync: sync.name }, hints).map((body) => ({ body })),
    );
    hinted += hints.length;
    await seen.remember(fresh);
    const caughtUp = page.done;
    const last = caughtUp || ports.now() >= ports.deadlineMs;
    const moved = await ports.cursors.put(
      sync.name,
      ports.system,
      {
        ...(page.cursor !== undefined && { cursor: page.cursor }),
        fromMs: position.fromMs,
        polledAtMs: caughtUp ? askedAtMs : position.polledAtMs,
      },
      { version: position.version, owner, release: last },
    );
    if (moved === 'conflict') return { rows, hints: hinted, caughtUp: false }; // our lease ran out; its new owner goes on
    if (last) return { rows, hints: hinted, lagMs: ports.now() - (moved.polledAtMs ?? moved.fromMs), caughtUp };
    run.position = moved;
  }
}

export function sideOf(sync: CompiledSync, system: string): CompiledSide {
  const side = sync.sides[system];
  if (side === undefined) throw new Error(`sync ${sync.name} has no side in ${system}: see concord.config.ts`);
  return side;
}

/**
 * What a hinted row is known again by. Its content counts too: two edits can share a whole-second stamp, and a poll that
 * came between them has shown the first only.
 */
function remembered(row: ObjectState) {
  return { objectId: JSON.stringify(row), stampMs: stampOf(row), row };
}

function stampOf(row: ObjectState): number {
  if (row.state === 'present') return row.stampMs;
  return row.state === 'deleted' ? row.deletedAtMs : 0;
}

function hintOf(row: ObjectState, side: CompiledSide, askedAtMs: number, correlationId: string): ChangeHint {
  const base = { object: side.object, objectId: row.objectId, receivedAtMs: askedAtMs, correlationId };
  if (row.state !== 'present') {
    const kind = row.state === 'merged' ? 'merged' : 'deleted';
    return { ...base, kind, by: 'unknown', occurredAtMs: stampOf(row) || askedAtMs, fields: {} };
  }
  const fields = Object.fromEntries(
    side.nativeFields.flatMap((name) => {
      const value = row.values[name];
      return value === undefined || name === side.externalIdField ? [] : [[name, { value }]];
    }),
  );
  return {
    ...base,
    kind: 'changed',
    by: row.modifiedBy,
    occurredAtMs: row.stampMs,
    stampMs: row.stampMs,
    fields,
    snapshot: true,
  };
}
