import type { CompiledSync } from '../../../shared/config/compiled-sync.ts';
import type { Item } from '../../../shared/store/table.ts';
import type { Violation } from '../runs/run-report.ts';
import type { World } from '../world/world.ts';
import { judgeConvergence, judgeFixpoint } from './convergence.ts';
import { judgeDecisions, judgePhantoms } from './decisions.ts';
import { judgeEdits } from './edits.ts';
import { Case, type Evidence, judgedBy, readTable, type Say, type SystemEvidence } from './evidence.ts';
import type { RecordHistory } from './history.ts';
import { judgeCreates, judgeDeletes, judgeEmptied, judgeMatches, judgeOrigins, judgeTwins, judgeWriteCounts } from './writes.ts';

/** What the oracle reads of a table. */
export interface SeenTable {
  everything(): Iterable<Item>;
}

/** All that the oracle goes by at this moment. */
export function gather(world: World, table: SeenTable, sync: CompiledSync): Evidence {
  const systems = new Map<string, SystemEvidence>();
  for (const setup of world.setup.systems) {
    const crm = world.crm(setup.system);
    const live = new Map(crm.liveIds(setup.object).map((id) => [id, crm.valuesOf(id) ?? {}]));
    const merged = new Map(
      crm.ids(setup.object).flatMap((id): [string, string][] => {
        const into = crm.mergedInto(id);
        return into === undefined ? [] : [[id, into]];
      }),
    );
    systems.set(setup.system, { setup, live, merged, hidden: crm.hiddenTimes });
  }
  return {
    nowMs: world.crm(world.setup.systems[0]?.system ?? '').now(),
    sync,
    systems,
    changes: world.log.changes,
    ...readTable(table.everything()),
    intrusions: world.notifications.accepted,
  };
}

/** What must hold at any time, faults or none. */
export function judgeSafety(evidence: Evidence, history?: RecordHistory): Violation[] {
  const facts = new Case(evidence);
  return judgedBy(evidence.nowMs, [
    (say) => history?.look(evidence.records.values(), say),
    (say) => judgeIntrusions(facts, say),
    (say) => judgeCreates(facts, say),
    (say) => judgeDeletes(facts, say),
    (say) => judgeDecisions(facts, say),
  ]);
}

/** What must hold once all is quiet: everything. */
export function judgeFinal(evidence: Evidence): Violation[] {
  const facts = new Case(evidence);
  return judgedBy(evidence.nowMs, [
    (say) => judgeConvergence(facts, say),
    (say) => judgeEdits(facts, say),
    (say) => judgeWriteCounts(facts, say),
    (say) => judgeCreates(facts, say),
    (say) => judgeTwins(facts, say),
    (say) => judgeMatches(facts, say),
    (say) => judgeOrigins(facts, say),
    (say) => judgeEmptied(facts, say),
    (say) => judgeDeletes(facts, say),
    (say) => judgeDecisions(facts, say),
    (say) => judgePhantoms(facts, say),
    (say) => judgeIntrusions(facts, say),
  ]);
}

/** @param history - remembers from check to check. */
export function checkSafety(world: World, table: SeenTable, history: RecordHistory): Violation[] {
  return [...world.setup.syncs.values()].flatMap((sync) => judgeSafety(gather(world, table, sync), history));
}

export function checkFinal(
  world: World,
  table: SeenTable,
  syncs: ReadonlyMap<string, CompiledSync> = world.setup.syncs,
): Violation[] {
  return [...syncs.values()].flatMap((sync) => judgeFinal(gather(world, table, sync)));
}

/** @param sinceSeq - how long the world's log was when the full pass began. */
export function checkFixpoint(world: World, table: SeenTable, sinceSeq: number): Violation[] {
  return [...world.setup.syncs.values()].flatMap((sync) => {
    const facts = new Case(gather(world, table, sync));
    return judgedBy(facts.evidence.nowMs, [(say) => judgeFixpoint(facts, sinceSeq, say)]);
  });
}

/** S1: what is not signed by the system, or is about another account, changes nothing. */
function judgeIntrusions(facts: Case, say: Say): void {
  for (const { atMs, system, what } of facts.evidence.intrusions) say('S1', `${system}: ${what} was accepted`, atMs);
  for (const { recordId, lines } of facts.evidence.ledger) {
    for (const { field, to, lost } of lines) {
      for (const value of [to, lost?.value])
        if (typeof value === 'string' && value.startsWith('forged '))
          say('S1', `${field} of record ${recordId} was decided by a forged notification`);
    }
  }
}
