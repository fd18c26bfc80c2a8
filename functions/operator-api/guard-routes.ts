import * as z from 'zod';
import type { CompiledSync } from '../../shared/config/compiled-sync.ts';
import { type GuardStore, guardOfStop } from '../../shared/store/guard-store.ts';
import type { RecordStore } from '../../shared/store/record-store.ts';
import { unfrozen } from '../../shared/sync/freeze.ts';
import { blastCeilings } from '../../shared/sync/guards/blast-radius.ts';
import { APPROVAL_LIFE_MAX_MS } from '../../shared/sync/guards/guard-stops.ts';
import { type Stop, UNTOUCHED, type WriteGuard } from '../../shared/sync/guards/write-guard.ts';
import { windowCounts } from '../../shared/sync/guards/write-window.ts';
import { commitOf } from '../record-commit.ts';
import type { OperatorAnswer, OperatorRequest } from './operator-routes.ts';

const DAY_MS = 24 * 3_600_000;
const UNFREEZE_TRIES_MAX = 4;

export interface GuardPorts {
  readonly guards: GuardStore;
  readonly records: Pick<RecordStore, 'getMany' | 'commitMany'>;
  readonly syncs: readonly { readonly name: string; readonly objects: Readonly<Record<string, string>> }[];
  /** A sync ready to run, by its name. */
  readonly syncNamed: (sync: string) => CompiledSync;
  readonly now: () => number;
  readonly newId: () => string;
}

type Route = (request: OperatorRequest, ports: GuardPorts) => Promise<OperatorAnswer>;

/** What an operator sees of the guards, and says to them. */
export const GUARD_ROUTES: Readonly<Record<string, Route>> = {
  'GET /guards': guards,
  'POST /guards/{stopId}/approve': approve,
  'POST /guards/{stopId}/resume': (request, ports) => answerStop(request, 'resumed', ports.guards.resume),
  'POST /guards/{stopId}/keep': (request, ports) => answerStop(request, 'kept', ports.guards.keep),
  'POST /syncs/{sync}/pause': pause,
  'POST /syncs/{sync}/resume': resume,
  'POST /records/{id}/unfreeze': unfreeze,
};

async function guards(_: OperatorRequest, ports: GuardPorts): Promise<OperatorAnswer> {
  const syncs = await Promise.all(
    ports.syncs.map(async ({ name, objects }) => {
      const [found, canary] = await Promise.all([ports.guards.ofSync(name), ports.guards.canaryRound(name)]);
      const sync = ports.syncNamed(name);
      return {
        sync: name,
        systems: Object.fromEntries(
          Object.keys(objects).map((system) => [system, shown(found.get(system) ?? UNTOUCHED, sync, ports.now())]),
        ),
        canary:
          sync.canary === undefined
            ? { on: false, warning: 'no canary is configured: that nothing arrives any more is noticed by its users first' }
            : { on: true, objects: sync.canary.objects, ...(canary !== undefined && { round: canary.round }) },
      };
    }),
  );
  return { status: 200, body: { syncs } };
}

function shown(
  { linked, window, stops, allowances, acts, firstWriteAtMs }: WriteGuard,
  { guards: limits }: CompiledSync,
  nowMs: number,
) {
  const counts = windowCounts(window, nowMs);
  return {
    stops,
    linked,
    last24Hours: counts,
    allowed: blastCeilings({ linked, deleted: counts.deleted }, limits),
    allowances: allowances.filter((allowance) => allowance.untilMs > nowMs),
    isFirstSync: firstWriteAtMs === undefined || nowMs - firstWriteAtMs < DAY_MS,
    acts,
  };
}

const reason = z.string().trim().min(1, 'say why: it is kept with the stop').max(500);
const reasonSchema = z.strictObject({ reason });
const approvalSchema = z.strictObject({
  reason,
  allow: z.union([z.int().positive(), z.literal('run')]).default('run'),
  untilMs: z.int().positive().optional(),
});

async function approve(request: OperatorRequest, ports: GuardPorts): Promise<OperatorAnswer> {
  const asked = approvalSchema.safeParse(request.body ?? {});
  if (!asked.success) return unreadable(asked.error);
  const { allow, reason: why, untilMs = ports.now() + DAY_MS } = asked.data;
  if (untilMs <= ports.now()) return problem(400, 'untilMs: is past; give a time to come, in ms since 1970');
  if (untilMs > ports.now() + APPROVAL_LIFE_MAX_MS) return problem(400, 'untilMs: is more than 7 days ahead; approve for less');
  return answerStop(request, 'approved', (ref, stopId, by) =>
    ports.guards.approve(ref, stopId, { ...by, reason: why, allow, untilMs }),
  );
}

