import type { FieldRules, PolicySpec, StrategySpec } from '../sync/rules.ts';
import type { FieldConfig, SyncConfig } from './define-sync.ts';
import type { Policy, Strategy } from './strategy-config.ts';

/** Who wins a conflict of a field, and which edits it takes at all. */
export function decisionRulesOf(field: FieldConfig, sync: SyncConfig): Pick<FieldRules, 'strategy' | 'policies'> {
  const { strategy: own } = field;
  const listed: readonly Policy[] = [...(field.policies ?? []), ...(own?.kind === 'business-rules' ? own.rules : [])];
  const strategy = own === undefined ? (impliedStrategy(listed) ?? strategySpecOf(sync.strategy)) : strategySpecOf(own);
  const policies = listed.map(policySpecOf);
  // Concurrent edits apart, a field whose greatest value wins would still shrink by an edit that nobody contests.
  if ((strategy.kind === 'maximum' || strategy.kind === 'minimum') && !policies.some(({ kind }) => kind === strategy.kind))
    policies.push({ kind: strategy.kind });
  return { strategy, ...(policies.length > 0 && { policies }) };
}

/** Of business rules, the strategy they fall back on: the rules themselves are policies of their field. */
export function strategySpecOf(strategy: Strategy): StrategySpec {
  return strategy.kind === 'business-rules' ? strategy.otherwise : strategy;
}

/** What a policy says of single edits would be undone by a strategy that goes by the clock. */
function impliedStrategy(policies: readonly Policy[]): StrategySpec | undefined {
  for (const policy of policies) {
    switch (policy.kind) {
      case 'source-of-truth':
        return { kind: 'prefer-system', system: policy.system, reason: policy.reason };
      case 'maximum':
      case 'minimum':
      case 'fill-only':
        return { kind: policy.kind };
    }
  }
  return undefined;
}

function policySpecOf(policy: Policy): PolicySpec {
  if (policy.kind !== 'own-value') return policy;
  const { until, ...rest } = policy;
  return { ...rest, ...(until !== undefined && { untilMs: Date.parse(until) }) }; // a day alone is midnight UTC
}
