import type { CompiledSync } from '../../shared/config/compiled-sync.ts';
import type { ChangeFeed, ObjectState } from '../../shared/connectors/connector.ts';
import type { MessageSender } from '../../shared/queue/message-sender.ts';
import {
  type FirstSync,
  type FirstSyncStore,
  isLiveIn,
  type ListedFacts,
  type ListedObject,
  type ListingPass,
} from '../../shared/store/first-sync-store.ts';
import type { RecordStore } from '../../shared/store/record-store.ts';
import { comparableText } from '../../shared/sync/matching/comparable.ts';
import { matchListed } from './match-listed.ts';
import { sideOf } from './poll-changes.ts';

/** A system that is live already lists once more for a newcomer: its own changes are polled in the same run. */
const LIST_AGAIN_MS = 60_000;

export interface FirstSyncPorts {
  readonly tenant: string;
  readonly system: string;
  readonly connector: ChangeFeed;
  readonly firstSync: FirstSyncStore;
  readonly records: Pick<RecordStore, 'moveMatchKey' | 'resolveMany'>;
  readonly changes: ReadonlyMap<string, MessageSender>; // changes queues, by system
  readonly now: () => number;
  readonly newId: () => string;
  readonly deadlineMs: number;
}

export interface FirstSyncProgress {
  /** As far as this system is concerned: one that was live before a newcomer came stays so. */
  readonly phase: FirstSync['phase'];
  readonly startedAtMs: number;
  readonly listed: number;
  readonly matched: number;
  readonly reviews: number;
}

/**
 * Takes the first sync of a system as far as time allows: list everything, then (once every system is listed) match, then
 * go live. Nothing is delivered before all listings ended; each step can be repeated after a stop at any point. The same
 * is done once more with all systems when one was added later.
 */
export async function advanceFirstSync(sync: CompiledSync, ports: FirstSyncPorts): Promise<FirstSyncProgress> {
  const state = await ports.firstSync.begin(sync.name, Object.keys(sync.sides));
  const pass = state.phase === 'live' ? state.join : state;
  if (pass === undefined) return progressOf(state, ports.system);
  const wasLive = isLiveIn(state, ports.system);
  const deadlineMs = wasLive ? Math.min(ports.deadlineMs, ports.now() + LIST_AGAIN_MS) : ports.deadlineMs;
  const found = await advancePass(sync, pass, { ...ports, deadlineMs }, { matches: !wasLive });
  return { ...progressOf((await ports.firstSync.get(sync.name)) ?? state, ports.system), ...found };
}

function progressOf(state: FirstSync, system: string): FirstSyncProgress {
  const pass = isLiveIn(state, system) ? state : (state.join ?? state);
  const phase = isLiveIn(state, system) || pass.phase !== 'live' ? pass.phase : 'listing'; // it waits for a pass of its own
  const listed = Object.values(pass.listings).reduce((sum, listing) => sum + listing.listed, 0);
  return { phase, startedAtMs: pass.listings[system]?.startedAtMs ?? pass.startedAtMs, listed, matched: 0, reviews: 0 };
}

async function advancePass(
  sync: CompiledSync,
  begun: ListingPass,
  ports: FirstSyncPorts,
  /** Matching takes memory and time that a system which is live needs for its polls: the newcomer's poller does it. */
  { matches }: { readonly matches: boolean },
): Promise<Partial<Pick<FirstSyncProgress, 'matched' | 'reviews'>>> {
  const current = async (): Promise<ListingPass | undefined> => {
    const state = await ports.firstSync.get(sync.name);
    return begun.pass === 0 ? state : state?.join;
  };
  let pass = begun;
  if (pass.phase === 'listing') {
    await list(sync, pass, ports);
    pass = (await current()) ?? pass;
    const { listings } = pass;
    // A system that came during a later pass waits for the next one; the first sync waits for all.
    const awaited = Object.keys(sync.sides).filter((system) => begun.pass === 0 || listings[system] !== undefined);
    if (pass.phase === 'listing' && awaited.every((system) => listings[system]?.done)) {
      await ports.firstSync.move(sync.name, { phase: 'matching', version: pass.version, pass: pass.pass });
      pass = (await current()) ?? pass;
    }
  }
  return matches && pass.phase === 'matching' ? matchListed(sync, pass, ports) : {};
}

async function list(sync: CompiledSync, pass: ListingPass, ports: FirstSyncPorts): Promise<void> {
  const side = sideOf(sync, ports.system);
  // Nothing is matched by references to other records, and some systems need a call of their own for them.
  const fields = side.nativeFields.filter((native) => !side.references.some((reference) => reference.native === native));
  let listing = pass.listings[ports.system];
  while (listing !== undefined && !listing.done && ports.now() < ports.deadlineMs) {
    const page = await ports.connector.list(side.object, fields, listing.cursor);
    const entries = page.rows.flatMap((row) => indexEntry(sync, ports.system, row) ?? []);
    await ports.firstSync.index(
      sync.name,
      entries.flatMap(({ keys }) => keys),
      pass.pass,
    );
    await ports.firstSync.indexFacts(
      sync.name,
      entries.map(({ object }) => object),
      pass.pass,
    );
    const saved = await ports.firstSync.saveListing(
      sync.name,
      ports.system,
      {
        ...(page.cursor !== undefined && { cursor: page.cursor }),
        done: page.done,
        listed: listing.listed + page.rows.length,
        version: listing.version,
      },
      pass.pass,
    );
    if (saved === 'conflict') return; // another poller lists; both index the same rows
    listing = saved;
  }
}

function indexEntry(
  sync: CompiledSync,
  system: string,
  row: ObjectState,
): { readonly keys: ListedObject[]; readonly object: ListedFacts } | undefined {
  const side = sideOf(sync, system);
  if (row.state !== 'present' || !side.takesPart(row.values)) return undefined;
  const { objectId } = row;
  const values = side.toCanonical(row.values);
  const keys = sync.matchKeys.flatMap((key, keyIndex): ListedObject[] => {
    const keyValue = key.keyOf(values);
    return keyValue === undefined ? [] : [{ keyIndex, keyValue, system, objectId }];
  });
  const facts = (sync.scored?.fields ?? []).flatMap(({ field, kind }): [string, string][] => {
    const value = values[field] ?? null;
    const text = comparableText(sync.rules.fields[field]?.canon(value) ?? value, kind);
    return text === undefined ? [] : [[field, text]];
  });
  return { keys, object: { system, objectId, facts: Object.fromEntries(facts) } };
}
