import type { Chooser } from '../kernel/choice-tape.ts';
import { drawSetup, type SetupWishes } from './draw-setup.ts';
import type { FaultId, FaultStrengths } from './faults.ts';
import { ACTIONS, type Action, type PeopleOptions } from './people.ts';
import type { WorldOptions } from './world.ts';

/** Strengths to draw from, in per mille of the occasions; what is not named here is on only where a run asks for it. */
const STRENGTHS: Readonly<Partial<Record<FaultId, readonly number[]>>> = {
  F01: [50, 300],
  F02: [50, 300],
  F03: [20, 200, 1_000],
  F04: [20, 200],
  F05: [30],
  F06: [10],
  F07: [20, 200],
  F08: [300],
  F09: [100, 500],
  F10: [50],
  F11: [20],
  F12: [100, 400],
  F13: [60],
  F14: [5],
  F16: [30],
  F20: [30, 200],
  F21: [20, 100],
  F22: [20, 100],
  F23: [5, 30],
  F24: [60],
  F25: [150, 400],
  F28: [400],
  F29: [500],
  F36: [50, 500],
  F58: [50, 400],
};

/** What only some runs have: they change what a life of an object is. */
const LIFE: readonly Action[] = [
  'delete',
  'delete what another edits',
  'restore',
  'recreate',
  'merge',
  'swap keys',
  'create a duplicate',
  'unwelcome value',
  'odd value',
  'retype in another form',
];

export interface WorldWishes extends SetupWishes {
  /** In place of drawn ones. */
  readonly faults?: FaultStrengths;
  readonly people?: Partial<PeopleOptions>;
  /** Faults that are left out however they are drawn. */
  readonly without?: readonly FaultId[];
}

/** Many short runs find more than few long ones; some bugs need a long one. */
const EDITS: readonly number[] = [40, 100, 200, 10, 10, 10, 10, 10, 15, 15, 15, 15, 25, 25, 25, 25];

/** Swarm: which faults are on and how strong, what people do, and what the systems are like. */
export function drawWorld(chooser: Chooser, wishes: WorldWishes = {}): WorldOptions {
  const faults = wishes.faults ?? drawFaults(chooser, wishes.without ?? []);
  const isLively = chooser.chance(700, 'world');
  const basic = actions().filter((action) => !LIFE.includes(action));
  const extra = isLively ? LIFE.filter(() => chooser.chance(600, 'world')) : [];
  return {
    setup: drawSetup(chooser, faults, wishes),
    faults,
    people: {
      edits: EDITS[chooser.choose(EDITS.length, 'world')] ?? 40,
      hot: [3, 8, 20][chooser.choose(3, 'world')] ?? 3,
      seeded: [2, 6, 15][chooser.choose(3, 'world')] ?? 2,
      actions: [...basic, ...extra],
      ...wishes.people,
    },
  };
}

function drawFaults(chooser: Chooser, without: readonly FaultId[]): FaultStrengths {
  const drawn: Partial<Record<FaultId, number>> = {};
  for (const [id, strengths] of Object.entries(STRENGTHS)) {
    if (!chooser.chance(350, 'world faults')) continue;
    const strength = strengths[chooser.choose(strengths.length, 'world faults')] ?? 0;
    if (isFaultId(id) && !without.includes(id)) drawn[id] = strength;
  }
  return drawn;
}

function isFaultId(id: string): id is FaultId {
  return Object.hasOwn(STRENGTHS, id);
}

function actions(): Action[] {
  return Object.keys(ACTIONS).filter((name): name is Action => Object.hasOwn(ACTIONS, name));
}
