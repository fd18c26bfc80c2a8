// The three-way table of the architecture, written a second time: slowly, in the order of its rows, and sharing no code with the
// engine. What the two say of the same facts must be the same.

export type Value = string | number | boolean | null;

export interface Edit {
  readonly value: Value;
  readonly atMs: number;
  readonly by: string;
}

export interface ReferenceStrategy {
  readonly kind: string;
  /** Of prefer-system. */
  readonly system?: string;
}

export interface ReferencePolicy {
  readonly kind: string;
  readonly system?: string;
  readonly bound?: number;
  readonly abovePercent?: number;
}

export interface Facts {
  /** What the system was last seen to hold; `never` where it was not looked at. */
  readonly seen: { readonly never: true } | { readonly value: Value; readonly atMs?: number };
  /** What it holds now, who saved it (the system) and when. */
  readonly now: Edit;
  readonly record: Edit | undefined;
  readonly strategy: ReferenceStrategy;
  readonly firstSync: ReferenceStrategy;
  readonly policies: readonly ReferencePolicy[];
  /** Whether the field travels from this system at all. */
  readonly admitted: boolean;
  /** Systems in the order of the config; whoever is not among them decides as a person. */
  readonly systems: readonly string[];
  readonly same: (a: Value, b: Value) => boolean;
}

export type Outcome =
  /** Nothing happened there. */
  | { readonly what: 'nothing' }
  /** Both sides hold the same. */
  | { readonly what: 'agree' }
  /** The record takes a value: this side's, or one made of both. */
  | { readonly what: 'take'; readonly value: Value }
  /** The record stays; `lost` where this side's value is to be named. */
  | { readonly what: 'keep'; readonly lost: boolean }
  | { readonly what: 'hold' }
  /** This system shall differ. */
  | { readonly what: 'own' };

export function referenceDecision(facts: Facts): Outcome {
  const { seen, now, record, strategy, policies, same } = facts;
  const held = record?.value ?? null;
  if (!('never' in seen) && same(seen.value, now.value)) return { what: 'nothing' };

  const countsTwice = strategy.kind === 'additive' && !('never' in seen);
  const isItsOwn = policies.some((policy) => policy.kind === 'own-value' && policy.system === now.by);
  if (record !== undefined && same(held, now.value) && !countsTwice && !isItsOwn) return { what: 'agree' };

  if ('never' in seen) {
    if (now.value === null) return { what: 'keep', lost: false };
    if (!facts.admitted) return { what: 'keep', lost: true };
    if (held === null) return { what: 'take', value: now.value };
    const objection = objectionOf(facts, held);
    if (objection !== undefined) return objection;
    const byValue = ['maximum', 'minimum', 'set-union'].includes(strategy.kind);
    return contest(facts, null, record ?? nobody(), byValue ? strategy : facts.firstSync);
  }

  if (!facts.admitted) return { what: 'keep', lost: true };
  const objection = objectionOf(facts, seen.value);
  if (objection !== undefined) return objection;
  if (same(held, seen.value)) return { what: 'take', value: now.value };
  // An edit is later than what it was made on, whatever its clock says.
  const atMs = Math.max(now.atMs, (seen.atMs ?? 0) + 1);
  return contest({ ...facts, now: { ...now, atMs } }, seen.value, record ?? nobody(), strategy);
}

/** Policies: which edits a field takes at all. Bounds speak first, approvals last. */
function objectionOf(facts: Facts, base: Value): Outcome | undefined {
  const { now, policies } = facts;
  const of = (...kinds: string[]) => policies.filter(({ kind }) => kinds.includes(kind));
  const REFUSED: Outcome = { what: 'keep', lost: true };
  const HELD: Outcome = { what: 'hold' };
  for (const { kind, bound = 0 } of of('never-below', 'never-above')) {
    if (now.value === null) continue;
    const amount = numberOf(now.value);
    if (amount === undefined) return HELD;
    if (kind === 'never-below' ? amount < bound : amount > bound) return REFUSED;
  }
  if (of('own-value').some(({ system }) => system === now.by)) return { what: 'own' };
  if (of('source-of-truth').some(({ system }) => system !== now.by)) return REFUSED;
  if (of('fill-only').length > 0 && base !== null) return REFUSED;
  for (const { kind } of of('maximum', 'minimum')) {
    if (base === null) continue;
    if (now.value === null) return REFUSED;
    const order = ordered(now.value, base);
    if (order === undefined) return HELD;
    if (kind === 'maximum' ? order < 0 : order > 0) return REFUSED;
  }
  for (const { kind, abovePercent = 0 } of of('increase-needs-approval', 'decrease-needs-approval', 'change-needs-approval')) {
    const from = numberOf(base ?? 0);
    const to = numberOf(now.value ?? 0);
    if (from === undefined || to === undefined) return HELD;
    if (kind === 'increase-needs-approval' && to > from) return HELD;
    if (kind === 'decrease-needs-approval' && to < from) return HELD;
    if (
      kind === 'change-needs-approval' &&
      to !== from &&
      (from === 0 || Math.abs(to - from) * 100 > abovePercent * Math.abs(from))
    )
      return HELD;
  }
  return undefined;
}

