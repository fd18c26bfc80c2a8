import type { CompiledSide, CompiledSync } from '../../shared/config/compiled-sync.ts';
import type { Connector } from '../../shared/connectors/connector.ts';
import type { GuardStore } from '../../shared/store/guard-store.ts';
import { type Canary, type CanaryRound, canaryDuties, judgeCanary } from '../../shared/sync/guards/canary.ts';

/** Two systems that report at the same time; the one that loses reads again. */
const TRIES_MAX = 4;

export interface ProbePorts {
  readonly system: string;
  readonly connector: Pick<Connector, 'read' | 'update'>;
  readonly guards: Pick<GuardStore, 'canaryRound' | 'putCanaryRound' | 'ofSync' | 'stop'>;
  readonly now: () => number;
}

export interface Probed {
  readonly round: number;
  /** What became of the token here; absent while it is awaited, and in runs with nothing to look for. */
  readonly found?: 'held' | 'stale';
  readonly wrote: boolean;
  /** Since the newest token was due, ms: nobody writes one where this passes an hour by much. */
  readonly ageMs: number;
}

/**
 * G4: does a system's part for the canary of one sync: looks whether the token has arrived, and writes the next one when it is this
 * system's turn. Where it did not arrive within 15 minutes, writes to this system stop.
 *
 * @returns undefined where the system has no canary.
 * @throws what the connector throws: a system that does not answer has proved nothing.
 */
export async function probeCanary(sync: CompiledSync, ports: ProbePorts): Promise<Probed | undefined> {
  const { canary } = sync;
  const objectId = canary?.objects[ports.system];
  const side = sync.sides[ports.system];
  if (canary === undefined || objectId === undefined || side === undefined) return undefined;
  const probe: Probe = { sync, canary, side, objectId, ports };
  const before = await ports.guards.canaryRound(sync.name);
  const found = before === undefined ? undefined : await look(probe, before.round);
  if (found !== undefined) await report(probe, before?.round.number ?? 0, found);
  const wrote = await write(probe);
  const newest = (await ports.guards.canaryRound(sync.name))?.round;
  return {
    round: newest?.number ?? 0,
    ...(found !== undefined && { found }),
    wrote,
    ageMs: ports.now() - (newest?.begunAtMs ?? ports.now()),
  };
}

interface Probe {
  readonly sync: CompiledSync;
  readonly canary: Canary;
  readonly side: CompiledSide;
  readonly objectId: string;
  readonly ports: ProbePorts;
}

async function look(probe: Probe, round: CanaryRound): Promise<'held' | 'stale' | undefined> {
  const { sync, canary, side, objectId, ports } = probe;
  const { system, now } = ports;
  if (!canaryDuties(canary, round, system, now()).look) return undefined;
  const guard = (await ports.guards.ofSync(sync.name)).get(system);
  if ((guard?.stops.length ?? 0) > 0) return undefined; // nothing is written there: the token cannot have come
  const natives = side.nativeFields.filter((native) => side.canonicalOf(native).includes(canary.field));
  const state = (await ports.connector.read(side.object, [objectId], natives)).get(objectId);
  const value = state?.state === 'present' ? side.toCanonical(state.values)[canary.field] : undefined;
  const found = judgeCanary(round, typeof value === 'string' ? value : undefined, now(), guard?.resumedAtMs);
  if (found === 'stale') {
    const what = state?.state === 'present' ? 'does not hold' : 'is not there to hold';
    const reason = `the canary ${objectId} ${what} what was written in ${round.writer} more than 15 minutes ago`;
    await ports.guards.stop({ sync: sync.name, system }, 'canary', reason);
  }
  return found;
}

async function report({ sync, ports }: Probe, number: number, found: 'held' | 'stale'): Promise<void> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const current = await ports.guards.canaryRound(sync.name);
    if (current === undefined || current.round.number !== number) return; // a newer round has begun
    const round = { ...current.round, found: { ...current.round.found, [ports.system]: found } };
    if (await ports.guards.putCanaryRound(sync.name, round, current.version)) return;
  }
}

/** The round is announced before its token is written and confirmed after: nobody judges by a token that may not be there. */
async function write(probe: Probe): Promise<boolean> {
  const { sync, canary, side, objectId, ports } = probe;
  const { system, guards, now } = ports;
  const known = await guards.canaryRound(sync.name);
  const { write: round } = canaryDuties(canary, known?.round, system, now());
  if (round === undefined || !(await guards.putCanaryRound(sync.name, round, known?.version ?? 0))) return false;
  const values = side.toNative({ [canary.field]: round.token }, { [canary.field]: round.token });
  const outcome = (await ports.connector.update(side.object, [{ objectId, values }])).get(objectId);
  if (outcome?.outcome !== 'written') return false; // the next run repeats it
  const written = { ...round, writtenAtMs: now() };
  return guards.putCanaryRound(sync.name, written, (known?.version ?? 0) + 1);
}
