import type { CustomDecision } from '../sync/rules.ts';

// The words of `concord.config.ts` that say who wins, and which edits a field takes at all. docs/configuration.md explains each.

/** How two concurrent edits are decided, whatever the kind of field. */
export type SyncStrategy<System extends string = string> =
  | { readonly kind: 'last-write-wins' | 'first-write-wins' | 'manual' | 'fill-only' }
  | { readonly kind: 'prefer-system'; readonly system: System; readonly reason: string }
  | { readonly kind: 'custom'; readonly name: string; readonly decide: CustomDecision };

/** How two concurrent edits of one field are decided, where one strategy says all. */
export type PlainStrategy<System extends string = string> =
  | SyncStrategy<System>
  | { readonly kind: 'additive' | 'maximum' | 'minimum' | 'set-union' };

/** How two concurrent edits of one field are decided. */
export type Strategy<System extends string = string> =
  | PlainStrategy<System>
  /** Every edit is held against the rules first; the other strategy decides between those that pass. */
  | { readonly kind: 'business-rules'; readonly rules: readonly BusinessRule[]; readonly otherwise: PlainStrategy<System> };

/** A rule about a number and how it changes. */
export type BusinessRule =
  | { readonly kind: 'never-below' | 'never-above'; readonly bound: number }
  | { readonly kind: 'increase-needs-approval' | 'decrease-needs-approval' }
  | { readonly kind: 'change-needs-approval'; readonly abovePercent: number };

/** Which edits a field takes at all, also those that nobody contests. */
export type Policy<System extends string = string> =
  | BusinessRule
  | { readonly kind: 'maximum' | 'minimum' | 'fill-only' }
  | { readonly kind: 'source-of-truth'; readonly system: System; readonly reason: string }
  /** `until`: the day on which it is over, `YYYY-MM-DD`, from midnight UTC. */
  | { readonly kind: 'own-value'; readonly system: System; readonly reason: string; readonly until?: string };

/** The later edit wins. */
export const lastWriteWins = (): { readonly kind: 'last-write-wins' } => ({ kind: 'last-write-wins' });

/** The earlier edit wins. */
export const firstWriteWins = (): { readonly kind: 'first-write-wins' } => ({ kind: 'first-write-wins' });

/** One system wins. The reason is shown in the ledger, next to what lost. */
export const preferSystem = <const System extends string>(system: System, reason: string): SyncStrategy<System> => ({
  kind: 'prefer-system',
  system,
  reason,
});

/** A person decides; until then each system keeps its own value. */
export const manual = (): { readonly kind: 'manual' } => ({ kind: 'manual' });

/** Both changes of a number count: what either side added or took away. */
export const additive = (): { readonly kind: 'additive' } => ({ kind: 'additive' });

/** Both changes of a set count: what either side added is in, what either side removed is out. */
export const setUnion = (): { readonly kind: 'set-union' } => ({ kind: 'set-union' });

/**
 * A function of your own decides. It must be pure, and must not care which of the two edits is the record's: which one came first
 * is chance.
 *
 * @param name - shown in the ledger.
 */
export const custom = (name: string, decide: CustomDecision): SyncStrategy<never> => ({ kind: 'custom', name, decide });

/** Every edit is held against the rules first; `otherwise` decides between those that pass. */
export const businessRules = <const System extends string = never>(
  rules: readonly BusinessRule[],
  otherwise: PlainStrategy<System>,
): Strategy<System> => ({ kind: 'business-rules', rules, otherwise });

/** As a strategy: a value beats an empty field, and of two values the earlier stays. As a policy: nothing overwrites a value. */
export const fillOnly = (): { readonly kind: 'fill-only' } => ({ kind: 'fill-only' });

/** The greater value wins, and the field only grows. */
export const maximum = (): { readonly kind: 'maximum' } => ({ kind: 'maximum' });

/** The smaller value wins, and the field only shrinks. */
export const minimum = (): { readonly kind: 'minimum' } => ({ kind: 'minimum' });

/** Only edits of this system count; those of others are put back. */
export const sourceOfTruth = <const System extends string>(system: System, reason: string): Policy<System> => ({
  kind: 'source-of-truth',
  system,
  reason,
});

/** An edit below the bound is put back. */
export const neverBelow = (bound: number): BusinessRule => ({ kind: 'never-below', bound });

/** An edit above the bound is put back. */
export const neverAbove = (bound: number): BusinessRule => ({ kind: 'never-above', bound });

/** An increase waits for a person. */
export const increaseNeedsApproval = (): BusinessRule => ({ kind: 'increase-needs-approval' });

/** A decrease waits for a person. */
export const decreaseNeedsApproval = (): BusinessRule => ({ kind: 'decrease-needs-approval' });

/** A change by more than so many percent of what was there waits for a person. */
export const changeNeedsApproval = (abovePercent: number): BusinessRule => ({ kind: 'change-needs-approval', abovePercent });

/** What is edited in this system stays its own; the others keep theirs. */
export const ownValue = <const System extends string>(
  system: System,
  reason: string,
  options: { readonly until?: string } = {},
): Policy<System> => ({ kind: 'own-value', system, reason, ...options });