/** Strategies: who wins of two edits that did not know of each other. */
function contest(facts: Facts, base: Value, record: Edit, strategy: ReferenceStrategy): Outcome {
  const { now } = facts;
  const nowWins = (wins: boolean): Outcome => (wins ? { what: 'take', value: now.value } : { what: 'keep', lost: true });
  const isFilled = (edit: Edit) => edit.value !== null;
  switch (strategy.kind) {
    case 'last-write-wins':
      return nowWins(isLater(now, record, facts.systems));
    case 'first-write-wins':
      return nowWins(isEarlier(now, record, facts.systems));
    case 'prefer-system': {
      const mine = now.by === strategy.system;
      const theirs = record.by === strategy.system;
      return nowWins(mine === theirs ? isLater(now, record, facts.systems) : mine);
    }
    case 'manual':
      return { what: 'hold' };
    case 'fill-only':
      return nowWins(isFilled(now) === isFilled(record) ? isEarlier(now, record, facts.systems) : isFilled(now));
    case 'maximum':
    case 'minimum': {
      if (isFilled(now) !== isFilled(record)) return nowWins(isFilled(now));
      const order = isFilled(now) ? ordered(now.value, record.value) : 0;
      if (order === undefined) return { what: 'hold' };
      if (order === 0) return nowWins(isLater(now, record, facts.systems));
      return nowWins(strategy.kind === 'maximum' ? order > 0 : order < 0);
    }
    case 'additive': {
      if (base !== null && (!isFilled(now) || !isFilled(record))) return { what: 'hold' };
      const [from, kept, to] = [numberOf(base ?? 0), numberOf(record.value ?? 0), numberOf(now.value ?? 0)];
      if (from === undefined || kept === undefined || to === undefined) return { what: 'hold' };
      const sum = kept + to - from;
      // Nobody wrote the sum, so nobody's edit can be refused for it.
      const isBeyond = facts.policies.some(
        ({ kind, bound = 0 }) => (kind === 'never-below' && sum < bound) || (kind === 'never-above' && sum > bound),
      );
      return isBeyond ? { what: 'hold' } : { what: 'take', value: sum };
    }
    case 'set-union': {
      const before = members(base);
      const mine = members(now.value);
      const theirs = members(record.value);
      const all = [...new Set([...mine, ...theirs])].filter((member) => {
        const isRemoved = before.includes(member) && (!mine.includes(member) || !theirs.includes(member));
        return !isRemoved;
      });
      return { what: 'take', value: all.length === 0 ? null : all.sort().join(';') };
    }
    default:
      throw new Error(`the reference does not know the strategy ${strategy.kind}`);
  }
}

/** A total order: time, then the system named first, then the value itself. */
function isLater(a: Edit, b: Edit, systems: readonly string[]): boolean {
  return a.atMs === b.atMs ? winsTie(a, b, systems) : a.atMs > b.atMs;
}

function isEarlier(a: Edit, b: Edit, systems: readonly string[]): boolean {
  return a.atMs === b.atMs ? winsTie(a, b, systems) : a.atMs < b.atMs;
}

/** True where `a` wins; of one and the same edit the one that is there stays. */
function winsTie(a: Edit, b: Edit, systems: readonly string[]): boolean {
  const [rankA, rankB] = [systems.indexOf(a.by), systems.indexOf(b.by)];
  if (rankA !== rankB) return rankA < rankB;
  return JSON.stringify(a.value) > JSON.stringify(b.value);
}

function nobody(): Edit {
  return { value: null, atMs: 0, by: 'nobody' };
}

function numberOf(value: Value): number | undefined {
  if (typeof value === 'boolean' || value === null) return undefined;
  const text = String(value).trim();
  return text === '' || Number.isNaN(Number(text)) ? undefined : Number(text);
}

/** Numbers as numbers, texts as texts; what is of two sorts has no order. */
function ordered(a: Value, b: Value): number | undefined {
  const [numberA, numberB] = [numberOf(a), numberOf(b)];
  if (numberA !== undefined && numberB !== undefined) return Math.sign(numberA - numberB);
  if (typeof a !== 'string' || typeof b !== 'string') return undefined;
  if (numberA !== undefined || numberB !== undefined) return undefined;
  return a === b ? 0 : a > b ? 1 : -1;
}

function members(value: Value): string[] {
  if (value === null) return [];
  return [
    ...new Set(
      String(value)
        .split(';')
        .map((member) => member.trim())
        .filter((member) => member !== ''),
    ),
  ];
}

/** Re-decides a decision as the ledger tells it: two values, who made them and when, and which of the two won. */
export function isRightWinner(
  winner: Edit,
  loser: Edit,
  strategy: ReferenceStrategy,
  systems: readonly string[],
): boolean | undefined {
  const order = (later: boolean) => (later ? isLater : isEarlier)(loser, winner, systems);
  switch (strategy.kind) {
    case 'last-write-wins':
      return !order(true);
    case 'first-write-wins':
      return !order(false);
    case 'prefer-system': {
      const [wins, loses] = [winner.by === strategy.system, loser.by === strategy.system];
      return wins === loses ? !order(true) : wins;
    }
    case 'fill-only':
      if ((winner.value === null) !== (loser.value === null)) return loser.value === null;
      return !order(false);
    case 'maximum':
    case 'minimum': {
      if ((winner.value === null) !== (loser.value === null)) return loser.value === null;
      const compared = winner.value === null ? 0 : ordered(winner.value, loser.value);
      if (compared === undefined) return undefined;
      return compared === 0 ? !order(true) : compared > 0 === (strategy.kind === 'maximum');
    }
    default:
      return undefined; // nobody, or neither, wins
  }
}
