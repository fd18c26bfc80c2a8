import type { FieldValue } from '../../../shared/sync/field-value.ts';
import type { LedgerLine } from '../../../shared/sync/ledger.ts';
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
