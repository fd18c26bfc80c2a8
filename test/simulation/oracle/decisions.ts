import type { NativeValue } from '../../../shared/sync/change-hint.ts';
import type { FieldValue } from '../../../shared/sync/field-value.ts';
import type { LedgerLine } from '../../../shared/sync/ledger.ts';
import type { CrmChange } from '../world/crm-log.ts';
import { type Case, type Say, shown } from './evidence.ts';
import { isRightWinner, type ReferenceStrategy } from './reference-decision.ts';

/** I13: every conflict that the ledger tells of is decided once more, by other code, and must have the same winner. */
export function judgeDecisions(facts: Case, say: Say): void {
  const { ledger, sync } = facts.evidence;
  const systems = Object.keys(sync.rules.systems).sort(
    (a, b) => (sync.rules.systems[a]?.rank ?? 0) - (sync.rules.systems[b]?.rank ?? 0),
  );
  for (const { recordId, version, lines, decidedAtMs } of ledger) {
    for (const line of lines) {
      const strategy = strategyOf(facts, line);
      const { lost, field } = line;
      if (strategy === undefined || lost === undefined || field === undefined) continue;
      const winner = { value: line.to ?? null, by: line.by, atMs: line.atMs };
      const right = isRightWinner(winner, lost, strategy, systems);
      if (right !== false) continue;
      say(
        'I13',
        `record ${recordId} version ${version}: ${field} by ${line.rule} (${strategy.kind}) went to ${edit(winner)}, and not to ${edit(lost)}`,
        decidedAtMs,
      );
    }
  }
}

/**
 * I5: every edit that the ledger tells of was made, and was decided once. A stale read, an echo, or a late write of our own that is
 * taken for somebody's edit is one that nobody made there.
 */
export function judgePhantoms(facts: Case, say: Say): void {
  const made = new Map<string, number>();
  const keyOf = (group: string, system: string, field: string, value: FieldValue) =>
    JSON.stringify([group, system, field, facts.canon(field, value)]);
  const stored = new Map<string, NativeValue>();
  const placeOf = ({ system, objectId }: CrmChange, native: string) => JSON.stringify([system, objectId, native]);
  for (const change of facts.evidence.changes) {
    const group = facts.groupOfObject(change.system, change.objectId);
    // A rule within our own write put back what was there: the system kept its value, and nobody saw ours.
    for (const [native, sent] of Object.entries(change.sent ?? {})) {
      const kept = stored.get(placeOf(change, native));
      const field = facts.fieldOf(change.system, native);
      if (field === undefined || kept === undefined || kept === sent || change.fields[native] !== undefined) continue;
      const key = keyOf(group, change.system, field, facts.canonOf(change.system, native, kept));
      made.set(key, (made.get(key) ?? 0) + 1);
    }
    for (const [native, { after }] of Object.entries(change.fields)) stored.set(placeOf(change, native), after);
    // What the system made of our value may be taken for an edit where nobody can tell.
    const saved =
      change.author.by === 'concord'
        ? Object.entries(change.formed ?? {})
        : Object.entries(change.fields).map(([native, { after }]) => [native, after] as const);
    for (const [native, value] of saved) {
      const field = facts.fieldOf(change.system, native);
      if (field === undefined) continue;
      const key = keyOf(group, change.system, field, facts.canonOf(change.system, native, value));
      made.set(key, (made.get(key) ?? 0) + 1);
    }
  }
  const decided = new Map<string, number>();
  for (const { recordId, version, lines, decidedAtMs } of [...facts.evidence.ledger].sort(
    (a, b) => a.decidedAtMs - b.decidedAtMs,
  )) {
    for (const line of lines) {
      const told = editTold(line);
      // A cleared or ticked field comes about in more ways than can be counted.
      if (told === undefined || told.value === null || typeof told.value === 'boolean') continue;
      const { field, system, value } = told;
      if (facts.evidence.systems.get(system) === undefined) continue;
      const key = keyOf(facts.groupOfRecord(recordId), system, field, value);
      const times = (decided.get(key) ?? 0) + 1;
      decided.set(key, times);
      const most = made.get(key) ?? 0;
      if (times === most + 1)
        say(
          'I5',
          `record ${recordId} version ${version} took ${shown(value)} in ${field} for an edit in ${system}, where it was saved ${most} times and decided ${times} times`,
          decidedAtMs,
        );
    }
  }
}

/** The edit that a line is about, where it is one that a look found; a first look, a merge or a person's choice is none. */
function editTold({
  event,
  field,
  rule,
  by,
  to,
  lost,
}: LedgerLine): { field: string; system: string; value: FieldValue } | undefined {
  if (field === undefined || !/^O[67](\/|$)/.test(rule)) return undefined;
  if (event === 'kept' && lost !== undefined) return { field, system: lost.by, value: lost.value };
  if (event !== 'changed') return undefined;
  // Of a merged value, what is lost is this side's own.
  if (/S(6|9|11)$/.test(rule)) return lost === undefined ? undefined : { field, system: lost.by, value: lost.value };
  return to === undefined ? undefined : { field, system: by, value: to };
}

/** How the line's conflict was to be decided; undefined where the line tells of none that has a winner. */
function strategyOf(facts: Case, { field, rule, event }: LedgerLine): ReferenceStrategy | undefined {
  if (field === undefined || (event !== 'changed' && event !== 'kept')) return undefined;
  const [cause = '', how = ''] = rule.split('/');
  if (!/^S\d+$/.test(how) || !['O5', 'O7', 'O9'].includes(cause)) return undefined;
  const own = facts.evidence.sync.rules.fields[field]?.strategy;
  if (own === undefined) return undefined;
  const goesByValue = own.kind === 'maximum' || own.kind === 'minimum' || own.kind === 'set-union';
  const chosen = cause === 'O5' && !goesByValue ? facts.evidence.sync.rules.firstSync : own;
  return chosen.kind === 'prefer-system' ? { kind: chosen.kind, system: chosen.system } : { kind: chosen.kind };
}

function edit({ value, by, atMs }: { readonly value: FieldValue; readonly by: string; readonly atMs: number }): string {
  return `${shown(value)} of ${by} at ${atMs}`;
}
