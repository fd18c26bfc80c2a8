import type { SyncConfig } from '../../../shared/config/define-sync.ts';
import type { CallOutlook } from '../kernel/incarnation.ts';
import type { PlainField } from './plain/draw-config.ts';
import type { LoggedChange, PlainKind } from './plain/plain-crm.ts';
import type { PlainWorld } from './plain/plain-world.ts';

/** What a scenario has at hand while it is played. Times count from the moment in which all is quiet after the first sync, ms. */
export interface Stage {
  readonly world: PlainWorld;
  /** The person's object in a system; there is one person where the scenario says nothing else. */
  objectOf(system: string, email?: string): string;
  at(ms: number, act: () => void): void;
  /** Somebody saves one field of the person. */
  edit(atMs: number, system: string, field: PlainField, value: string | null): void;
  /** The first call of a port that begins thus, from `fromMs` on, meets this; everything else comes through quickly. */
  meets(portPrefix: string, outlook: Partial<CallOutlook>, fromMs?: number): void;
  /** Just before the first call of a port that begins thus takes effect, from `fromMs` on. */
  before(portPrefix: string, act: () => void, fromMs?: number): void;
  /** Reads of a system by id show what was there so long ago, in this stretch of time. */
  lags(system: string, lagMs: number, fromMs: number, untilMs: number): void;
  /** Notifications that are lost. */
  loses(is: (change: LoggedChange) => boolean): void;
  /** How long the notification about a change takes, ms; undefined: as ever. */
  delays(by: (change: LoggedChange) => number | undefined): void;
}

/** A short story that is walked: told once undisturbed, then again with a death at each of its calls. */
export interface Scenario {
  readonly name: string;
  /** What it is about, as ARCHITECTURE's races say it. */
  readonly about: string;
  readonly kinds: readonly (readonly [string, PlainKind])[];
  readonly readLagMs?: number;
  readonly strategy?: SyncConfig['strategy'];
  /** What a system makes of a value that it is given. */
  readonly stores?: (system: string, field: string, value: string) => string;
  /** Who is there before the sync; Ada in every system where absent. */
  readonly before?: (world: PlainWorld) => void;
  /** Deaths are tried in the first sync instead of after it. */
  readonly walksFirstSync?: true;
  readonly play: (stage: Stage) => void;
  /** What must be there at the end in every system, where the scenario has but one right end. */
  readonly ends?: Readonly<Partial<Record<PlainField, string | null>>>;
  /** Objects that each system holds at the end; one where absent. */
  readonly objects?: number;
}