/** Every act names the stop: what is approved is what was shown. */
async function answerStop(
  { path, body, by = 'operator' }: OperatorRequest,
  done: 'approved' | 'resumed' | 'kept',
  act: GuardStore['resume'],
): Promise<OperatorAnswer> {
  const stopId = path.stopId ?? '';
  const ref = guardOfStop(stopId);
  const asked = z.looseObject({ reason }).safeParse(body ?? {});
  if (!asked.success) return unreadable(asked.error);
  const stop = ref && (await act(ref, stopId, { by, reason: asked.data.reason }));
  if (stop === undefined) return problem(404, `no stop ${stopId} stands; GET /guards lists those that do`);
  return { status: 200, body: { [done]: stop } };
}

const pauseSchema = z.strictObject({ reason, system: z.string().optional() });

async function pause(request: OperatorRequest, ports: GuardPorts): Promise<OperatorAnswer> {
  return forSystems(request, ports, (ref, by) => ports.guards.pause(ref, by));
}

/** Ends what an operator paused; whatever else stopped is ended by its own id. */
async function resume(request: OperatorRequest, ports: GuardPorts): Promise<OperatorAnswer> {
  return forSystems(request, ports, async (ref, by) => {
    const guard = (await ports.guards.ofSync(ref.sync)).get(ref.system);
    const stop = guard?.stops.find(({ cause }) => cause === 'pause');
    return stop && ports.guards.resume(ref, stop.id, by);
  });
}

async function forSystems(
  { path, body, by = 'operator' }: OperatorRequest,
  ports: GuardPorts,
  act: (ref: { sync: string; system: string }, by: { by: string; reason: string }) => Promise<Stop | undefined>,
): Promise<OperatorAnswer> {
  const sync = ports.syncs.find(({ name }) => name === path.sync);
  if (sync === undefined)
    return problem(404, `there is no sync ${path.sync ?? ''}; there is ${ports.syncs.map(({ name }) => name).join(', ')}`);
  const asked = pauseSchema.safeParse(body ?? {});
  if (!asked.success) return unreadable(asked.error);
  const known = Object.keys(sync.objects);
  const { system, reason: why } = asked.data;
  if (system !== undefined && !known.includes(system))
    return problem(404, `sync ${sync.name} has no system ${system}; it has ${known.join(', ')}`);
  const stops: Record<string, Stop> = {};
  for (const one of system === undefined ? known : [system]) {
    const stop = await act({ sync: sync.name, system: one }, { by, reason: why });
    if (stop !== undefined) stops[one] = stop;
  }
  return { status: 200, body: { sync: sync.name, stops } };
}

/** A person has looked into a record that went round in circles: it is written again. */
async function unfreeze({ path, body, by = 'operator' }: OperatorRequest, ports: GuardPorts): Promise<OperatorAnswer> {
  const recordId = path.id ?? '';
  const asked = reasonSchema.safeParse(body ?? {});
  if (!asked.success) return unreadable(asked.error);
  for (let tries = 0; tries < UNFREEZE_TRIES_MAX; tries += 1) {
    const record = (await ports.records.getMany([recordId], { consistent: true })).get(recordId);
    if (record === undefined) return problem(404, `there is no record ${recordId}`);
    if (record.frozen === undefined) return problem(409, `record ${recordId} is not frozen`);
    const thawed = unfrozen(record, ports.now(), `${asked.data.reason} (${by})`);
    const commit = commitOf(thawed.record, {
      rules: ports.syncNamed(record.sync).rules,
      nowMs: ports.now(),
      before: record,
      note: { correlationId: `operator-${ports.newId()}`, lines: thawed.lines, decidedAtMs: ports.now() },
    });
    const [result] = await ports.records.commitMany([commit]);
    if (result === 'committed') return { status: 200, body: { recordId, unfrozen: record.frozen } };
  }
  return problem(409, `record ${recordId} keeps changing; try again`);
}

function unreadable(error: z.ZodError): OperatorAnswer {
  return problem(400, error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; '));
}

function problem(status: number, message: string): OperatorAnswer {
  return { status, body: { message } };
}
